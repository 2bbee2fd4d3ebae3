"""The looks at a study's test results: those on record, this one, and putting it on record.

A look is new when other final runs count than at the one before. It goes on record once the final runs are finished;
one while they still run is reckoned with as long as the report stands, and forgotten then.
"""

from __future__ import annotations

import pandas as pd

from analysis.records.reading import StudyRecords
from analysis.records.schema import LookEvent, PairVerdict
from analysis.records.store import Store
from analysis.report.comparison import Comparison
from analysis.statistics.looks import Look


def looks_at(records: StudyRecords, trials: pd.DataFrame) -> tuple[Look, ...]:
    """All looks at a study, this one the last; `trials` is its trial_table without superseded runs."""
    taken = [(event.replicates, event.runs, event.planned, event.renewed) for event in records.looks]
    counted = _counted(trials)
    if _is_new(records, counted):
        replicates = records.settings.replicates
        taken.append((replicates, _runs(trials, counted), _planned(records), _renewed(records, counted)))
    looks: list[Look] = []
    units, before = 0.0, (1, 1)
    for replicates, runs, planned, renewed in taken:
        units = units * _growth(before, (replicates, runs)) or float(runs)
        before = (replicates, runs)
        looks.append(Look(units, replicates / planned if planned else None, renewed))
    return tuple(looks)


def test_reads(records: StudyRecords) -> int:
    """How often the test split has been read: once in every final run that was evaluated, whether it counts or not."""
    return int((records.events.event == "evaluated").sum())


def record_look(store: Store, records: StudyRecords, trials: pd.DataFrame, compared: Comparison | None) -> None:
    """Put this look on record, unless it is there already or the final runs are not finished."""
    counted = _counted(trials)
    if compared is None or not _is_new(records, counted) or not _finished(records):
        return
    this = compared.design.looks[-1]
    look = LookEvent(
        replicates=records.settings.replicates,
        search_seconds=records.settings.budget.search_seconds,
        runs=_runs(trials, counted),
        counted=counted,
        renewed=this.renewed,
        planned=_planned(records),
        test_reads=test_reads(records),
        alpha=compared.design.look_alpha,
        verdicts=_verdicts(compared),
        study=store.read_bytes("study.yaml").decode(),
    )
    store.write_look(look)


def _growth(before: tuple[int, int], now: tuple[int, int]) -> float:
    """By which factor the units grew: replicates or runs, whichever grew more, so that looks count as less alike."""
    return max(1.0, *(new / old for new, old in zip(now, before, strict=True)))


def _counted(trials: pd.DataFrame) -> tuple[str, ...]:
    """The final runs that were evaluated, by name."""
    return tuple(trials.trial[(trials.phase == "final") & trials.test_accuracy.notna()])


def _runs(trials: pd.DataFrame, counted: tuple[str, ...]) -> int:
    return int(trials[trials.trial.isin(counted)].groupby("approach").size().max())


def _is_new(records: StudyRecords, counted: tuple[str, ...]) -> bool:
    return bool(counted) and (not records.looks or set(records.looks[-1].counted) != set(counted))


def _renewed(records: StudyRecords, counted: tuple[str, ...]) -> bool:
    return bool(records.looks) and not set(records.looks[-1].counted) <= set(counted)


def _planned(records: StudyRecords) -> int | None:
    """What `settle` plans, if it was planned before the first look, and this look is a next step of that plan."""
    settings, settle = records.settings, records.settings.settle
    if settle is None or settings.replicates > settle.at_most:
        return None
    plan = (settle.at_most, settings.budget.search_seconds)
    as_planned = all((look.planned, look.search_seconds) == plan for look in records.looks)
    more = not records.looks or settings.replicates > records.looks[-1].replicates
    return settle.at_most if as_planned and more else None


def _finished(records: StudyRecords) -> bool:
    final = [event.event for event in records.phases if event.phase == "final"]
    return bool(final) and final[-1] == "finished"


def _verdicts(compared: Comparison) -> tuple[PairVerdict, ...]:
    return tuple(
        PairVerdict(
            a=pair.difference.a,
            b=pair.difference.b,
            difference=pair.difference.difference,
            p=pair.p_adjusted,
            verdict=pair.verdict,
        )
        for pair in compared.pairs
    )
