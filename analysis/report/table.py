"""What a table of the report is, and the two ways to write it: HTML and Markdown, from the same headings and cells.

The tables themselves are defined in tables/. This file knows nothing of what they hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from markupsafe import Markup

from analysis.records.slugs import visible

Form = Literal["number", "unbroken", "interval", "text"]
HTML_CLASS = {"number": "", "unbroken": "nowrap", "interval": "nowrap", "text": "text"}
MARKDOWN_RULE = {"number": "---:", "unbroken": "---:", "interval": ":---:", "text": "---"}
MARKUP = re.compile(  # a `<` alone begins no tag, an underscore inside a word no emphasis, an `&` alone no character
    r"""[\\`*\[\]|~$] | <(?=[A-Za-z/!?]) | (?<![^\W_])_ | _(?![^\W_]) | &(?=\#?\w+;)
    | :(?=//|[a-z+-][\w+-]*:) | (?<=www)\.""",
    re.VERBOSE,
)
# GitHub makes a link of an address whether its @ is escaped or not, but not across a comment, which nobody sees.
ADDRESS = re.compile(r"(?<=[\w.+-])@(?=[\w-])")
# At the beginning of a line: what makes it a heading, a list, a quotation or a rule; of a number, its point does.
BLOCK = re.compile(r"\d{1,9}(?=[.)](\s|$))|(?=(#{1,6}|[-+])(\s|$)|-[-\s]*$|>)")

R = TypeVar("R")


@dataclass(frozen=True)
class Column(Generic[R]):
    """One column: its heading, and the text of its cell in the row of any R.

    Attributes:
        cell: a second line of the text, after a line break, is set smaller in the page.
        form: how it is aligned; `unbroken` is a number that must not be broken at a space, as `< 0.001`.
    """

    heading: str
    cell: Callable[[R], str]
    form: Form = "number"


@dataclass(frozen=True)
class Table:
    """A table, filled. The first cell of each row names it.

    Attributes:
        label: what it shows, for readers who hear the page.
        rows: one text for each heading; a shorter row's last text stands in place of all cells that follow.
        about: a sentence above the table. notes: paragraphs below it.
    """

    label: str
    headings: tuple[str, ...]
    forms: tuple[Form, ...]
    rows: tuple[tuple[str, ...], ...]
    about: str = ""
    notes: tuple[str, ...] = ()


def table(
    label: str,
    columns: Sequence[Column[R]],
    rows: Iterable[R],
    *,
    about: str = "",
    notes: Iterable[str] = (),
    instead: Callable[[R], str | None] = lambda _: None,
) -> Table:
    """Fill a table.

    Args:
        rows: what each row is about.
        instead: what is to be said of a row in place of all cells but the first; None for a row with cells.
    """

    def filled(row: R) -> tuple[str, ...]:
        remark = instead(row)
        shown = columns if remark is None else columns[:1]
        cells = tuple(column.cell(row) for column in shown)
        return cells if remark is None else (*cells, remark)

    return Table(
        label=label,
        headings=tuple(column.heading for column in columns),
        forms=tuple(column.form for column in columns),
        rows=tuple(filled(row) for row in rows),
        about=about,
        notes=tuple(notes),
    )


def as_html(shown: Table) -> Markup:
    """The table in a region that scrolls by itself, with its sentences; every text is escaped."""
    opening = Markup('<div class="scroll" role="region" aria-label="{}" tabindex="0"><table>').format(shown.label)
    headings = Markup("").join(
        Markup('<th scope="col"{}>{}</th>').format(_class("text" if form == "text" and k else ""), heading)
        for k, (heading, form) in enumerate(zip(shown.headings, shown.forms, strict=True))
    )
    return Markup("\n").join(
        [
            *([Markup('<p class="about">{}</p>').format(shown.about)] if shown.about else []),
            opening,
            Markup("<thead><tr>{}</tr></thead>\n<tbody>").format(headings),
            *(_html_row(row, shown.forms) for row in shown.rows),
            Markup("</tbody></table></div>"),
            *(Markup('<p class="quiet">{}</p>').format(note) for note in shown.notes),
        ]
    )


def as_markdown(shown: Table) -> Markup:
    """The table in GitHub's Markdown, with its sentences; what would be read as markup is escaped."""
    rules = ["---", *(MARKDOWN_RULE[form] for form in shown.forms[1:])]
    width = len(shown.headings)
    rows = [(*row, *[""] * (width - len(row))) for row in shown.rows]
    lines = [_markdown_row(shown.headings), f"| {' | '.join(rules)} |", *(_markdown_row(row) for row in rows)]
    paragraphs = [escaped(shown.about), "\n".join(lines), *(escaped(note) for note in shown.notes)]
    return Markup("\n\n".join(paragraph for paragraph in paragraphs if paragraph))


def escaped(text: str) -> str:
    """Text in one line in which Markdown reads no markup: no tag, link, picture, emphasis, code, escape or list."""
    line = ADDRESS.sub("@<!-- -->", MARKUP.sub(r"\\\g<0>", " ".join(visible(text).split())))
    begins = BLOCK.match(line)
    return f"{begins.group()}\\{line[begins.end() :]}" if begins else line


def code(text: str) -> Markup:
    """Text in one line as code in Markdown: between more backticks than follow each other in it."""
    line = " ".join(visible(text).splitlines())
    fence = "`" * (1 + max(map(len, re.findall("`+", line)), default=0))
    return Markup(f"{fence} {line} {fence}" if "`" in line else f"{fence}{line}{fence}")


def _html_row(row: tuple[str, ...], forms: tuple[Form, ...]) -> Markup:
    name, *cells = row
    if len(row) < len(forms):
        *cells, remark = cells
        span = Markup('<td class="text" colspan="{}">{}</td>').format(len(forms) - 1 - len(cells), remark)
    else:
        span = Markup("")
    columns = zip(forms[1:], cells, strict=False)
    shown = Markup("").join(
        Markup("<td{}>{}</td>").format(_class(HTML_CLASS[form]), _two_lines(cell)) for form, cell in columns
    )
    return Markup('<tr><th scope="row">{}</th>{}{}</tr>').format(name, shown, span)


def _class(name: str) -> Markup:
    return Markup(' class="{}"').format(name) if name else Markup("")


def _two_lines(cell: str) -> str | Markup:
    first, _, second = cell.partition("\n")
    return Markup('{}<br><span class="quiet nowrap">{}</span>').format(first, second) if second else first


def _markdown_row(cells: Iterable[str]) -> str:
    shown = (escaped(cell) for cell in cells)
    return f"| {' | '.join(shown)} |"
