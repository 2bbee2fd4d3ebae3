"""What all figures share: one look per approach, SVG that stands in a page, the numbers behind each figure as a table.

One colour and one marker per approach in every figure (Okabe & Ito 2008, Color Universal Design: told apart with any
colour vision, and by the markers in grey print). The same numbers give the same bytes.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import matplotlib as mpl
import pandas as pd
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#F0E442")
MARKERS = "osD^vP*X"
GREY = "#666666"
LONGEST = 60  # characters of a name that are drawn
LEGEND_CHARACTERS = 84  # of one line of a legend, at its font size and the width of a figure
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
    """One figure: its title, how to read it, the SVG element, and the numbers it shows.

    Attributes:
        key: names its file and its ids, so it holds letters, digits and hyphens alone, and no name that data give.
    """

    key: str
    title: str
    caption: str
    svg: str = field(repr=False)
    data: pd.DataFrame = field(repr=False)


@dataclass(frozen=True)
class Look:
    """How an approach looks in every figure."""

    colour: str
    marker: str


def look(names: Sequence[str], name: str) -> Look:
    """The look of one approach among all that are compared, in the study's order."""
    index = list(names).index(name)
    return Look(COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)])


def one_panel(height: float, width: float = WIDTH) -> tuple[Figure, Axes]:
    """A figure with one pair of axes; sizes in inches."""
    figure, axes = panels(1, 1, height, width)
    return figure, axes[0]


def panels(
    rows: int, columns: int, height: float, width: float = WIDTH, *, share_x: bool = False
) -> tuple[Figure, list[Axes]]:
    """A figure with a grid of axes that share their vertical scale, row by row."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        return figure, list(figure.subplots(rows, columns, squeeze=False, sharey=True, sharex=share_x).ravel())


def name_rows(ax: Axes, names: Sequence[str]) -> None:
    """One row for each name, the first at the top."""
    ax.set_yticks(range(len(names)), [plain(name) for name in names])
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.grid(visible=False, axis="y")


def legend(figure: Figure, *axes: Axes) -> None:
    """One legend above the figure for all axes."""
    handles = {label: handle for ax in axes for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    if handles:
        columns = max(1, LEGEND_CHARACTERS // (max(map(len, handles)) + 6))
        figure.legend(handles.values(), handles.keys(), loc="outside upper left", ncols=columns, frameon=False)


def class_label(classes: Sequence[str], index: int) -> str:
    """A class's name, or its index where the font lacks one of its characters (the table of classes has the names)."""
    font = _font()
    if not all(font.get_char_index(ord(character)) for character in classes[index]):
        return str(index)
    return plain(_short(classes[index]))


def legend_label(text: str) -> str:
    """Text as it stands in a legend, from which Matplotlib leaves out what begins with an underscore."""
    return f" {plain(text)}" if text.startswith("_") else plain(text)


def plain(text: str, longest: int = LONGEST) -> str:
    """Text as Matplotlib draws it: in one line, without the middle of a long one, and with no formula in it.

    What the font lacks is written out, as in `\\u8239`. Matplotlib reads a formula between two dollar signs.
    """
    font = _font()
    drawn = (one if one.isprintable() and font.get_char_index(ord(one)) else _written_out(one) for one in text)
    line = "".join(drawn)
    if len(line) > longest:
        end = longest // 3
        line = f"{line[: longest - end - 1]}…{line[-end:]}"
    return line.replace("$", r"\$")


def drawing(key: str, title: str, caption: str, figure: Figure, data: pd.DataFrame) -> Drawing:
    """Finish a figure."""
    return Drawing(key, title, caption, _svg(figure, key), data)


def _font() -> FT2Font:
    return font_manager.get_font(font_manager.findfont(font_manager.FontProperties()))


def _written_out(character: str) -> str:
    return character.encode("unicode_escape").decode()


def _short(name: str) -> str:
    return name if len(name) <= 22 else f"{name[:21]}…"


def _svg(figure: Figure, key: str) -> str:
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
