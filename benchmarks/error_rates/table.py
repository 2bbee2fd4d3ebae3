"""The rates as a CSV file, as lines on the terminal, and as the tables of benchmarks/README.md."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, fields
from itertools import groupby
from pathlib import Path

from benchmarks import tables
from benchmarks.error_rates.cell import Rate

BEGIN, END = "<!-- tables -->", "<!-- end of tables -->"
EACH = ("power", "luck")  # groups whose cells stand in rows of their own


def write(path: Path, rates: Sequence[Rate]) -> None:
    """Write one line per cell and quantity."""
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, [field.name for field in fields(Rate)], lineterminator="\n")
        table.writeheader()
        table.writerows({**asdict(rate), "rate": f"{rate.rate:.5f}", "se": f"{rate.se:.5f}"} for rate in rates)


def read(path: Path) -> list[Rate]:
    """The rates of a file that `write` wrote."""
    with path.open(newline="") as file:
        return [_rate(row) for row in csv.DictReader(file)]


def _rate(row: dict[str, str]) -> Rate:
    return Rate(
        group=row["group"],
        cell=row["cell"],
        quantity=row["quantity"],
        studies=int(row["studies"]),
        rate=float(row["rate"]),
        se=float(row["se"]),
        required_low=float(row["required_low"]),
        required_high=float(row["required_high"]),
    )


def line(rates: Sequence[Rate]) -> str:
    """One cell: its rates in per cent, those that break a requirement marked."""
    found = (f"{one.quantity} {100 * one.rate:.1f}{'' if one.holds else ' !'}" for one in rates)
    return f"{rates[0].cell} (%): {', '.join(found)}"


def summary(rates: Sequence[Rate]) -> Iterator[str]:
    """One line per group and quantity: its range over the cells, and whether what is required of it holds."""
    for (group, quantity), found in _by_quantity(rates):
        low, high = min(one.rate for one in found), max(one.rate for one in found)
        text = f"{group}: {quantity} {100 * low:.1f} to {100 * high:.1f} %"
        text += f" (standard error at most {100 * max(one.se for one in found):.1f})"
        if required := _required(found):
            failing = ", ".join(one.cell for one in found if not one.holds)
            text += f", required {required}: {f'FAILS in {failing}' if failing else 'holds'}"
        yield text


def markdown(rates: Sequence[Rate]) -> Iterator[str]:
    """The lines of the tables of the README, one a group."""
    for group in dict.fromkeys(one.group for one in rates):
        found = [one for one in rates if one.group == group]
        yield from _each(found) if group in EACH else _ranges(group, found)
        yield ""


def put(lines: Iterable[str], page: Path) -> None:
    """Replace what stands between the marks of a page.

    Raises:
        ValueError: the page has no such marks.
    """
    tables.put(lines, page, BEGIN, END)


def _ranges(group: str, rates: list[Rate]) -> Iterator[str]:
    """A row a quantity, over all cells of a group."""
    cells = len({one.cell for one in rates})
    yield f"| {group} (%) | required | lowest of {cells} cells | highest | in |"
    yield "| --- | --- | --- | --- | --- |"
    for (_, quantity), found in _by_quantity(rates):
        low, high = (pick(found, key=lambda one: one.rate) for pick in (min, max))
        coverage = quantity.startswith("coverage")
        required, worst = _required(found) or "–", (low if coverage else high).cell.removeprefix(f"{group}-")
        yield f"| {quantity} | {required} | {100 * low.rate:.1f} | {100 * high.rate:.1f} | `{worst}` |"


def _each(rates: list[Rate]) -> Iterator[str]:
    """A row a cell, with all its quantities in columns."""
    quantities = list(dict.fromkeys(one.quantity for one in rates))
    group = rates[0].group
    yield f"| {group} (%) | {' | '.join(quantities)} |"
    yield f"| --- |{' --- |' * len(quantities)}"
    for cell, found in groupby(rates, lambda one: one.cell):
        by_name = {one.quantity: one for one in found}
        cells = (_cell(by_name.get(quantity)) for quantity in quantities)
        yield f"| `{cell.removeprefix(f'{group}-')}` | {' | '.join(cells)} |"


def _cell(rate: Rate | None) -> str:
    if rate is None:
        return "–"
    required = _required([rate])
    return f"{100 * rate.rate:.1f}{f' (required {required})' if required else ''}"


def _required(rates: Sequence[Rate]) -> str:
    """What is required of these, in words; nothing where nothing is."""
    required = {(one.required_low, one.required_high) for one in rates if one.required}
    texts = sorted(_limits(100 * low, 100 * high) for low, high in required)
    free = sum(not one.required for one in rates)
    return "; ".join(texts) + (f"; of {free} nothing" if texts and free else "")


def _limits(low: float, high: float) -> str:
    if low == 0:
        return f"at most {high:g} %"
    return f"at least {low:g} %" if high == 100 else f"{low:g} to {high:g} %"


def _by_quantity(rates: Sequence[Rate]) -> Iterator[tuple[tuple[str, str], list[Rate]]]:
    found: dict[tuple[str, str], list[Rate]] = {}
    for one in rates:
        found.setdefault((one.group, one.quantity), []).append(one)
    yield from found.items()
