"""What a study would do, computed without running anything."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.statistics.power import planned_detectable
from study.config.models import StudyConfig
from trainables.data.dataset import Dataset, DatasetDescription, describe


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A study before it runs.

    Attributes:
        slots: trials at once on the machine or cluster it would run on.
        gpus: GPUs of one slot.
        search_s: expected wall time of the search, if the slots are kept busy.
        final_s: wall time of the final runs at most.
        detectable: smallest accuracy difference it has an 80 % chance to find (see `planned_detectable`); None: none.
    """

    config: StudyConfig
    data: DatasetDescription
    slots: int
    gpus: float
    search_s: float
    final_s: float
    detectable: float | None


def plan(config: StudyConfig, dataset: Dataset, *, slots: int, gpus: float) -> Plan:
    """Plan a study for so many slots."""
    searches = len(config.approaches) * config.replicates
    runs = searches * config.final.seeds
    # The search is repeated to see its luck, so then the replicate is what varies, as the seed otherwise.
    repetitions = config.replicates if config.replicates > 1 else config.final.seeds
    groups = dataset.splits["test"].groups
    units = len(dataset.splits["test"]) if groups is None else len(set(groups))
    return Plan(
        config=config,
        data=describe(dataset),
        slots=slots,
        gpus=gpus,
        search_s=searches * config.budget.search_seconds / slots,
        final_s=runs * config.final_seconds / slots,
        detectable=planned_detectable(
            units, repetitions, alpha=config.significance.alpha, approaches=len(config.approaches)
        ),
    )
