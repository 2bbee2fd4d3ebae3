"""What the cache holds, and what was dropped from it, as the commands print them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from analysis.search.contention import CONTENDED, factor_of
from study.show.terminal import as_is
from trainables.cache import Entry

KEY = 12  # letters of a key that are shown; as many, or fewer, are enough to drop it


def show_cache(entries: Sequence[Entry], cache: Path, console: Console) -> None:
    """One row for each entry, and how much they take together."""
    if not entries:
        console.print(f"{cache}: nothing is cached", markup=False, soft_wrap=True)
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("key", "kind", "what", "size", "images", "bytes", "cost", "made", ""):
        table.add_column(heading, justify="right" if heading in ("images", "bytes", "cost") else "left")
    for entry in entries:
        table.add_row(
            entry.key[:KEY],
            entry.kind,
            as_is(entry.what or "-"),
            as_is(entry.image_size or "-"),
            "-" if entry.count is None else f"{entry.count:,}",
            size_in_words(entry.size),
            "-" if entry.cost_s is None else f"{entry.cost_s:.1f} s",
            f"{datetime.fromtimestamp(entry.made):%Y-%m-%d %H:%M}",
            remark(entry),
        )
    console.print(table)
    files = sum(len(entry.files) for entry in entries)
    console.print(f"{cache}: {_things(entries)}, {files} files, {_total(entries)}", markup=False, soft_wrap=True)


def show_dropped(entries: Sequence[Entry], cache: Path, console: Console) -> None:
    """One line about what was dropped."""
    if not entries:
        console.print(f"{cache}: nothing is cached, so nothing was dropped", markup=False, soft_wrap=True)
    elif len(entries) == 1:
        (entry,) = entries
        what = ", ".join(part for part in (entry.what, entry.image_size) if part)
        named = f"{entry.kind} {entry.key[:KEY]}" + (f" ({what})" if what else "")
        console.print(f"{named}: dropped, {_total(entries)}", markup=False, soft_wrap=True)
    else:
        console.print(f"{cache}: {_things(entries)} dropped, {_total(entries)}", markup=False, soft_wrap=True)


def remark(entry: Entry) -> str:
    """What is to be known before an entry's cost is believed."""
    if entry.kind == "unfinished":
        return "left by a process that died"
    if entry.damaged:
        return "damaged"
    if entry.kind == "images":
        return "cost not charged" if entry.cost_s is not None else ""
    if entry.kind != "features" or entry.cost_s is None:
        return ""
    if entry.cpu_s is None:
        return "perhaps of a busy machine: timed again when wanted"
    factor = 1.0 if entry.waited_s is None else factor_of(entry.cost_s, entry.waited_s)
    return f"busy machine ({factor:.1f}): timed again when wanted" if factor > CONTENDED else ""


def size_in_words(size: int) -> str:
    """Bytes as people say them: `812 B`, `3.4 MB`."""
    amount, unit = float(size), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"


def _total(entries: Sequence[Entry]) -> str:
    return size_in_words(sum(entry.size for entry in entries))


def _things(entries: Sequence[Entry]) -> str:
    return "1 entry" if len(entries) == 1 else f"{len(entries)} entries"
