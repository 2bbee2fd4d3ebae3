"""Measure the cells, print the rates, and write them with their Monte Carlo errors.

    python -m benchmarks.error_rates [--draws N] [--cells PATTERN ...] [--jobs N] [--out FILE.csv]
    python -m benchmarks.error_rates --table FILE.csv [--into benchmarks/README.md]

To be called in the root of the project. The whole calibration is written to benchmarks/error_rates.csv unless --out
says otherwise, a part of it nowhere. The exit code is 1 when a requirement does not hold. Needs numpy, SciPy,
scikit-learn.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from fnmatch import fnmatch
from operator import methodcaller
from pathlib import Path

from threadpoolctl import threadpool_limits

from benchmarks.error_rates import CELLS
from benchmarks.error_rates.bank import make
from benchmarks.error_rates.cell import Cell, Rate, Tally, chunks, rates
from benchmarks.error_rates.luck import Luck
from benchmarks.error_rates.table import line, markdown, put, read, summary, write

TABLE = Path(__file__).resolve().parents[1] / "error_rates.csv"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.error_rates",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--draws", type=int, help="simulated studies per cell (those of each cell, mostly 4000)")
    parser.add_argument("--out", type=Path, help="CSV file to write")
    parser.add_argument("--cells", nargs="+", metavar="PATTERN", help="only these, such as 'pairs-one-side-S3-*'")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes (one per CPU)")
    parser.add_argument("--table", type=Path, metavar="FILE.csv", help="print the README's tables, measure nothing")
    parser.add_argument("--into", type=Path, metavar="README.md", help="write them there instead, between its marks")
    given = parser.parse_args(arguments)
    if given.table:
        lines = list(markdown(read(given.table)))
        print("\n".join(lines)) if given.into is None else put(lines, given.into)
        return
    if given.draws is not None and given.draws < 1:
        parser.error(f"--draws is {given.draws}; simulate at least one study")
    cells = [cell for cell in CELLS if any(fnmatch(cell.name, pattern) for pattern in given.cells or "*")]
    if not cells:
        parser.error(f"no cell is named like {' or '.join(given.cells)}; one of the names is {CELLS[0].name}")
    found = list(measure_all(cells, given.draws, given.jobs))
    print("\n".join(summary(found)))
    out = given.out or (None if given.cells else TABLE)
    if out:
        write(out, found)
        print(f"written to {out}")
    sys.exit(0 if all(rate.holds for rate in found) else 1)


def measure_all(cells: Sequence[Cell], draws: int | None, jobs: int) -> Iterator[Rate]:
    """The rates of all cells, in order; prints each cell's line as it comes."""
    began = time.monotonic()
    work = [chunk for cell in cells for chunk in chunks(cell, draws or cell.studies)]
    with ProcessPoolExecutor(jobs, initializer=threadpool_limits, initargs=(1,)) as pool:
        for approach in sorted({approach for cell in cells if isinstance(cell, Luck) for approach in cell.approaches}):
            make(approach, pool)
        tallies, done = pool.map(methodcaller("tally"), work), 0
        for number, cell in enumerate(cells, 1):
            own = [next(tallies) for chunk in work if chunk.cell is cell]
            done += len(own)
            found = rates(cell, sum(own, Tally()))
            left = (time.monotonic() - began) * (len(work) - done) / done
            print(f"[{number}/{len(cells)}, {left / 60:.0f} min left] {line(found)}", flush=True)
            yield from found


if __name__ == "__main__":
    main()
