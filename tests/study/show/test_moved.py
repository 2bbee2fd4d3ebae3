"""A study that goes on elsewhere than it began."""

from __future__ import annotations

from analysis.records.schema import PhaseEvent, TrialEvent
from study.show.moved import Moved


def started(host: str | None, device: str | None = "cpu", trial: int = 0) -> TrialEvent:
    name = f"svm-r0-{trial:04d}"
    identity = {"trial": name, "approach": "svm", "phase": "search", "index": trial}
    return TrialEvent(**identity, order=0, event="started", host=host, device=device)


def told(earlier: list[TrialEvent], *now: TrialEvent | PhaseEvent) -> list[str]:
    lines: list[str] = []
    moved = Moved(earlier, lines.append)
    for event in now:
        moved(event)
    return lines


def test_another_machine_or_device_is_said_once():
    (line,) = told([started("old"), started("old")], started("old"), started("new"), started("newer"))
    assert line.startswith("warning: earlier trials ran on old (cpu), these run on new (cpu): a second buys another")
    (line,) = told([started("old")], started("old", "NVIDIA H100"))
    assert "on old (cpu), these run on old (NVIDIA H100)" in line


def test_the_same_machine_a_first_session_and_what_does_not_tell_say_nothing():
    assert told([started("old"), started("other")], started("other")) == []
    assert told([], started("one"), started("other")) == []
    assert told([started(None)], started("new")) == []
    assert told([started("old")], started(None), PhaseEvent(phase="search", event="started", slots=1)) == []
