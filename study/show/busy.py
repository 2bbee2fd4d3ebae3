"""A line about a machine that is busy with other work: while a study runs, and in its status."""

from __future__ import annotations

from collections.abc import Mapping

from analysis.records.schema import TrialEvent
from analysis.search.contention import CONTENDED, contended, factor_of

ENOUGH_S = 5.0  # charged to an approach before anything is concluded: the first steps are few
WORSE = 1.5  # so many times the factor that was told is told again


class Busy:
    """Follows a study's trials, and says when its seconds buy less than they should."""

    def __init__(self) -> None:
        self._seconds: dict[str, dict[str, tuple[float, float]]] = {}  # charged, waited: by approach and trial
        self._told = CONTENDED / WORSE

    def see(self, event: TrialEvent) -> str | None:
        """A line where an event shows that the machine is busy, or far busier than when it was last told."""
        if event.waited_s is None:
            return None
        own = self._seconds.setdefault(event.approach, {})
        own[event.trial] = (event.charged_s + event.overshoot_s, event.waited_s)
        busy = contended({name: _factor(trials) for name, trials in self._seconds.items()})
        worst = max(busy.values(), default=0.0)
        if worst <= WORSE * self._told:
            return None
        self._told = worst
        return busy_line(busy)


def busy_line(busy: Mapping[str, float]) -> str | None:
    """What is told of approaches whose work waits for a CPU, by factor; None where there are none."""
    if not busy:
        return None
    factors = ", ".join(f"{name} {factor:.1f}" for name, factor in busy.items())
    return (
        f"Busy machine: charged seconds over those with a CPU are {factors}; other programs had the rest, so the "
        "budget buys less training; let the study have its machine to itself"
    )


def _factor(trials: Mapping[str, tuple[float, float]]) -> float | None:
    charged_s, waited_s = (sum(column) for column in zip(*trials.values(), strict=True))
    return factor_of(charged_s, waited_s) if charged_s >= ENOUGH_S else None
