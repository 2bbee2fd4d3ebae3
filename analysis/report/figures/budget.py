"""Figures of the search: what was found after how many charged seconds, and with which hyperparameters."""

from __future__ import annotations

from math import ceil

import pandas as pd
from matplotlib.axes import Axes

from analysis.report.figures.axes import Axis, axes, numeric
from analysis.report.figures.style import Drawing, drawing, legend, legend_label, look, one_panel, panels, plain
from analysis.report.summary import StudySummary
from analysis.search.learning_rate import LEARNING_RATE

COLUMNS = 2
MOST_PANELS = 6  # fill a screen's height; of more hyperparameters the first are drawn, and the caption names the others
MOST_MARKS = 2000  # more of them are drawn as pixels: an SVG of that many paths is slow to open


def draw_incumbents(study: StudySummary) -> Drawing | None:
    """Best validation accuracy so far against charged seconds."""
    drawn = [(approach, curve) for approach in study.approaches for curve in approach.curves if curve.seconds]
    if not drawn:
        return None
    figure, ax = one_panel(3.4)
    rows = []
    for approach, curve in drawn:
        style = look(study.names, approach.name)
        label = legend_label(approach.name) if curve is next(c for c in approach.curves if c.seconds) else None
        line = {"color": style.colour, "linewidth": 1.8, "marker": style.marker, "markersize": 5, "label": label}
        ax.step(curve.seconds, curve.accuracy, where="post", markevery=slice(0, -1), **line)
        points = zip(curve.seconds, curve.accuracy, curve.trial, strict=True)
        rows += [(approach.name, curve.replicate, *point) for point in points]
    ax.set_xlim(left=0)
    ax.set_xlabel("charged slot-seconds of one search")
    ax.set_ylabel("best accuracy so far\n(validation split)")
    legend(figure, ax)
    searches = study.records.settings.replicates
    each = f" Each of an approach's {searches} searches is a curve of its own." if searches > 1 else ""
    caption = (
        f"What each approach had found after the same charged time; each marker is a new best trial.{each} A curve that"
        " starts late first paid for its frozen features. The figures are those by which the search chose, so they"
        " are optimistic; the verdict rests on the test split."
    )
    data = pd.DataFrame(rows, columns=["approach", "replicate", "charged_seconds", "best_valid_accuracy", "trial"])
    return drawing("incumbents", "Best configuration so far, at equal time", caption, figure, data)


def draw_expected_best(study: StudySummary) -> Drawing | None:
    """Expected best validation accuracy against charged seconds, with the band over the re-drawn orders."""
    curves = [curve for curve in study.best_of_budget.curves if curve.seconds]
    if not curves:
        return None
    figure, ax = one_panel(3.4)
    frames = []
    for curve in curves:
        style = look(study.names, curve.approach)
        ax.fill_between(curve.seconds, curve.low, curve.high, color=style.colour, alpha=0.15, linewidth=0)
        every = max(1, len(curve.seconds) // 8)
        (line,) = ax.plot(curve.seconds, curve.expected, color=style.colour, label=legend_label(curve.approach))
        line.set_marker(style.marker)
        line.set_markersize(5)
        line.set_markevery(every)
        points = {"charged_seconds": curve.seconds, "expected": curve.expected, "low": curve.low, "high": curve.high}
        frames.append(pd.DataFrame(points).assign(approach=curve.approach))
    ax.set_xlim(left=0)
    ax.set_xlabel("charged slot-seconds of one search")
    ax.set_ylabel("expected best accuracy\n(validation split)")
    legend(figure, ax)
    return drawing("expected-best", "Expected best of a budget", _expected_caption(study), figure, pd.concat(frames))


def _expected_caption(study: StudySummary) -> str:
    begins = "A curve begins where every order has a result."
    if study.records.settings.replicates > 1:
        return (
            "The best validation accuracy to be expected of one search after the same charged time, if it were any of"
            f" the replicates with its trials in any order; the band holds most of these. {begins} At the end only the"
            " replicates differ, so the band then says how differently searches ended."
        )
    return (
        "The best validation accuracy to be expected after the same charged time if this search's trials had come in"
        f" another order; the band holds most orders. {begins} After the last trial all orders agree, so the band says"
        " how much the order mattered, not how another search would have ended."
    )


def draw_search(study: StudySummary) -> Drawing | None:
    """Validation accuracy of every trial against the hyperparameters that the search drew from numbers."""
    trials = _scored(study.trials)
    wanted = [axis for axis in axes(study.records.settings.approaches.values()) if _values(trials, axis).notna().any()]
    if not wanted:
        return None
    drawn, left_out = wanted[:MOST_PANELS], [axis.name for axis in wanted[MOST_PANELS:]]
    columns = min(COLUMNS, len(drawn))
    rows = ceil(len(drawn) / columns)
    figure, grid = panels(rows, columns, 0.4 + 2.6 * rows)
    for axis, ax in zip(drawn, grid, strict=False):
        _scatter(study, trials, axis, ax)
    for ax in grid[len(drawn) :]:
        ax.set_visible(False)
    for ax in grid[::columns]:
        ax.set_ylabel("best accuracy of the trial\n(validation split)")
    legend(figure, *grid[: len(drawn)])
    caption = (
        "One marker per trial of the search: its best accuracy on the validation split, hollow where its allowance cut"
        " it short. A slope along one axis says how much that hyperparameter alone decides."
    )
    if left_out:
        caption += f" The first {len(drawn)} of {len(wanted)} are drawn; in the numbers alone: {', '.join(left_out)}."
    return drawing("search", "Search: accuracy against hyperparameters", caption, figure, _trial_rows(trials))


def _scored(trials: pd.DataFrame) -> pd.DataFrame:
    return trials[(trials.phase == "search") & trials.best_accuracy.notna() & trials.params.notna()]


def _values(trials: pd.DataFrame, axis: Axis) -> pd.Series:
    """(n,) the hyperparameter's value in each trial, NaN where it has none or one that is no number."""
    return trials.params.map(lambda params: numeric(params.get(axis.name))).astype(float)


def _scatter(study: StudySummary, trials: pd.DataFrame, axis: Axis, ax: Axes) -> None:
    for approach in study.approaches:
        of_approach = trials[trials.approach == approach.name]
        x = _values(of_approach, axis)
        for cut in (False, True):
            chosen = x.notna() & ((of_approach.status == "cut") == cut)
            if chosen.any():
                style = look(study.names, approach.name)
                label = legend_label(f"{approach.name}, cut" if cut else approach.name)
                marks = (x[chosen], of_approach.best_accuracy[chosen].astype(float))
                pixels = len(trials) > MOST_MARKS
                (line,) = ax.plot(*marks, style.marker, color=style.colour, alpha=0.8, markersize=5, label=label)
                line.set_fillstyle("none" if cut else "full")
                line.set_rasterized(pixels)
    if axis.log:
        _magnitudes(ax, axis, lowest=_values(trials, axis).min())
    ax.set_xlabel("learning rate (lr)" if axis.name == LEARNING_RATE else plain(axis.name))


def _magnitudes(ax: Axes, axis: Axis, *, lowest: float) -> None:
    """A logarithmic axis; where a trial lies at 0 or below, as a published weight decay of 0, with room for it."""
    if lowest > 0:
        ax.set_xscale("log")
    else:
        ax.set_xscale("symlog", linthresh=axis.low, linscale=0.5)


def _trial_rows(trials: pd.DataFrame) -> pd.DataFrame:
    about = trials[["trial", "approach", "status", "charged_s", "best_accuracy"]].reset_index(drop=True)
    params = pd.DataFrame(list(trials.params))
    return pd.concat([about, params.add_prefix("params.")], axis=1)
