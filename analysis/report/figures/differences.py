"""Figures of the test split: accuracies, paired differences, power, agreement."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.ticker import LogLocator, NullFormatter

from analysis.numbers import level
from analysis.report.comparison import Comparison
from analysis.report.figures.style import (
    GREY,
    Drawing,
    drawing,
    legend,
    legend_label,
    look,
    name_rows,
    one_panel,
    plain,
)
from analysis.report.wording import pair_verdict
from analysis.report.wording.pairs import interval_name

SHORT = 24  # characters of a name beside a matrix


def draw_accuracy(compared: Comparison) -> Drawing:
    """Test accuracy with interval and single seeds."""
    figure, ax = one_panel(0.9 + 0.5 * len(compared.approaches))
    rows = []
    for y, test in enumerate(compared.ranked):
        e, style = test.accuracy, look(compared.names, test.name)
        ax.plot([e.low, e.high], [y, y], color=style.colour, linewidth=2.2, solid_capstyle="butt")
        ax.plot([e.estimate], [y], style.marker, color=style.colour, markersize=8)
        ax.plot(e.per_seed, [y + 0.26] * len(e.per_seed), "|", color=GREY, markersize=8)
        seeds = {f"{compared.design.unit} {index}": value for index, value in enumerate(e.per_seed)}
        rows.append({"approach": test.name, "accuracy": e.estimate, "low": e.low, "high": e.high, **seeds})
    name_rows(ax, [test.name for test in compared.ranked])
    if compared.majority_rate > ax.get_xlim()[0]:
        ax.axvline(compared.majority_rate, color=GREY, linestyle=":")
    ax.set_xlabel("accuracy on the test split")
    unit = compared.design.unit
    caption = (
        f"Marker: mean over the {unit}s; bar: its {level(compared.design.look_alpha)} interval over {unit}s and images;"
        f" grey ticks: the single {unit}s."
        " Dotted, where it is in range: always naming the largest class of the split. Overlapping bars do not mean that"
        " two approaches are alike: they are compared on the same images, in the next figure."
    )
    return drawing("accuracy", "Test accuracy", caption, figure, pd.DataFrame(rows))


def draw_differences(compared: Comparison) -> Drawing | None:
    """Forest plot of the paired differences with the equivalence region."""
    if not compared.pairs:
        return None
    margin = compared.design.margin
    figure, ax = one_panel(1.0 + 0.48 * len(compared.pairs))
    ax.axvspan(-margin, margin, color="#e8e8e8", zorder=0)
    ax.axvline(0, color=GREY, linewidth=1)
    rows = []
    for y, pair in enumerate(compared.pairs):
        d, decided = pair.difference, pair.verdict in ("a_better", "b_better")
        low, high = pair.interval.low, pair.interval.high
        if d.has_interval:
            ax.plot([low, high], [y, y], color="black", linewidth=2.2, solid_capstyle="butt")
        ax.plot([d.difference], [y], "o", color="black", markerfacecolor="black" if decided else "white", markersize=7)
        words = plain(pair_verdict(pair, compared.design))
        ax.annotate(words, (d.difference, y), (0, 7), textcoords="offset points", ha="center", fontsize=8)
        ends = {"low": low, "high": high} if d.has_interval else {"low": None, "high": None}
        row = {"first": d.a, "second": d.b, "difference": d.difference, **ends}
        rows.append({**row, "p": d.p, "p_adjusted": pair.p_adjusted, "verdict": pair.verdict})
    name_rows(ax, [f"{pair.difference.a} − {pair.difference.b}" for pair in compared.pairs])
    ax.locator_params(axis="x", nbins=5)
    ax.set_xlabel("difference of test accuracies, first minus second")
    caption = (
        f"Marker and bar: the paired difference with its {interval_name(compared)} over {compared.design.unit}s and"
        " images; filled"
        " where the corrected test finds a difference. Grey band: the margin within which"
        " two accuracies count as equivalent. A bar that crosses zero and leaves the band settles nothing."
    )
    return drawing("differences", "Paired differences on the test split", caption, figure, pd.DataFrame(rows))


def draw_power(compared: Comparison) -> Drawing | None:
    """Smallest detectable difference of the leader to each other approach, against the number of test images."""
    if not any(pair.power for pair in compared.pairs):
        return None
    best, unit = compared.ranked[0].name, "groups of test images" if compared.grouped else "test images"
    figure, ax = one_panel(3.4)
    for other in compared.ranked[1:]:
        pair, _ = compared.pair(best, other.name)
        style = look(compared.names, other.name)
        for curve, line in zip(pair.power, ("-", "--", ":"), strict=False):
            label = legend_label(f"{best} and {other.name}") if line == "-" else None
            ax.plot(curve.units, np.multiply(100, curve.detectable), line, color=style.colour, label=label)
            if line == "-":
                ax.plot(compared.units, 100 * (pair.detectable or np.nan), style.marker, color=style.colour)
    ax.axhspan(0, 100 * compared.design.margin, color="#e8e8e8", zorder=0)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel(unit)
    ax.set_ylabel("smallest detectable difference\n(points)")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_formatter(NullFormatter())
    legend(figure, ax)
    caption = (
        "The smallest true difference that a study with so many test images had an 80 % chance to find, from the"
        f" variances seen here. Marker: this study. Solid: its number of {compared.design.unit}s; dashed and dotted:"
        " twice and four times as many. Grey: the margin. A curve that levels off above it says that images"
        " alone will not settle the question. At the level of the whole study, as the column “detectable”."
    )
    return drawing("power", "What it would take to settle a pair", caption, figure, _power_table(compared))


def draw_agreement(compared: Comparison) -> Drawing | None:
    """How often two approaches give the same answer."""
    agreed = compared.agreement
    if agreed is None or len(agreed.names) < 2:
        return None
    K = len(agreed.names)
    figure, ax = one_panel(1.5 + 0.55 * K, 3.2 + 0.75 * K)
    ax.grid(visible=False)
    ax.pcolormesh(np.nan_to_num(agreed.same_answer, nan=1.0), cmap="Blues", vmin=0, vmax=1, edgecolors="white")
    for (a, b), share in np.ndenumerate(agreed.same_answer):
        text = "–" if np.isnan(share) else f"{share:.3f}\n({agreed.one_right[a, b]:.3f})"
        colour = "black" if share < 0.6 else "white"
        ax.text(b + 0.5, a + 0.5, text, ha="center", va="center", fontsize=7.5, color=colour)
    ticks = np.arange(K) + 0.5
    ax.set_xticks(ticks, [plain(name, SHORT) for name in agreed.names], rotation=30, ha="right")
    ax.set_yticks(ticks, [plain(name, SHORT) for name in agreed.names])
    ax.invert_yaxis()
    rows = [
        {"first": a, "second": b, "same_answer": agreed.same_answer[i, j], "exactly_one_right": agreed.one_right[i, j]}
        for i, a in enumerate(agreed.names)
        for j, b in enumerate(agreed.names)
        if j <= i
    ]
    caption = (
        "Share of the test images to which two runs give the same answer, and in brackets the share that exactly one of"
        " them classifies correctly; means over all pairs of runs, on the diagonal over two runs of one approach. Two"
        " approaches that disagree no more than two runs of one are hard to tell apart."
    )
    return drawing("agreement", "Agreement", caption, figure, pd.DataFrame(rows))


def _power_table(compared: Comparison) -> pd.DataFrame:
    rows = [
        {
            "first": pair.difference.a,
            "second": pair.difference.b,
            f"{compared.design.unit}s": curve.seeds,
            "groups" if compared.grouped else "images": units,
            "detectable": detectable,
        }
        for pair in compared.pairs
        for curve in pair.power
        for units, detectable in zip(curve.units, curve.detectable, strict=True)
    ]
    return pd.DataFrame(rows)
