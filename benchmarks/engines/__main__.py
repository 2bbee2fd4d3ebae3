"""Seconds to the first result and trials a minute of this, Ray Tune and Optuna: the same trials on two slots.

    python -m benchmarks.engines [--into benchmarks/README.md]       (four minutes)
    python -m benchmarks.engines --before ../before                  (and this as it was in another tree)

Each engine is one command, which is interrupted after so many seconds (50). A trial is BetterCNN trained for 4 to 7
epochs on 200 digits of 30 x 100 pixels, in one thread, by the same class for all; what is compared is what stands
around the trials: imports, processes, searcher, records. With a faster BetterCNN choose more epochs, so that a trial
takes 2 to 4 s. Peers run with packages that this project installs anyway.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.processes import ROOT, Measured, python
from benchmarks.tables import Table, add_options, publish, ratio, seconds

THIS = "this"
PEERS = {
    "Ray Tune, function trainable, OptunaSearch, defaults": "ray_function",
    "Ray Tune, class trainable, reuse_actors": "ray_class",
    "Optuna n_jobs=2 in one process": "optuna_threads",
}
Results = list[tuple[float, float]]  # when trials ended, in seconds since 1970, and the seconds that they took


@dataclass(frozen=True)
class Pace:
    """How one engine went.

    Attributes:
        first_s: from the command to the first result; None where there was none.
        per_minute: results from then on; None where there was one at most.
        trial_s: median of what a trial took.
        number: of results.
    """

    first_s: float | None
    per_minute: float | None
    trial_s: float | None
    number: int


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser, quick="this and Optuna alone, two trials of one epoch")
    parser.add_argument("--seconds", type=float, default=50.0, help="of each engine, from its command (50)")
    parser.add_argument("--epochs", type=int, nargs=2, default=[4, 7], help="the fewest and the most of a trial")
    parser.add_argument("--before", type=Path, help="a tree of this project as it was, these benchmarks copied into it")
    given = parser.parse_args(arguments)
    if given.quick:
        given.epochs = [1, 1]
        os.environ["BENCHMARK_RESULTS"] = "2"
    os.environ["BENCHMARK_EPOCHS"] = " ".join(map(str, given.epochs))
    paces = {name: measure(given.seconds) for name, measure in engines(given.quick, given.before).items()}
    publish(table(paces, given.seconds), given.into)


def engines(quick: bool, before: Path | None) -> dict[str, Callable[[float], Pace]]:
    """How each engine is measured, by its name."""

    def peer(module: str) -> Callable[[float], Pace]:
        return lambda within_s: of_a_peer(module, within_s)

    peers = {name: peer(module) for name, module in PEERS.items() if module == "optuna_threads" or not quick}
    own = {THIS: lambda within_s: of_this(ROOT, within_s)}
    old = {} if before is None else {f"{THIS}, before": lambda within_s: of_this(before.resolve(), within_s)}
    return own | old | peers


def of_this(tree: Path, within_s: float) -> Pace:
    """Run a study of one approach; its records tell."""
    from benchmarks.engines import ours

    with tempfile.TemporaryDirectory() as folder:
        run = python(ours.arguments(Path(folder)), tree=tree, stop_after_s=within_s)
        return pace(run, ours.results(Path(folder) / "study"), within_s)


def of_a_peer(module: str, within_s: float) -> Pace:
    """Run another engine, in a temporary folder of its own; what it printed tells."""
    with tempfile.TemporaryDirectory(prefix="b", ignore_cleanup_errors=True) as folder:
        variables = {"RAY_TMPDIR": folder, "RAY_USAGE_STATS_ENABLED": "0"}
        run = python(["-m", f"benchmarks.engines.{module}"], stop_after_s=within_s, variables=variables)
    from benchmarks.engines.work import RESULT

    lines = [line.split() for line in run.output.splitlines() if line.startswith(f"{RESULT} ")]
    return pace(run, [(float(ended), float(took)) for _, ended, took in lines], within_s)


def pace(run: Measured, results: Results, within_s: float) -> Pace:
    """What came until the engine was interrupted."""
    until = run.began + min(within_s, run.wall_s)
    ended = sorted(result for result in results if result[0] <= until)
    if not ended:
        return Pace(None, None, None, 0)
    first = ended[0][0]
    per_minute = 60 * (len(ended) - 1) / (until - first) if len(ended) > 1 else None
    return Pace(first - run.began, per_minute, median(took for _, took in ended), len(ended))


def table(paces: dict[str, Pace], within_s: float) -> Table:
    """A row an engine; trials a minute also as so many times those of this."""
    own = paces.get(THIS)
    rows = [
        (name, seconds(one.first_s), *_rate(one, own), seconds(one.trial_s), str(one.number))
        for name, one in paces.items()
    ]
    head = ("engine", "first result, s", "trials/min once running", "this is ahead by", "a trial, s", "results")
    return Table("engines", head, rows, [f"2 slots, {within_s:g} s from the command."])


def _rate(one: Pace, own: Pace | None) -> tuple[str, str]:
    if one.per_minute is None:
        return "–", "–"
    ahead = "–" if own is None or own is one or own.per_minute is None else ratio(own.per_minute / one.per_minute)
    return f"{one.per_minute:.1f}", ahead


if __name__ == "__main__":
    main()
