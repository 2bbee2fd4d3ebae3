"""Search and final runs as one sequence of turns."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from analysis.records.schema import TrialEvent
from study.search.stages import Stages
from study.search.turns import ListedTurns, Turn
from trainables.spec import TrialSpec


def turn(name: str) -> Turn:
    spec = TrialSpec(trial=name, approach="cnn", phase="search", index=0, params={}, seed=0, allowance_s=1.0)
    return Turn(spec=spec, origin="suggested")


def finished(name: str) -> TrialEvent:
    return TrialEvent(
        trial=name, approach="cnn", phase="search", index=0, seed=0, allowance_s=1.0, order=1, event="finished"
    )


class Case:
    """Stages of trials by name, and which of them have begun, in order."""

    def __init__(self, *stages: list[str]) -> None:
        self.told: list[str] = []
        self.stages = Stages(self._made(stages))

    def _made(self, stages: tuple[list[str], ...]) -> Iterator[ListedTurns]:
        for names in stages:
            self.told.append(f"begins with {names[0]}" if names else "nothing to do")
            yield ListedTurns([turn(name) for name in names])
        self.told.append("over")

    def next(self) -> str | None:
        given = self.stages.next()
        return None if given is None else given.trial

    def end(self, name: str) -> None:
        self.stages.ended(name, finished(name))


def test_a_stage_begins_only_when_the_last_trial_of_the_one_before_has_ended():
    case = Case(["a", "b"], ["c"])
    assert (case.next(), case.next(), case.next()) == ("a", "b", None)
    case.end("a")
    assert (case.next(), case.stages.finished) == (None, False)
    assert case.told == ["begins with a"]
    case.end("b")
    assert case.next() == "c"
    assert case.told == ["begins with a", "begins with c"]


def test_all_is_finished_when_the_last_stage_is():
    case = Case(["a"], ["b"])
    for name in "ab":
        assert not case.stages.finished
        assert case.next() == name
        case.end(name)
    assert case.stages.finished
    assert case.next() is None
    assert case.told[-1] == "over"


def test_a_stage_with_nothing_to_do_is_passed_over():
    assert Case([], ["a"]).next() == "a"
    assert Case([], []).stages.finished
    assert Case().stages.finished


def test_what_goes_wrong_between_two_stages_is_raised_where_a_trial_is_asked_for():
    def made() -> Iterator[ListedTurns]:
        yield ListedTurns([turn("a")])
        raise ValueError("nothing was found")

    stages = Stages(made())
    stages.next()
    stages.ended("a", finished("a"))
    with pytest.raises(ValueError, match="nothing was found"):
        stages.next()
