"""What a study would do, computed without running anything."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.statistics.looks import Look, look_alpha
from analysis.statistics.power import planned_detectable
from study.config.models import StudyConfig
from study.extend import More, extended
from study.planning.suggest import wall_s
from study.planning.timing import Timing, Untimed
from trainables.data.dataset import Dataset
from trainables.data.description import DatasetDescription, describe


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A study before it runs.

    Attributes:
        slots: trials at once on the machine or cluster it would run on.
        gpus: GPUs of one slot.
        search_s: expected wall time of all searches, if the slots are kept busy.
        final_s: wall time of the final runs at most.
        total_s: expected wall time of everything, by the timings; without them the most that the budgets allow.
        timings: of each approach, or none.
        detectable: smallest accuracy difference it has an 80 % chance to find (see `planned_detectable`); None: none.
        overstated: whether that chance is smaller: two repetitions of three approaches or more find it in 55 to 75 % of
            studies (benchmarks/README.md).
        first_alpha: level of the first look at the results: all of alpha, unless `settle` plans others.
        settled: what the study comes to at most, where `settle` lets it go on by itself.
        repeated: where the search is not repeated, what the default number of replicates would make of this plan.
    """

    config: StudyConfig
    data: DatasetDescription
    slots: int
    gpus: float
    search_s: float
    final_s: float
    total_s: float
    detectable: float | None
    overstated: bool
    first_alpha: float
    timings: tuple[Timing | Untimed, ...] = ()
    settled: Plan | None = None
    repeated: Plan | None = None


def plan(
    config: StudyConfig, dataset: Dataset, *, slots: int, gpus: float, timings: tuple[Timing | Untimed, ...] = ()
) -> Plan:
    """Plan a study for so many slots."""
    searches = len(config.approaches) * config.replicates
    runs = len(config.approaches) * config.final_runs
    # The search is repeated to see its luck, so then the replicate is what varies, as the seed otherwise.
    repetitions = config.replicates if config.replicates > 1 else config.final_runs
    groups = dataset.splits["test"].groups
    units = len(dataset.splits["test"]) if groups is None else len(set(groups))
    settled = _settled(config)
    first_alpha = look_alpha(config.significance.alpha, [_first_look(config)])
    return Plan(
        config=config,
        data=describe(dataset),
        slots=slots,
        gpus=gpus,
        search_s=searches * config.budget.search_seconds / slots,
        final_s=runs * config.final_seconds / slots,
        total_s=wall_s(config, timings, slots),
        detectable=planned_detectable(units, repetitions, alpha=first_alpha, approaches=len(config.approaches)),
        overstated=repetitions == 2 and len(config.approaches) > 2,
        timings=timings,
        first_alpha=first_alpha,
        settled=plan(settled, dataset, slots=slots, gpus=gpus, timings=timings) if settled else None,
        repeated=plan(_repeated(config), dataset, slots=slots, gpus=gpus, timings=timings)
        if config.replicates == 1
        else None,
    )


def _first_look(config: StudyConfig) -> Look:
    planned = config.replicates / config.settle.at_most if config.settle else None
    return Look(config.final_runs, planned=planned)


def _settled(config: StudyConfig) -> StudyConfig | None:
    """The same study as it is when it has gone on to the end; None where it does not go on."""
    if config.settle is None or config.settle.at_most == config.replicates:
        return None
    at_most = extended(config, More(replicates=config.settle.at_most))
    return at_most.model_copy(update={"settle": None})


def _repeated(config: StudyConfig) -> StudyConfig:
    """The same study with as many replicates as a file has that names no number, a final run for each, and no more."""
    replicates = StudyConfig.model_fields["replicates"].default
    final = config.final.model_copy(update={"runs": None})
    return config.model_copy(update={"replicates": replicates, "final": final, "settle": None})
