"""What each approach reached on the test split."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from analysis.numbers import interval, level, number, signed
from analysis.report.comparison import Comparison, TestScores
from analysis.report.summary import StudySummary
from analysis.report.table import Column, Table, table
from analysis.report.wording.pairs import in_its_unit
from analysis.report.wording.search import reads_sentence
from analysis.statistics.paired import Estimate


@dataclass(frozen=True)
class _Row:
    """One approach; `test` is None where it has no test result, and then `problem` says why."""

    name: str
    test: TestScores | None
    gap: float | None
    problem: str | None


def accuracy(compared: Comparison, study: StudySummary | None) -> Table:
    """Accuracy and balanced accuracy, the most accurate first; those without a test result last."""
    unit, interval_heading = compared.design.unit, f"{level(compared.design.look_alpha)} interval"
    columns = [
        Column[_Row]("approach", lambda row: row.name, "text"),
        Column("accuracy", _cell(lambda test: number(test.accuracy.estimate))),
        Column(interval_heading, _cell(lambda test: _interval(test.accuracy)), "interval"),
        Column(f"{unit}s", _cell(lambda test: str(len(test.accuracy.per_seed)))),
        Column("balanced accuracy", _cell(lambda test: number(test.balanced_accuracy.estimate))),
        Column(interval_heading, _cell(lambda test: _interval(test.balanced_accuracy)), "interval"),
    ]
    if study:
        columns.append(Column("validation − test", lambda row: "–" if row.gap is None else signed(row.gap)))
    reads = f" {reads_sentence(study)}" if study else ""
    return table(
        "Accuracy of each approach",
        columns,
        _rows(compared, study),
        about=f"Means over the {unit}s.{reads}",
        notes=_notes(compared),
        instead=lambda row: f"no test result: {row.problem}" if row.test is None else None,
    )


def _rows(compared: Comparison, study: StudySummary | None) -> list[_Row]:
    tested = [_Row(test.name, test, study.gap_of(test.name) if study else None, None) for test in compared.ranked]
    others = study.approaches if study else ()
    return tested + [_Row(other.name, None, None, other.problem) for other in others if other.problem]


def _cell(text: Callable[[TestScores], str]) -> Callable[[_Row], str]:
    return lambda row: text(row.test) if row.test else "–"


def _interval(estimate: Estimate) -> str:
    return interval(estimate.low, estimate.high)


def _notes(compared: Comparison) -> list[str]:
    noted = ((test.name, test.accuracy.note) for test in compared.ranked)
    own = [f"{name}: {in_its_unit(note, compared.design)}." for name, note in noted if note]
    majority = f"Always naming the largest class of the test split would score {number(compared.majority_rate)}."
    balanced = f"Balanced accuracy is the mean over the classes{_small_classes(compared)}."
    return [*own, f"{majority} {balanced}"]


def _small_classes(compared: Comparison) -> str:
    """What the balanced accuracy assumes where classes have a single test image."""
    single = sum(count == 1 for count in compared.counts)
    if not single:
        return ""
    classes = "one of which has a single test image" if single == 1 else f"{single} of which have a single test image"
    return f", {classes}: their variance is taken to be that of the others"
