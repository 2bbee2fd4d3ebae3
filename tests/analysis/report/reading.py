"""Reads a report back as a person would: the tables and the prose of its page and of its Markdown."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

PROSE = ("h1", "h2", "h3", "p", "li", "summary")
VOID = ("meta", "br", "link")
ESCAPE = r"\\([!-/:-@\[-`{-~])"  # CommonMark: a backslash takes its meaning from any ASCII punctuation
UNSEEN = "<!-- -->"  # a comment, which keeps GitHub from making a link of an address
LIVE = re.compile(
    r"\*|`|!?\[[^\]]*\]|~~|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|<[A-Za-z/]"
    r"|&#?\w+;|://|www\.|[\w.+-]@[\w-]"
)
BEGINS = re.compile(r"#{1,6}( |$)|\d{1,9}[.)]( |$)|[-+]( |$)|>|-[- ]*$")  # a heading, a list, a quotation, a rule


@dataclass(frozen=True)
class Shown:
    """A table as it is read: the texts of its headings, and of the cells of each row, spanned ones being empty."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass
class Document:
    """The tables and the paragraphs, headings and list items of one document, in their order."""

    tables: list[Shown] = field(default_factory=list)
    prose: list[str] = field(default_factory=list)


def read_page(text: str) -> Document:
    """Read the page up to its methods, which the Markdown abbreviates; figures and navigation are left out."""
    return _Page(text[: text.index('<section id="methods">')]).document


def read_markdown(text: str) -> Document:
    """Read the Markdown up to its methods."""
    document, lines = Document(), text[: text.index("\n## Methods")].splitlines()
    while lines:
        table = []
        while lines and lines[0].startswith("|"):
            table.append(_cells(lines.pop(0)))
        if table:
            headings, rules, *rows = table
            assert all(re.fullmatch(":?-{3,}:?", rule) for rule in rules), rules
            document.tables.append(Shown(headings, tuple(rows)))
        elif (line := lines.pop(0)).strip():
            document.prose.append(_sentence(re.sub(r"^(#+|-) ", "", line).removesuffix(":")))
    return document


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.document = Document()
        self.open: list[str] = []
        self.rows: list[tuple[str, ...]] = []
        self.cells: list[str] = []
        self.span = 1
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag in VOID:
            self.words += " "
            return
        self.open.append(tag)
        if tag in (*PROSE, "th", "td"):
            self.words, self.span = "", int(dict(attrs).get("colspan", 1))
        if tag in ("table", "tr"):
            self.cells = []
        if tag == "table":
            self.rows = []

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        if {"figure", "nav"} & {*self.open, tag}:
            return
        if tag in PROSE:
            self.document.prose.append(" ".join(self.words.split()).removesuffix(":"))
            self.words = ""
        if tag in ("th", "td"):
            self.cells += [" ".join(self.words.split()), *[""] * (self.span - 1)]
        if tag == "tr":
            self.rows.append(tuple(self.cells))
        if tag == "table":
            headings, *rows = self.rows
            self.document.tables.append(Shown(headings, tuple(rows)))

    def handle_data(self, data):
        self.words += data


def _cells(line: str) -> tuple[str, ...]:
    """Cells of a row of GitHub's Markdown: a bar after a backslash belongs to the text."""
    inside = re.fullmatch(r"\|(.*)\|", line)
    assert inside, line
    return tuple(_unescaped(cell.strip()) for cell in re.findall(r"(?:\\.|[^|\\])+", inside.group(1)))


def _sentence(line: str) -> str:
    """A line without what makes it bold; what stands as code is taken as it is."""
    assert not BEGINS.match(re.sub(ESCAPE, "\x01", line)), line
    parts = re.split(r"(?<!\\)`([^`]+)`", re.sub(r"(?<!\\)\*\*", "", line))
    return "".join(part if k % 2 else _unescaped(part) for k, part in enumerate(parts))


def _unescaped(text: str) -> str:
    """Text as Markdown shows it, which it is only where nothing in it is markup."""
    assert not LIVE.search(re.sub(ESCAPE, "\x01", text)), text
    return re.sub(ESCAPE, r"\1", text.replace(UNSEEN, ""))
