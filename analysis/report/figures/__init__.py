"""The report's figures as SVG text. They draw what comparison.py and summary.py hold and compute nothing.

style.py         the look of each approach, finishing a figure
differences.py   accuracy, paired differences, power, agreement
classes.py       accuracy and confusion per class
reliability.py   reliability diagrams
axes.py          which hyperparameters get an axis
budget.py        incumbents, expected best of a budget, the search's trials
"""

from __future__ import annotations

from analysis.report.comparison import Comparison
from analysis.report.figures.budget import draw_expected_best, draw_incumbents, draw_search
from analysis.report.figures.classes import draw_classes, draw_confusion
from analysis.report.figures.differences import draw_accuracy, draw_agreement, draw_differences, draw_power
from analysis.report.figures.reliability import draw_reliability
from analysis.report.figures.style import Drawing
from analysis.report.summary import StudySummary


def draw_comparison(compared: Comparison) -> tuple[Drawing, ...]:
    """Every figure of the test split for which there are data."""
    drawings = [
        draw_accuracy(compared),
        draw_differences(compared),
        draw_power(compared),
        draw_agreement(compared),
        draw_reliability(compared),
        draw_classes(compared),
        *(draw_confusion(compared, test) for test in compared.ranked),
    ]
    return tuple(drawing for drawing in drawings if drawing)


def draw_study(study: StudySummary) -> tuple[Drawing, ...]:
    """Every figure of the search for which there are data."""
    drawings = [draw_incumbents(study), draw_expected_best(study), draw_search(study)]
    return tuple(drawing for drawing in drawings if drawing)
