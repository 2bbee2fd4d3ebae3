"""One stage after another, as one sequence of turns: the processes of the search go on with the final runs."""

from __future__ import annotations

from collections.abc import Iterable

from analysis.records.schema import TrialEvent
from study.search.turns import EqualTimeTurns, ListedTurns, Turn

Stage = EqualTimeTurns | ListedTurns


class Stages:
    """Turns of several stages; each stage begins when the one before it is finished.

    Args:
        stages: each is made when it is to begin; whatever is to be done between two of them is done then.
    """

    def __init__(self, stages: Iterable[Stage]) -> None:
        self._stages = iter(stages)
        self._now = next(self._stages, None)

    @property
    def finished(self) -> bool:
        """Whether the last stage is finished."""
        return self._current() is None

    def next(self) -> Turn | None:
        """The next trial to start; None if there is none just now."""
        stage = self._current()
        return None if stage is None else stage.next()

    def ended(self, trial: str, event: TrialEvent) -> None:
        """Settle a trial with its last event."""
        assert self._now is not None, "a trial has ended, so its stage is not finished"
        self._now.ended(trial, event)

    def _current(self) -> Stage | None:
        """The stage that has something left to run, or runs."""
        while self._now is not None and self._now.finished:
            self._now = next(self._stages, None)
        return self._now
