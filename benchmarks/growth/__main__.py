"""How time and memory grow with images, trials, slots and approaches: a table and a plot, with log-log slopes.

    python -m benchmarks.growth [--into benchmarks/README.md --plot benchmarks/growth.png]   (five minutes)
    python -m benchmarks.growth --allowance 3600                                               (all sizes: an hour)
    python -m benchmarks.growth --axes approaches

An axis ends before the size that would not fit into its allowance any more. A slope is that between the last two sizes:
1 where twice as many take twice as long, 2 where they take four times as long.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

from benchmarks.growth.axes import AXES, QUICK
from benchmarks.growth.costs import Growth, measured
from benchmarks.growth.plot import draw
from benchmarks.tables import Table, add_options, publish, seconds

ALLOWANCE_S = 60.0


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser, quick="a hundred images and two approaches")
    names = [axis.name for axis in AXES]
    parser.add_argument("--axes", nargs="+", choices=names, default=names)
    parser.add_argument("--allowance", type=float, default=ALLOWANCE_S, help="seconds of each axis (60)")
    parser.add_argument("--plot", type=Path, help="where to draw it, such as benchmarks/growth.png")
    given = parser.parse_args(arguments)
    growths: list[Growth] = []
    notes = []
    for axis in QUICK if given.quick else AXES:
        if axis.name in given.axes:
            found, left_out = measured(axis, given.allowance)
            growths += found
            if left_out:
                sizes = " and ".join(f"{size:,}" for size in left_out)
                notes.append(f"{sizes} {axis.name} were left out: more than {given.allowance:g} s.")
    if given.plot is not None:
        draw(growths, given.plot)
        notes.append(f"[Plot]({given.plot.name}).")
    publish(Table("growth", HEAD, [row(growth) for growth in growths], notes), given.into)


HEAD = ("what grows", "how many", "seconds", "MB at most", "slope of time", "of memory")


def row(growth: Growth) -> list[str]:
    return [
        growth.name,
        ", ".join(f"{size:,}".replace(",", " ") for size in growth.sizes),
        ", ".join(seconds(cost.seconds) for cost in growth.costs),
        ", ".join(f"{cost.peak_mb:.0f}" for cost in growth.costs),
        _slope(growth.time_slope),
        _slope(growth.memory_slope),
    ]


def _slope(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2f}"


if __name__ == "__main__":
    main()
