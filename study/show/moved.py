"""A line about a study that goes on elsewhere than it began: there a second buys another amount of training."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from analysis.records.schema import PhaseEvent, TrialEvent


class Moved:
    """A listener that says once that trials run on other machines than those of earlier sessions.

    Args:
        earlier: what those left on record.
        say: shows a line.
    """

    def __init__(self, earlier: Iterable[TrialEvent], say: Callable[[str], None]) -> None:
        self._before = {_machine(event): None for event in earlier if event.host}  # in the order of their first trials
        self._say = say

    def __call__(self, event: TrialEvent | PhaseEvent) -> None:
        """Take note of where a trial runs; its events that do not tell, and those of phases, say nothing."""
        if isinstance(event, PhaseEvent) or not event.host or not self._before or _machine(event) in self._before:
            return
        self._say(
            f"warning: earlier trials ran on {', '.join(self._before)}, these run on {_machine(event)}: a second buys "
            "another amount of training there, so that earlier and later trials compare less well; go on where it began"
        )
        self._before = {}


def _machine(event: TrialEvent) -> str:
    return f"{event.host} ({event.device or 'device unknown'})"
