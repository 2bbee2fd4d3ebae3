"""The calibration that was run last: benchmarks/error_rates.csv, and the tables of benchmarks/README.md."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.error_rates import CELLS
from benchmarks.error_rates.cell import Rate
from benchmarks.error_rates.limits import limits
from benchmarks.error_rates.table import BEGIN, END, markdown, read

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def measured() -> list[Rate]:
    file = BENCHMARKS / "error_rates.csv"
    assert file.exists(), "the calibration was not run since its cells changed: python -m benchmarks.error_rates"
    return read(file)


def test_it_covers_every_cell_and_what_is_required_holds(measured):
    assert list(dict.fromkeys(one.cell for one in measured)) == [cell.name for cell in CELLS]
    for one in measured:
        assert (one.required_low, one.required_high) == limits(one.cell, one.quantity), one
        assert one.holds, one


def test_it_is_the_whole_calibration_not_a_quick_look(measured):
    first = {one.cell: one.studies for one in reversed(measured)}  # a cell's first quantity is judged of every study
    assert first == {cell.name: cell.studies for cell in CELLS}


def test_its_tables_stand_in_the_readme(measured):
    readme = (BENCHMARKS / "README.md").read_text()
    assert readme.partition(BEGIN)[2].partition(END)[0] == "\n".join(["", *markdown(measured), ""])
