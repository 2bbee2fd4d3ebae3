"""What came of it: a table of outcomes, and the smallest input of each fault, printed and saved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.fuzz.outcomes import OUTCOMES
from tests.fuzz.runner import Tried

Found = Mapping[str, Sequence[Tried]]
SHOWN, LONGEST = 60, 1500  # faults, characters of one


def faults(found: Found) -> list[tuple[str, Tried]]:
    """Of each fault the shortest input that met it."""
    first: dict[tuple[str, ...], tuple[str, Tried]] = {}
    for kind, tries in found.items():
        for one in sorted(tries, key=lambda one: (len(one.input.edits), len(repr(one.input)))):
            if one.ending.is_fault:
                first.setdefault((kind, *one.ending.signature), (kind, one))
    return [*first.values()]


def show(found: Found, least: Sequence[tuple[str, Tried]], console: Console) -> None:
    """The table, and the faults."""
    table = Table("kind", *OUTCOMES, "inputs")
    for column in table.columns[1:]:
        column.justify = "right"
    counts = {kind: Counter(one.ending.outcome for one in tries) for kind, tries in found.items()}
    for kind, count in (*counts.items(), ("all", sum(counts.values(), Counter()))):
        table.add_row(kind, *(f"{count[outcome]:,}" for outcome in OUTCOMES), f"{count.total():,}")
    console.print(table)
    for number, (kind, one) in enumerate(least[:SHOWN], 1):
        console.print(f"{number}. {text(kind, one)}", markup=False, soft_wrap=True)


def text(kind: str, one: Tried) -> str:
    """A fault in a few lines; its input is Python and can be pasted into corpus/."""
    shown = repr(one.input)
    told = " ".join(one.ending.message.split())
    lines = (f"{kind}: {one.ending.outcome}, {one.ending.place}", told[:300], shown[:LONGEST])
    return "\n   ".join(ascii(line)[1:-1] if not line.isprintable() else line for line in lines)


def save(least: Sequence[tuple[str, Tried]], out: Path) -> None:
    """One text a fault: its input in full, and the traceback."""
    out.mkdir(parents=True, exist_ok=True)
    for number, (kind, one) in enumerate(least, 1):
        whole = f"{kind}\n{one.ending.outcome}: {one.ending.message}\n\n{one.input!r}\n\n{one.ending.trace}"
        (out / f"{number:03d}.txt").write_text(whole, encoding="utf-8", errors="backslashreplace")
