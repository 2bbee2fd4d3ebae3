"""Reliability diagrams: is an approach as often right as it is sure?"""

from __future__ import annotations

from dataclasses import asdict
from math import ceil

import pandas as pd
from matplotlib.axes import Axes

from analysis.numbers import level
from analysis.report.comparison import Comparison
from analysis.report.figures.style import GREY, Drawing, Look, drawing, look, panels, plain
from analysis.statistics.calibration import Calibration

LARGEST_MARK = 130.0  # points squared, of a bin that holds all predictions
SMALLEST_MARK = 8.0


def draw_reliability(compared: Comparison) -> Drawing | None:
    """Share of right predictions against confidence, one panel for each approach with probabilities."""
    shown = [(test, test.calibration) for test in compared.approaches if test.calibration]
    if not shown:
        return None
    columns = min(2, len(shown))
    rows = ceil(len(shown) / columns)
    figure, axes = panels(rows, columns, 0.5 + 2.7 * rows, share_x=True)
    for (test, calibration), ax in zip(shown, axes, strict=False):
        _diagram(ax, calibration, look(compared.names, test.name))
        ax.set_title(f"{plain(test.name)}: error {calibration.ece.estimate:.3f}", fontsize=9.5, loc="left")
    for ax in axes[len(shown) :]:
        ax.set_visible(False)
    for ax in axes[::columns]:
        ax.set_ylabel("share right")
    for ax in axes[max(0, len(shown) - columns) : len(shown)]:
        ax.set_xlabel("confidence: largest probability")
        ax.tick_params(labelbottom=True)
    data = [{"approach": test.name, **asdict(b)} for test, found in shown for b in found.bins]
    caption = (
        "Test predictions sorted by their confidence into 15 bins: how many of each are right, with"
        f" {level(compared.design.look_alpha)} intervals; the"
        " larger the mark, the more predictions. On the diagonal an approach is as often right as it says; below it"
        " is too sure of itself. The error is the mean distance to the diagonal, weighted by the predictions."
    )
    return drawing("reliability", "Reliability diagrams", caption, figure, pd.DataFrame(data))


def _diagram(ax: Axes, found: Calibration, style: Look) -> None:
    total = sum(b.count for b in found.bins)
    ax.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=":")
    for b in found.bins:
        ax.plot([b.confidence, b.confidence], [b.low, b.high], color=style.colour, linewidth=1.3)
        size = max(SMALLEST_MARK, LARGEST_MARK * b.count / total)
        ax.scatter([b.confidence], [b.share_right], s=size, color=style.colour, marker=style.marker, zorder=3)
    ax.set_xlim(0, 1.02)
    ax.set_ylim(0, 1.02)
