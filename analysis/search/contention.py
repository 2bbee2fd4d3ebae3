"""Whether the machine was busy with other work while a study ran: charged seconds that bought less than they should.

Charged seconds in which the work was ready and had no CPU (`waited_s`) are set against the others: the factor says how
many times as long everything took as with a CPU at all times. For one thread that computes without a pause it is the
charged seconds over those of CPU; but a single thread in a slot of four CPUs is no sign of a busy machine, and is not
taken for one. On a GPU, and where the kernel does not tell, nothing is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

from analysis.records.schema import FeatureCost

CONTENDED = 1.3  # a factor above it changes what a study's seconds mean
ENOUGH_S = 10.0  # charged, before anything is concluded: a hundred tiny trials wait for whoever starts and notes them
ENOUGH_SHARE = 0.1  # of what an approach may charge in all, where that is less than ENOUGH_S
LEAST_WORKED = 0.01  # of the charged seconds are taken to have had a CPU


def contention(
    trials: pd.DataFrame,
    features: Iterable[FeatureCost] = (),
    *,
    budget_s: float | None = None,
    charged_first: Mapping[str, float] | None = None,
) -> dict[str, float | None]:
    """How many times as long each approach's work took as it would have on a machine of its own.

    Args:
        trials: a trial table (records.trials.trial_table), all of it or some.
        features: what the approaches were charged for frozen features, where that shall count too.
        budget_s: what all searches of an approach may charge together, where that is known.
        charged_first: of each approach, seconds that each of its trials is charged for features before it works; nobody
            waited in them, and they are left out.

    Returns:
        By approach, in the order in which they occur: charged seconds over those of them that did not pass in waiting
        for a CPU, at least 1; None where nothing is known, or too little was charged. Trials of which nothing is known
        are left out.
    """
    first = trials.approach.map(charged_first or {}).astype(float).fillna(0.0)
    worked = (trials.charged_s.astype(float) - first).clip(lower=0.0)
    metered = worked + trials.overshoot_s.astype(float)  # the meter runs until a step is over
    waited = pd.to_numeric(trials.waited_s)
    seconds: dict[str, list[tuple[float, float]]] = {str(name): [] for name in trials.approach.unique()}
    for name, one, without_cpu in zip(trials.approach, metered, waited, strict=True):
        if pd.notna(without_cpu):
            seconds[str(name)].append((one, without_cpu))
    for cost in features:
        for name in cost.approaches:
            if cost.waited_s is not None:
                seconds.setdefault(name, []).append((cost.cost_s, cost.waited_s))
    enough_s = ENOUGH_S if budget_s is None else min(ENOUGH_S, ENOUGH_SHARE * budget_s)
    return {name: _factor(parts, enough_s) for name, parts in seconds.items()}


def contended(factors: dict[str, float | None]) -> dict[str, float]:
    """Those above CONTENDED, the worst first."""
    found = {name: factor for name, factor in factors.items() if factor is not None and factor > CONTENDED}
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def factor_of(charged_s: float, waited_s: float) -> float:
    """Charged seconds over those that did not pass in waiting for a CPU."""
    if charged_s <= 0:
        return 1.0
    worked_s = max(charged_s - waited_s, LEAST_WORKED * charged_s)  # all of it waiting is no calm machine
    return max(1.0, charged_s / worked_s) if worked_s > 0 else 1 / LEAST_WORKED


def _factor(parts: list[tuple[float, float]], enough_s: float) -> float | None:
    charged_s, waited_s = (sum(column) for column in zip(*parts, strict=True)) if parts else (0.0, 0.0)
    return factor_of(charged_s, waited_s) if charged_s >= enough_s else None
