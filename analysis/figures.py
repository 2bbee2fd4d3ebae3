"""The report's figures as SVG text. They draw what the summary holds and compute nothing.

One colour and one marker per approach in every figure (Okabe & Ito 2008, Color Universal Design: told apart with any
colour vision, and by the markers in grey print). The same numbers give the same bytes.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from analysis.summary import ApproachSummary, StudySummary
from analysis.wording import pair_verdict

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#F0E442")
MARKERS = "osD^vP*X"
GREY = "#666666"
AXES = {"lr": "log", "epochs": "linear", "C": "log", "gamma": "log"}  # the hyperparameters worth an axis of their own
LEGEND_CHARACTERS = 84  # of one line of a legend, at its font size and the width of a figure
MOST_MARKS = 2000  # more of them are drawn as pixels: an SVG of that many paths is slow to open
MOST_CLASSES = 20  # a larger confusion matrix cannot be read
WIDTH = 7.0  # inches; about 34 rem on a screen
STYLE = {
    "font.size": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "svg.fonttype": "path",  # text looks the same wherever the report is opened
}


@dataclass(frozen=True)
class Drawing:
    """One figure: its title, how to read it, and the SVG element."""

    key: str
    title: str
    caption: str
    svg: str


def draw_all(study: StudySummary) -> tuple[Drawing, ...]:
    """Every figure for which the study has data, in the order of the report."""
    drawings = [
        draw_accuracy(study),
        draw_differences(study),
        draw_incumbents(study),
        draw_search(study),
        *(draw_confusion(study, approach) for approach in study.ranked),
    ]
    return tuple(drawing for drawing in drawings if drawing)


def draw_accuracy(study: StudySummary) -> Drawing | None:
    """Test accuracy with interval and single seeds."""
    approaches = study.ranked
    if not approaches:
        return None
    figure, ax = _figure(0.9 + 0.5 * len(approaches))
    for y, approach in enumerate(approaches):
        if approach.test:
            e, look = approach.test.accuracy, _look(study, approach.name)
            ax.plot([e.low, e.high], [y, y], color=look.colour, linewidth=2.2, solid_capstyle="butt")
            ax.plot([e.estimate], [y], look.marker, color=look.colour, markersize=8)
            ax.plot(e.per_seed, [y + 0.26] * len(e.per_seed), "|", color=GREY, markersize=8)
    _name_rows(ax, [approach.name for approach in approaches])
    if study.majority_rate is not None and study.majority_rate > ax.get_xlim()[0]:
        ax.axvline(study.majority_rate, color=GREY, linestyle=":")
    ax.set_xlabel("accuracy on the test split")
    caption = (
        "Marker: mean over the final runs; bar: its interval over seeds and images; grey ticks: the single seeds (or"
        " replicates). Overlapping bars do not mean that two approaches are alike: they are compared on the same"
        " images, in the next figure."
    )
    return _drawing("accuracy", "Test accuracy", caption, figure)


def draw_differences(study: StudySummary) -> Drawing | None:
    """Forest plot of the paired differences with the equivalence region."""
    if not study.pairs:
        return None
    margin = study.records.settings.significance.margin
    figure, ax = _figure(1.0 + 0.48 * len(study.pairs))
    ax.axvspan(-margin, margin, color="#e8e8e8", zorder=0)
    ax.axvline(0, color=GREY, linewidth=1)
    for y, pair in enumerate(study.pairs):
        d, decided = pair.difference, pair.verdict in ("a_better", "b_better")
        ax.plot([d.low, d.high], [y, y], color="black", linewidth=2.2, solid_capstyle="butt")
        ax.plot([d.difference], [y], "o", color="black", markerfacecolor="black" if decided else "white", markersize=7)
        ax.annotate(pair_verdict(pair), (d.difference, y), (0, 7), textcoords="offset points", ha="center", fontsize=8)
    _name_rows(ax, [f"{pair.difference.a} − {pair.difference.b}" for pair in study.pairs])
    ax.locator_params(axis="x", nbins=5)
    ax.set_xlabel("difference of test accuracies, first minus second")
    caption = (
        "Marker and bar: the paired difference with its interval over seeds and images, not corrected for the number of"
        " pairs; filled where Holm's corrected test finds a difference. Grey band: the margin within which"
        " two accuracies count as equivalent. A bar that crosses zero and leaves the band settles nothing."
    )
    return _drawing("differences", "Paired differences on the test split", caption, figure)


def draw_incumbents(study: StudySummary) -> Drawing | None:
    """Best validation accuracy so far against charged seconds."""
    drawn = [(approach, curve) for approach in study.approaches for curve in approach.curves if curve.seconds]
    if not drawn:
        return None
    figure, ax = _figure(3.4)
    for approach, curve in drawn:
        look = _look(study, approach.name)
        label = approach.name if curve is next(c for c in approach.curves if c.seconds) else None
        line = {"color": look.colour, "linewidth": 1.8, "marker": look.marker, "markersize": 5, "label": label}
        ax.step(curve.seconds, curve.accuracy, where="post", markevery=slice(0, -1), **line)
    ax.set_xlim(left=0)
    ax.set_xlabel("charged slot-seconds of the approach")
    ax.set_ylabel("best accuracy so far\n(validation split)")
    _legend(figure, ax)
    caption = (
        "What each approach had found after the same charged time; each marker is a new best trial. A curve that"
        " starts late first paid for its frozen features. The figures are those by which the search chose, so they"
        " are optimistic; the verdict rests on the test split."
    )
    return _drawing("incumbents", "Best configuration so far, at equal time", caption, figure)


def draw_search(study: StudySummary) -> Drawing | None:
    """Validation accuracy of every trial against the hyperparameters that have an axis."""
    trials = _scored(study.trials)
    keys = [key for key in AXES if trials.params.map(lambda params, key=key: _numeric(params, key)).any()]
    if trials.empty or not keys:
        return None
    columns = min(2, len(keys))
    rows = ceil(len(keys) / columns)
    figure, axes = _panels(rows, columns, 0.4 + 2.6 * rows)
    for key, ax in zip(keys, axes, strict=False):
        _scatter(study, trials, key, ax)
    for ax in axes[len(keys) :]:
        ax.set_visible(False)
    for ax in axes[::columns]:
        ax.set_ylabel("best accuracy of the trial\n(validation split)")
    _legend(figure, *axes[: len(keys)])
    caption = (
        "One marker per trial of the search: its best accuracy on the validation split, hollow where its allowance cut"
        " it short. A slope along one axis says how much that hyperparameter alone decides."
    )
    return _drawing("search", "Search: accuracy against hyperparameters", caption, figure)


def draw_confusion(study: StudySummary, approach: ApproachSummary) -> Drawing | None:
    """Confusion matrix of one approach, rows normalised; the most confused classes where there are many."""
    data, test = study.records.data, approach.test
    if data is None or test is None:
        return None
    shown = _most_confused(test.confusion)
    counts = test.confusion[np.ix_(shown, shown)]
    share = counts / np.maximum(test.confusion.sum(axis=1)[shown, None], 1e-9)
    names = [_class_label(data.classes, c) for c in shown]
    side = 1.6 + 0.29 * len(shown)
    figure, ax = _figure(side, side + 1.2)
    ax.grid(visible=False)
    ax.pcolormesh(share, cmap="Blues", vmin=0, vmax=1, edgecolors="white", linewidth=0.5)
    _write_cells(ax, counts, share)
    ticks = np.arange(len(shown)) + 0.5
    ax.set_xticks(ticks, names, rotation=90, fontsize=8)
    ax.set_yticks(ticks, names, fontsize=8)
    ax.invert_yaxis()
    ax.set_xlabel("predicted class")
    ax.set_ylabel("true class")
    some = f" The {len(shown)} most confused of {len(data.classes)} classes." if len(shown) < len(data.classes) else ""
    caption = (
        f"Test images of each true class (row) by predicted class (column), mean over {approach.name}'s final runs;"
        f" the darker, the larger the share of the row.{some}"
    )
    return _drawing(f"confusion-{approach.name}", f"Confusion on the test split: {approach.name}", caption, figure)


@dataclass(frozen=True)
class _Look:
    colour: str
    marker: str


def _look(study: StudySummary, name: str) -> _Look:
    index = [approach.name for approach in study.approaches].index(name) % len(COLOURS)
    return _Look(COLOURS[index], MARKERS[index])


def _figure(height: float, width: float = WIDTH) -> tuple[Figure, Axes]:
    figure, axes = _panels(1, 1, height, width)
    return figure, axes[0]


def _panels(rows: int, columns: int, height: float, width: float = WIDTH) -> tuple[Figure, list[Axes]]:
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        return figure, list(figure.subplots(rows, columns, squeeze=False, sharey=True).ravel())


def _name_rows(ax: Axes, names: Sequence[str]) -> None:
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.grid(visible=False, axis="y")


def _legend(figure: Figure, *axes: Axes) -> None:
    handles = {label: handle for ax in axes for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    if handles:
        columns = max(1, LEGEND_CHARACTERS // (max(map(len, handles)) + 6))
        figure.legend(handles.values(), handles.keys(), loc="outside upper left", ncols=columns, frameon=False)


def _scored(trials: pd.DataFrame) -> pd.DataFrame:
    return trials[(trials.phase == "search") & trials.best_accuracy.notna() & trials.params.notna()]


def _numeric(params: dict[str, object], key: str) -> float | None:
    value = params.get(key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _scatter(study: StudySummary, trials: pd.DataFrame, key: str, ax: Axes) -> None:
    for approach in study.approaches:
        of_approach = trials[trials.approach == approach.name]
        x = of_approach.params.map(lambda params: _numeric(params, key)).astype(float)
        for cut, fill in ((False, "full"), (True, "none")):
            chosen = x.notna() & ((of_approach.status == "cut") == cut)
            if chosen.any():
                look = _look(study, approach.name)
                label = f"{approach.name}, cut" if cut else approach.name
                marks = (x[chosen], of_approach.best_accuracy[chosen].astype(float))
                pixels = len(trials) > MOST_MARKS
                ax.plot(*marks, look.marker, color=look.colour, fillstyle=fill, alpha=0.8, markersize=5, label=label)
                ax.lines[-1].set_rasterized(pixels)
    ax.set_xscale(AXES[key])
    ax.set_xlabel({"lr": "learning rate (lr)"}.get(key, key))


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
        ax.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=7, color=colour)


def _class_label(classes: Sequence[str], index: int) -> str:
    """A class's name, or its index where the font lacks one of its characters (the table of classes has the names)."""
    font = font_manager.get_font(font_manager.findfont(font_manager.FontProperties()))
    if not all(font.get_char_index(ord(character)) for character in classes[index]):
        return str(index)
    return _short(classes[index]).replace("$", r"\$")  # between two of them Matplotlib reads formulas


def _short(name: str) -> str:
    return name if len(name) <= 22 else f"{name[:21]}…"


def _drawing(key: str, title: str, caption: str, figure: Figure) -> Drawing:
    return Drawing(key, title, caption, _svg(figure, key, title))


def _svg(figure: Figure, key: str, title: str) -> str:
    """The figure's svg element, its ids prefixed so that several can stand in one page."""
    FigureCanvasAgg(figure)
    sink = io.StringIO()
    with mpl.rc_context({**STYLE, "svg.hashsalt": key}):
        figure.savefig(sink, format="svg", metadata={"Date": None, "Creator": None})
    text = sink.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    prefix = re.sub(r"\W", "-", key)
    for pattern in ('(id=")', r"(url\(#)", '(href="#)'):
        text = re.sub(pattern, rf"\g<1>{prefix}-", text)
    return text
