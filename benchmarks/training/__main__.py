"""Images a second of this, the lab's way and a tuned loop over images in memory, in turn, each in its own process.

    python -m benchmarks.training [--into benchmarks/README.md]      (four minutes)
    python -m benchmarks.training --cases better_cnn@2 --rounds 5
    python -m benchmarks.training --before ../before                 (and this as it was in another tree)

Networks compute in float32 here. The share of the rate of matrix products is images a second, times the floating-point
operations of an image (convolutions and linear layers, forward and backward), over what torch.mm reaches in the same
process; behind it what the usual rule gives, that backward is twice forward: it counts the gradient of the images,
which nobody needs. A ratio is one of medians over the rounds; the ways of a round follow each other.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.processes import ROOT, python
from benchmarks.tables import Table, add_options, publish, ratio
from benchmarks.training import pictures
from benchmarks.training.cases import CPU_CASES
from benchmarks.training.rates import flops_per_image
from benchmarks.training.ways import WAYS

CASES = ("better_cnn@1", "better_cnn@2", "fine_tune@2", "extract@2")
NAMES = {"this": "this", "before": "before", "lab": "lab's way", "tuned": "tuned loop"}
Found = dict[str, list[dict[str, Any]]]  # what `one` printed, round by round, for each way


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser, quick="BetterCNN at one thread, three batches, once")
    parser.add_argument("--cases", nargs="+", default=CASES, metavar="CASE@THREADS", help=f"of {', '.join(CASES)}")
    parser.add_argument("--rounds", type=int, default=2, help="how often each way is measured (2)")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement (4)")
    parser.add_argument("--before", type=Path, help="a tree of this project as it was, these benchmarks copied into it")
    given = parser.parse_args(arguments)
    most, times = 1_000_000, pictures.TIMES
    if given.quick:
        given.cases, given.rounds, most, times = ["better_cnn@1"], 1, 3, 2
    rows, curves = [], []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        pictures.write(folder, [CPU_CASES[case.partition("@")[0]].size for case in given.cases], times=times)
        for case in given.cases:
            name, _, threads = case.partition("@")
            found = measured(name, int(threads or 1), given.rounds, given.seconds, most, folder, given.before)
            rows.append(row(name, int(threads or 1), found))
            curves.append(curve(name, found))
    notes = [f"Medians of {given.rounds} rounds of {given.seconds:g} s.", *curves]
    publish(Table("training", list(rows[0]), [list(one.values()) for one in rows], notes), given.into)


def measured(name: str, threads: int, rounds: int, for_s: float, most: int, folder: Path, before: Path | None) -> Found:
    """Every way in turn, round after round."""
    runs = [(way, way, ROOT) for way in WAYS]
    if before is not None:
        runs.insert(1, ("before", "this", before.resolve()))
    found: Found = defaultdict(list)
    for _ in range(rounds):
        for label, way, tree in runs:
            given = [name, way, str(threads), str(for_s), str(folder), str(most)]
            run = python(["-m", "benchmarks.training.one", *given], tree=tree)
            found[label].append(json.loads(run.output.splitlines()[-1]))
    return found


def row(name: str, threads: int, found: Found) -> dict[str, str]:
    """A case: rates, ratios, what else differs; what was not measured is left out."""
    case = CPU_CASES[name]
    rate = {way: median(run["images_per_s"] for run in runs) for way, runs in found.items()}
    per_cpu = {way: median(run["images_per_cpu_s"] for run in runs) for way, runs in found.items()}
    reached = rate["this"] / median(run["product_rate"] for run in found["this"])
    shares = [reached * flops_per_image(case, gradient_of_images=also) for also in (False, True)]
    others = [way for way in found if way != "this"]
    cells = {"images/s": f"{case.name}, {threads} thread{'s' if threads > 1 else ''}"}
    cells |= {NAMES[way]: f"{rate[way]:.0f}" for way in found}
    cells |= {f"this / {NAMES[way]}": ratio(rate["this"] / rate[way]) for way in others}
    return cells | {
        "this / tuned by CPU s": ratio(per_cpu["this"] / per_cpu["tuned"]),
        "of the GEMM rate": " ".join(f"{100 * share:.0f} %" for share in dict.fromkeys(shares)),
        "faults a batch: this, tuned": _both(found, "faults"),
        "MB: this, tuned": _both(found, "peak_mb"),
    }


def curve(name: str, found: Found) -> str:
    """The largest relative difference of the loss curves of this and the tuned loop, as far as both go."""
    ours, others = (np.array(found[way][0]["losses"]) for way in ("this", "tuned"))
    number = min(len(ours), len(others))
    if not number:
        return f"{CPU_CASES[name].name}: no losses to compare."
    differs = np.max(np.abs(ours[:number] / others[:number] - 1))
    return f"{CPU_CASES[name].name}: losses of {number} batches, within {differs:.0e} of the tuned loop's."


def _both(found: Found, quantity: str) -> str:
    return ", ".join(f"{median(run[quantity] for run in found[way]):,.0f}" for way in ("this", "tuned"))


if __name__ == "__main__":
    main()
