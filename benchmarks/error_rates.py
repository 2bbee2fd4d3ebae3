"""How often the significance tests are right where the truth is known, beside the tests that are usual in the field.

    python benchmarks/error_rates.py [--draws 4000] [--out FILE.csv] [--cells PATTERN ...]

Every cell simulates so many studies by probit.py and analyses each with the functions that a report uses: four
approaches of the same true accuracy, two that differ by half the cell's margin, and two that differ by the margin
exactly, one way and the other. How often each test errs is printed and, with its Monte Carlo standard error, written to
--out; for all cells that is by default the table beside this file. The exit code is 1 when a requirement does not hold.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields
from fnmatch import fnmatch
from functools import cached_property
from itertools import combinations, product, zip_longest
from math import sqrt
from pathlib import Path
from textwrap import wrap
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from probit import Design, Variation, correct, latent
from scipy import stats
from threadpoolctl import threadpool_limits

from analysis.statistics.equivalence import equivalence_p
from analysis.statistics.omnibus import omnibus
from analysis.statistics.paired import Difference, difference
from analysis.statistics.secondary.mcnemar import from_counts
from analysis.statistics.secondary.outperformance import outperformance
from analysis.statistics.verdicts import holm

ALPHA = 0.05
ACCURACY = 0.8
NAMES = ("a", "b", "c", "d")
Correct = NDArray[np.bool_]

# How the approaches of a pair vary; c and d vary as a and b do.
KINDS = {
    "no-seed-variance": (Variation(), Variation()),
    "small": (Variation(seed_sd=0.05), Variation(seed_sd=0.05)),
    "large": (Variation(seed_sd=0.2), Variation(seed_sd=0.2)),
    "one-side": (Variation(seed_sd=0.2), Variation()),
    "interaction": (Variation(seed_sd=0.05, interaction_sd=1.0), Variation(seed_sd=0.05, interaction_sd=1.0)),
    "deterministic": (Variation(seed_sd=0.1), Variation(run_sd=0.0)),
    "matched": (Variation(seed_sd=0.1, matched_sd=0.2), Variation(seed_sd=0.1, matched_sd=0.2)),
}

# Lowest and highest share of studies for which each may be true; (0, 1) where nothing is required.
REQUIRED = {
    "false positives": (0.02, 0.075),
    "coverage at no difference": (0.93, 1.0),
    "coverage at a difference": (0.93, 1.0),
    "Holm, any false positive": (0.0, 0.06),
    "TOST, a better by the margin": (0.0, 0.06),
    "TOST, b better by the margin": (0.0, 0.06),
    "omnibus, crossed": (0.0, 1.0),
    "omnibus, Cochran's Q": (0.0, 1.0),
    "power": (0.0, 1.0),
    "McNemar, one seed": (0.0, 1.0),
    "McNemar, pooled seeds": (0.0, 1.0),
    "paired t over seeds": (0.0, 1.0),
    "P(A>B) bootstrap": (0.0, 1.0),
}

# What is not required: (kind, seeds, quantity). Three matched seeds leave two degrees of freedom for the only seed
# variance of a difference; at the small alpha of Holm's first step over six pairs the t test then rejects too often.
LIMITS = {("matched", 3, "Holm, any false positive")}


@dataclass(frozen=True)
class Cell:
    """One row of the table."""

    kind: str
    seeds: int
    images: int
    grouped: bool

    @property
    def name(self) -> str:
        return f"{self.kind}-S{self.seeds}-N{self.images}{'-grouped' if self.grouped else ''}"

    @property
    def design(self) -> Design:
        return Design(KINDS[self.kind] * 2, self.seeds, self.images, self.grouped)

    @cached_property
    def groups(self) -> NDArray[np.intp] | None:
        return self.design.groups if self.grouped else None

    @property
    def matched(self) -> bool:
        """Whether run s of all approaches is analysed as of the same seed."""
        return self.kind == "matched"

    @property
    def margin(self) -> float:
        """About five standard errors of a difference from the images alone, so that neither side of TOST is idle."""
        return 0.1 if self.images == 200 else 0.05


@dataclass(frozen=True)
class Rate:
    """The share of a cell's studies for which `quantity` was true, with its Monte Carlo standard error."""

    cell: str
    draws: int
    quantity: str
    rate: float
    se: float
    required_low: float
    required_high: float
    holds: bool


CELLS = [Cell(k, S, N, g) for g, k, S, N in product((False, True), KINDS, (3, 5, 10), (200, 1000))]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=4000, help="simulated studies per cell (4000)")
    parser.add_argument("--out", type=Path, help="CSV file to write")
    parser.add_argument("--cells", nargs="+", metavar="PATTERN", help="only these cells, such as 'one-side-S3-*'")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes (one per CPU)")
    given = parser.parse_args(arguments)
    if given.draws < 1:
        parser.error(f"--draws is {given.draws}; simulate at least one study")
    cells = [cell for cell in CELLS if any(fnmatch(cell.name, pattern) for pattern in given.cells or "*")]
    if not cells:
        parser.error(f"no cell is named like {' or '.join(given.cells)}; one of the names is {CELLS[0].name}")
    rates = list(measure_all(cells, given.draws, given.jobs))
    print("\n".join(summary(rates)))
    out = given.out or (None if given.cells else Path(__file__).with_suffix(".csv"))
    if out:
        write(out, rates)
        print(f"written to {out}")
    sys.exit(0 if all(rate.holds for rate in rates) else 1)


def measure_all(cells: Sequence[Cell], draws: int, jobs: int) -> Iterator[Rate]:
    """The rates of all cells, in order; prints each cell's row as it comes."""
    print(heading())
    with ProcessPoolExecutor(jobs, initializer=threadpool_limits, initargs=(1,)) as pool:
        for rates in pool.map(measure, cells, [draws] * len(cells)):
            print(row(rates), flush=True)
            yield from rates


def measure(cell: Cell, draws: int) -> list[Rate]:
    """The rates of one cell. Each cell has random numbers of its own, the same whatever other cells are measured."""
    rng = np.random.default_rng(crc32(cell.name.encode()))
    true: Counter[str] = Counter()
    left = draws
    while left:
        batch = min(left, max(1, 1_000_000 // (cell.seeds * cell.images)))
        true.update(count(cell, batch, rng))
        left -= batch
    return [_rate(cell, draws, quantity, true[quantity]) for quantity in REQUIRED]


def count(cell: Cell, draws: int, rng: np.random.Generator) -> Counter[str]:
    """For how many of so many studies each quantity is true."""
    design, scores = cell.design, latent(cell.design, draws, rng)
    true: Counter[str] = Counter()
    null = correct(design, scores, (ACCURACY,) * 4)
    for study in null:
        true.update(at_no_difference(cell, study))
    true.update(habits(null[:, 0], null[:, 1], rng.spawn(1)[0]))
    for apart, judged in (
        (cell.margin / 2, at_a_difference),
        (cell.margin, at_the_margin),
        (-cell.margin, at_the_margin),
    ):
        accuracies = (ACCURACY + apart / 2, ACCURACY - apart / 2) * 2
        for a, b in correct(design, scores, accuracies)[:, :2]:
            true.update(judged(difference("a", "b", a, b, groups=cell.groups, matched=cell.matched), apart))
    return true


def at_no_difference(cell: Cell, study: Correct) -> dict[str, bool]:
    """What is true of four approaches (4, S, N) that are equally accurate."""
    groups, matched = cell.groups, cell.matched
    named = dict(zip(NAMES, study, strict=True))
    pairs = [difference(a, b, named[a], named[b], groups=groups, matched=matched) for a, b in combinations(named, 2)]
    overall = omnibus(named, groups=groups, matched=matched)
    return {
        "false positives": pairs[0].p < ALPHA,
        "coverage at no difference": pairs[0].low <= 0 <= pairs[0].high,
        "Holm, any false positive": min(holm([pair.p for pair in pairs])) < ALPHA,
        "omnibus, crossed": overall.p < ALPHA,
        "omnibus, Cochran's Q": overall.q_p < ALPHA,
    }


def at_a_difference(pair: Difference, true_difference: float) -> dict[str, bool]:
    """What is true of two approaches that differ so much."""
    return {"power": pair.p < ALPHA, "coverage at a difference": pair.low <= true_difference <= pair.high}


def at_the_margin(pair: Difference, true_difference: float) -> dict[str, bool]:
    """What is true of two approaches that differ by the margin, which "equivalent" denies."""
    better = "a" if true_difference > 0 else "b"
    return {f"TOST, {better} better by the margin": equivalence_p(pair, abs(true_difference)) < ALPHA}


def habits(A: Correct, B: Correct, rng: np.random.Generator) -> dict[str, int]:
    """How many of the studies, A and B (draws, S, N), the usual tests would call significant."""
    only_a, only_b = (A & ~B).sum(axis=2), (B & ~A).sum(axis=2)  # (draws, S)
    return {
        "McNemar, one seed": mcnemar_rejections(only_a[:, 0], only_b[:, 0]),
        "McNemar, pooled seeds": mcnemar_rejections(only_a.sum(axis=1), only_b.sum(axis=1)),
        "paired t over seeds": paired_t_rejections(only_a - only_b),
        "P(A>B) bootstrap": outperformance_rejections(A, B, rng),
    }


def mcnemar_rejections(only_a: NDArray[np.intp], only_b: NDArray[np.intp]) -> int:
    """By mid-p, from the discordant counts (draws,)."""
    return sum(from_counts(int(a), int(b)).p_mid < ALPHA for a, b in zip(only_a, only_b, strict=True))


def paired_t_rejections(apart: NDArray[np.intp]) -> int:
    """From how many images more A classified correctly, (draws, S). The same number for every seed is significant."""
    S = apart.shape[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        t = apart.mean(axis=1) / (apart.std(axis=1, ddof=1) / sqrt(S))
    return int((np.abs(t) > stats.t.isf(ALPHA / 2, S - 1)).sum())


def outperformance_rejections(A: Correct, B: Correct, rng: np.random.Generator) -> int:
    """By whether the interval of P(A > B), bootstrapped over seeds, leaves out 1/2."""
    runs = zip(A.mean(axis=2), B.mean(axis=2), strict=True)
    found = [outperformance(list(a), list(b), rng=rng, alpha=ALPHA) for a, b in runs]
    return sum(s.low is not None and s.high is not None and not s.low <= 0.5 <= s.high for s in found)


def heading() -> str:
    """The first lines of the printed table: the quantities' names, wrapped."""
    columns = [["per cent"], *(wrap(quantity, 10) for quantity in REQUIRED)]
    lines = zip_longest(*columns, fillvalue="")
    return "\n".join(f"{first:34}" + "".join(f"{name:>11}" for name in names) for first, *names in lines)


def row(rates: Sequence[Rate]) -> str:
    """One cell's line: its rates in per cent, those that break a requirement marked."""
    return f"{rates[0].cell:34}" + "".join(f"{100 * r.rate:10.1f}{' ' if r.holds else '!'}" for r in rates)


def summary(rates: Sequence[Rate]) -> Iterator[str]:
    """One line per quantity: its range over the cells, and whether what is required of it holds."""
    for quantity, (low, high) in REQUIRED.items():
        of = sorted((r for r in rates if r.quantity == quantity), key=lambda r: r.rate)
        line = f"{quantity:29}{100 * of[0].rate:6.1f} to {100 * of[-1].rate:5.1f} %"
        line += f" (standard error at most {100 * max(r.se for r in of):.1f})"
        if (low, high) != (0.0, 1.0):
            failing = [r.cell for r in of if not r.holds]
            line += f", required {100 * low:g} to {100 * high:g} %: "
            line += f"FAILS in {', '.join(failing)}" if failing else "holds"
            free = [f"{r.cell} ({100 * r.rate:.1f} %)" for r in of if (r.required_low, r.required_high) != (low, high)]
            line += f"; not required in {', '.join(free)}" if free else ""
        yield line


def write(path: Path, rates: Sequence[Rate]) -> None:
    """Write one line per cell and quantity."""
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, [field.name for field in fields(Rate)], lineterminator="\n")
        table.writeheader()
        table.writerows({**asdict(rate), "rate": f"{rate.rate:.5f}", "se": f"{rate.se:.5f}"} for rate in rates)


def _rate(cell: Cell, draws: int, quantity: str, true: int) -> Rate:
    limit = (cell.kind, cell.seeds, quantity) in LIMITS
    rate, (low, high) = true / draws, (0.0, 1.0) if limit else REQUIRED[quantity]
    return Rate(cell.name, draws, quantity, rate, sqrt(rate * (1 - rate) / draws), low, high, low <= rate <= high)


if __name__ == "__main__":
    main()
