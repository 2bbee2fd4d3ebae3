"""The calibration that was run last: benchmarks/error_rates.csv, and the tables of benchmarks/README.md."""

from __future__ import annotations

from pathlib import Path

from benchmarks.error_rates import CELLS
from benchmarks.error_rates.limits import limits
from benchmarks.error_rates.table import BEGIN, END, markdown, read

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
RATES = read(BENCHMARKS / "error_rates.csv")


def test_it_covers_every_cell_and_what_is_required_holds():
    assert list(dict.fromkeys(one.cell for one in RATES)) == [cell.name for cell in CELLS]
    for one in RATES:
        assert (one.required_low, one.required_high) == limits(one.cell, one.quantity), one
        assert one.holds, one


def test_it_is_the_whole_calibration_not_a_quick_look():
    first = {one.cell: one.studies for one in reversed(RATES)}  # a cell's first quantity is judged of every study
    assert first == {cell.name: cell.studies for cell in CELLS}


def test_its_tables_stand_in_the_readme():
    readme = (BENCHMARKS / "README.md").read_text()
    assert readme.partition(BEGIN)[2].partition(END)[0] == "\n".join(["", *markdown(RATES), ""])
