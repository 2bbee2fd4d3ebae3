"""A benchmark's table: aligned for the terminal, as Markdown, and put between its marks in benchmarks/README.md."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from study.provenance import processor, version_of


@dataclass(frozen=True)
class Table:
    """What a benchmark shows.

    Attributes:
        name: of its marks in the README: `<!-- NAME -->` and `<!-- end of NAME -->`.
        head: names of the columns; the first is that of the rows' names.
        rows: as many texts each.
        notes: sentences below it.
    """

    name: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()


def add_options(parser: argparse.ArgumentParser, *, quick: str) -> None:
    """What every benchmark takes: --quick, described by the caller, and --into."""
    parser.add_argument("--quick", action="store_true", help=quick)
    parser.add_argument("--into", type=Path, metavar="README.md", help="write the table there too, between its marks")


def publish(table: Table, into: Path | None) -> None:
    """Print a table, and write it to a page where one is given."""
    print("\n".join(text(table)), flush=True)
    if into is not None:
        put(markdown(table), into, f"<!-- {table.name} -->", f"<!-- end of {table.name} -->")


def text(table: Table) -> list[str]:
    """The lines for a terminal: the names on the left, everything else set to the right."""
    lines = [table.head, *table.rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    aligned = [
        "  ".join([line[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(line[1:], widths[1:], strict=True))])
        for line in lines
    ]
    return ["", *(line.rstrip() for line in aligned), "", *table.notes]


def markdown(table: Table) -> list[str]:
    """The lines for the README: with the command, the machine and the day."""
    rows = [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in table.rows]
    head = [f"| {' | '.join(table.head)} |", f"| --- |{' --: |' * (len(table.head) - 1)}"]
    where = f"`{command()}` on {machine()}, {datetime.now(UTC):%Y-%m-%d}."
    return [where, "", *head, *rows, *(["", " ".join(table.notes)] if table.notes else [])]


def put(lines: Iterable[str], page: Path, begin: str, end: str) -> None:
    """Replace what stands between two marks of a page.

    Raises:
        ValueError: the page has no such marks.
    """
    before, mark, rest = page.read_text().partition(begin)
    _, last, after = rest.partition(end)
    if not last:
        raise ValueError(f"{page} has no lines {begin} and {end} to write between; add them where the tables belong")
    page.write_text("\n".join([before + mark, *lines, last + after]))


def command() -> str:
    """The command that was given, without what says where the table goes."""
    module = getattr(sys.modules["__main__"], "__spec__", None)
    script = Path(sys.argv[0]).resolve()
    name = ["-m", module.name.removesuffix(".__main__")] if module else [f"benchmarks/{script.name}"]
    given = [argument for argument in sys.argv[1:] if not argument.startswith("--into=")]
    if "--into" in given:
        at = given.index("--into")
        del given[at : at + 2]
    return " ".join(["python", *name, *map(shlex.quote, given)])


def machine() -> str:
    """The processor, its cores, and the versions that matter: `2 cores of AMD EPYC (AVX2), torch 2.10, Ray 2.60`."""
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    vectors = torch.backends.cpu.get_cpu_capability()
    libraries = ", ".join(f"{name} {version_of(name)}" for name in ("torch", "ray", "scikit-learn") if version_of(name))
    return f"{cores} cores of {processor()} ({vectors}), {libraries}"


def seconds(value: float | None) -> str:
    """A time as a table shows it: three digits."""
    if value is None:
        return "–"
    digits = 3 if value < 0.1 else 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:,.{digits}f}"


def ratio(value: float) -> str:
    """A ratio as a table shows it: `1.8 x`."""
    return f"{value:.2f} x" if value < 10 else f"{value:.0f} x"
