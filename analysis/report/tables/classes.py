"""Accuracy class by class."""

from __future__ import annotations

from functools import partial

from analysis.numbers import interval, level, number
from analysis.report.comparison import Comparison, TestScores
from analysis.report.table import Column, Table, table
from analysis.statistics.paired import Estimate


def classes(compared: Comparison) -> Table:
    """One row for each class by its index, one column for each approach, the most accurate first."""
    columns: list[Column[int]] = [
        Column("class", lambda c: compared.classes[c], "text"),
        Column("test images", lambda c: f"{compared.counts[c]:,}"),
        *(Column(test.name, partial(_accuracy, test)) for test in compared.ranked),
    ]
    about = f"In brackets {level(compared.design.look_alpha)} intervals over {compared.design.unit}s and images."
    return table("Accuracy per class", columns, range(len(compared.classes)), about=about)


def _accuracy(test: TestScores, c: int) -> str:
    """With its interval in a second line; a dash for a class without a test image."""
    found = test.classes.get(c)
    if isinstance(found, Estimate):
        return f"{number(found.estimate)}\n({interval(found.low, found.high, 2)})"
    return number(found)
