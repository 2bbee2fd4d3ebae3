"""A line about a machine that is busy with other work: while a study runs, and in its status."""

from __future__ import annotations

from collections.abc import Mapping

from analysis.records.schema import TrialEvent
from analysis.search.contention import CONTENDED, ENOUGH_S, contended, factor_of

WORSE = 1.5  # so many times the factor that was told is told again


class Busy:
    """Follows a study's trials, and says when its seconds buy less than they should."""

    def __init__(self) -> None:
        self._trials: dict[str, tuple[float, float]] = {}  # charged, waited
        self._sums: dict[str, tuple[float, float]] = {}  # the same of an approach, so that an event costs no more later
        self._told = CONTENDED / WORSE

    def see(self, event: TrialEvent) -> str | None:
        """A line where an event shows that the machine is busy, or far busier than when it was last told."""
        if event.event == "started":  # what it is charged for features before it works, nobody waited in
            self._trials[event.trial] = (event.charged_s, 0.0)
        if event.waited_s is None:
            return None
        charged, waited = self._sums.get(event.approach, (0.0, 0.0))
        before = self._trials.get(event.trial, (0.0, 0.0))
        now = self._trials[event.trial] = (event.charged_s + event.overshoot_s, event.waited_s)
        self._sums[event.approach] = (charged + now[0] - before[0], waited + now[1] - before[1])
        busy = self._contended()
        worst = max(busy.values(), default=0.0)
        if worst <= WORSE * self._told:
            return None
        self._told = worst
        return busy_line(busy)

    @property
    def line(self) -> str | None:
        """What is to be said of all events so far."""
        return busy_line(self._contended())

    def _contended(self) -> Mapping[str, float]:
        return contended({name: _factor(*seconds) for name, seconds in self._sums.items()})


def busy_line(busy: Mapping[str, float]) -> str | None:
    """What is told of approaches whose work waits for a CPU, by factor; None where there are none."""
    if not busy:
        return None
    factors = ", ".join(f"{name} {factor:.1f}" for name, factor in busy.items())
    return (
        f"Busy machine: charged seconds over those with a CPU are {factors}; other programs had the rest, so the "
        "budget buys less training; let the study have its machine to itself"
    )


def _factor(charged_s: float, waited_s: float) -> float | None:
    return factor_of(charged_s, waited_s) if charged_s >= ENOUGH_S else None
