"""Figures class by class: accuracies with intervals, confusion matrices."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from analysis.numbers import level
from analysis.report.comparison import Comparison, TestScores
from analysis.report.figures.style import (
    Drawing,
    class_label,
    drawing,
    legend,
    legend_label,
    look,
    name_rows,
    one_panel,
)
from analysis.statistics.paired import Estimate

MOST_CLASSES = 20  # more cannot be read in one figure


def draw_classes(compared: Comparison) -> Drawing:
    """Accuracy of every approach on every class, the classes where they differ most if there are many."""
    shown = _most_different(compared)
    K = len(compared.approaches)
    figure, ax = one_panel(1.0 + len(shown) * (0.16 + 0.11 * K))
    for k, test in enumerate(compared.approaches):
        style = look(compared.names, test.name)
        for y, c in enumerate(shown):
            at, found = y + (k - (K - 1) / 2) * 0.7 / K, test.classes[c]
            value = found.estimate if isinstance(found, Estimate) else found
            if isinstance(found, Estimate):
                ax.plot([found.low, found.high], [at, at], color=style.colour, linewidth=1.3)
            label = legend_label(test.name) if y == 0 else None
            ax.plot([value], [at], style.marker, color=style.colour, markersize=4.5, label=label)
    name_rows(ax, [""] * len(shown))
    names = [f"{class_label(compared.classes, c)} ({compared.counts[c]:,})" for c in shown]
    ax.set_yticks(range(len(shown)), names, fontsize=8)
    ax.set_xlabel("accuracy on the test images of the class")
    legend(figure, ax)
    occurring = sum(count > 0 for count in compared.counts)
    some = f" The {len(shown)} of {occurring} classes on which they differ most." if len(shown) < occurring else ""
    caption = (
        f"Each class's accuracy with its {level(compared.design.look_alpha)} interval over seeds and images; in"
        " brackets its number of test images."
        f" Intervals are wide where these are few, and missing where there is one.{some}"
    )
    return drawing("classes", "Accuracy per class", caption, figure, _class_table(compared))


def draw_confusion(compared: Comparison, test: TestScores) -> Drawing:
    """Confusion matrix of one approach, rows normalised; the most confused classes where there are many."""
    shown = _most_confused(test.confusion)
    counts = test.confusion[np.ix_(shown, shown)]
    share = counts / np.maximum(test.confusion.sum(axis=1)[shown, None], 1e-9)
    names = [class_label(compared.classes, c) for c in shown]
    side = 1.6 + 0.29 * len(shown)
    figure, ax = one_panel(side, side + 1.2)
    ax.grid(visible=False)
    ax.pcolormesh(share, cmap="Blues", vmin=0, vmax=1, edgecolors="white", linewidth=0.5)
    _write_cells(ax, counts, share)
    ticks = np.arange(len(shown)) + 0.5
    ax.set_xticks(ticks, names, rotation=90, fontsize=8)
    ax.set_yticks(ticks, names, fontsize=8)
    ax.invert_yaxis()
    ax.set_xlabel("predicted class")
    ax.set_ylabel("true class")
    classes = compared.classes
    some = f" The {len(shown)} most confused of {len(classes)} classes." if len(shown) < len(classes) else ""
    caption = (
        f"Test images of each true class (row) by predicted class (column), mean over {test.name}'s runs;"
        f" the darker, the larger the share of the row.{some}"
    )
    data = pd.DataFrame(test.confusion, columns=list(classes))
    data.insert(0, "true class", list(classes), allow_duplicates=True)
    data.insert(0, "approach", test.name, allow_duplicates=True)
    number = compared.names.index(test.name) + 1
    return drawing(f"confusion-{number}", f"Confusion on the test split: {test.name}", caption, figure, data)


def _class_table(compared: Comparison) -> pd.DataFrame:
    rows = []
    for test in compared.approaches:
        for c, found in test.classes.items():
            rows.append(
                {
                    "approach": test.name,
                    "class": compared.classes[c],
                    "images": compared.counts[c],
                    "accuracy": found.estimate if isinstance(found, Estimate) else found,
                    "low": found.low if isinstance(found, Estimate) else None,
                    "high": found.high if isinstance(found, Estimate) else None,
                }
            )
    return pd.DataFrame(rows)


def _most_different(compared: Comparison) -> list[int]:
    occurring = [c for c, count in enumerate(compared.counts) if count]
    if len(occurring) <= MOST_CLASSES:
        return occurring
    values = {
        c: [f.estimate if isinstance(f := test.classes[c], Estimate) else f for test in compared.approaches]
        for c in occurring
    }
    worst = sorted(occurring, key=lambda c: (min(values[c]) - max(values[c]), c))[:MOST_CLASSES]
    return sorted(worst)


def _most_confused(matrix: NDArray[np.float64]) -> NDArray[np.int64]:
    if len(matrix) <= MOST_CLASSES:
        return np.arange(len(matrix))
    wrong = matrix - np.diag(matrix.diagonal())
    worst = np.argsort(-(wrong.sum(axis=0) + wrong.sum(axis=1)), kind="stable")[:MOST_CLASSES]
    return np.sort(worst)


def _write_cells(ax: Axes, counts: NDArray[np.float64], share: NDArray[np.float64]) -> None:
    for row, column in np.argwhere(counts >= 0.05):
        value = counts[row, column]
        text = f"{value:.0f}" if value >= 10 or value == round(value) else f"{value:.1f}"
        colour = "white" if share[row, column] > 0.55 else "black"
        cell = ax.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=7, color=colour)
        cell.set_in_layout(False)  # it lies inside the axes, and to measure hundreds of them takes half of the time
