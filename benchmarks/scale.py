"""What a trial costs beside its training: whole studies of trials that do nothing, on more and more slots.

    python benchmarks/scale.py                                   (half an hour)
    python benchmarks/scale.py --trials 1000 --slots 2           (one study, a minute)
    python benchmarks/scale.py --trials 300 --slots 2 --reports 21
    python benchmarks/scale.py --trials 300 --slots 2 --json     (a line of JSON for each study, for benchmarks/growth)

All but the training is real: searcher, ledger, Ray Tune, worker processes, records and curves on a disk, report. Each
study runs in a process of its own, so that its memory is its own. As trials do nothing, slots wait for the driver, and
trials per second are what the driver can hand out; with many slots on few cores, their worker processes compete with it
for the cores, so the driver's own CPU time per trial says more about a cluster. It is printed for each tenth of a
study: a cost per trial that grew with their number would show there. What a report costs (a validation or a heartbeat)
is the difference that --reports makes, divided by the reports more: of every trial's reports, the last is its end.
"""

from __future__ import annotations

import argparse
import io
import json
import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import yaml
from rich.console import Console

from analysis.records.schema import ENDINGS, TrialEvent
from study.cluster.code import code_of
from study.cluster.connection import connected
from study.config.models import StudyConfig
from study.config.study_file import parse_config
from study.listeners import Event
from study.runner import run
from study.show.progress import Progress

TRIALS, SLOTS = (1000, 10_000), (2, 8, 32)
APPROACHES = 3
TENTHS = 10
MB = 1e6


@dataclass(frozen=True)
class Moment:
    """Where the driver's process stood when a trial ended.

    Attributes:
        wall_s: by a clock that only goes forward.
        cpu_s: CPU seconds of the driver's process so far, all threads.
        memory: bytes of memory it holds.
    """

    wall_s: float
    cpu_s: float
    memory: int


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one study cost.

    Attributes:
        per_second: trials per second, over the whole search.
        cpu_ms: the driver's CPU milliseconds per trial, in each tenth of the search.
        first_mb, last_mb: the driver's memory after the first tenth of the trials and after the last.
        after_s: seconds from the last trial to the end: final runs and report.
        peak_mb: the most memory the driver held, report included.
    """

    trials: int
    slots: int
    per_second: float
    cpu_ms: tuple[float, ...]
    first_mb: float
    last_mb: float
    after_s: float
    peak_mb: float


class Meter(Progress):
    """A progress display that shows nothing, and notes the moment at which each trial of the search ended."""

    def __init__(self) -> None:
        super().__init__(Console(file=io.StringIO()))
        self.moments: list[Moment] = []

    def __call__(self, event: Event) -> None:
        super().__call__(event)
        if isinstance(event, TrialEvent) and event.phase == "search" and event.event in ENDINGS:
            self.moments.append(moment())


def main(trials: Sequence[int], slots: Sequence[int], reports: int, *, as_json: bool) -> None:
    if not as_json:
        print(
            f"{'trials':>6}  {'slots':>5}  {'per s':>6}  {'CPU ms per trial, by tenths':32}  {'MB':>12}  peak MB  after"
        )
    for many in slots:
        for number in trials:
            found = in_its_own_process(number, many, reports)
            print(json.dumps(asdict(found)) if as_json else row(found), flush=True)


def in_its_own_process(trials: int, slots: int, reports: int) -> Cost:
    """Measure one study in a new process."""
    with multiprocessing.get_context("forkserver").Pool(1) as pool:
        return pool.apply(measure, (trials, slots, reports))


def measure(trials: int, slots: int, reports: int = 1) -> Cost:
    """Run one study of so many trials, each with so many reports, on so many slots of this machine."""
    config = study_of(trials, reports)
    with tempfile.TemporaryDirectory() as folder, connected(None, code_of(config.classes), cpus=slots):
        meter = Meter()
        run(config, f"{folder}/study", progress=meter)
        ended = time.monotonic()
    return cost(slots, meter.moments, ended)


def study_of(trials: int, reports: int) -> StudyConfig:
    """A study of so many trials, on scikit-learn's digits; they report after every step."""
    space = {
        "guess": {"uniform": [0, 0.99]},
        "lr": {"loguniform": [1e-5, 1]},
        "weight_decay": {"loguniform": [1e-6, 1]},
        "batch_size": {"categorical": [16, 32, 64]},
        "steps": reports,
    }
    shares = [len(share) for share in np.array_split(range(trials), APPROACHES)]
    study = {
        "name": "scale",
        "data": {"source": "digits", "train_per_class": 2, "valid_per_class": 2},
        "approaches": {
            f"no_op_{number}": {"approach": "no_op:NoOp", "image_size": [8, 8], "max_trials": share, "space": space}
            for number, share in enumerate(shares)
        },
        "budget": {"search_seconds": 1e6, "trial_seconds": 60},
        "replicates": 1,
        "final": {"runs": 1},
        "slot": {"cpus": 1, "gpus": 0},
        "pace": {"heartbeat_seconds": 1e-3, "checkpoint_seconds": 1000},
    }
    return parse_config(yaml.safe_dump(study), name="scale")


def moment() -> Moment:
    """Now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return Moment(time.monotonic(), time.process_time(), pages * os.sysconf("SC_PAGE_SIZE"))


def cost(slots: int, moments: list[Moment], ended: float) -> Cost:
    """What the moments come to."""
    marks = np.linspace(0, len(moments) - 1, TENTHS + 1).astype(int)
    cpu_s = np.array([moments[mark].cpu_s for mark in marks])
    wall_s = moments[-1].wall_s - moments[0].wall_s
    return Cost(
        trials=len(moments),
        slots=slots,
        per_second=(len(moments) - 1) / wall_s,
        cpu_ms=tuple(float(ms) for ms in 1000 * np.diff(cpu_s) / np.diff(marks)),
        first_mb=moments[marks[1]].memory / MB,
        last_mb=moments[-1].memory / MB,
        after_s=ended - moments[-1].wall_s,
        peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MB,
    )


def row(cost: Cost) -> str:
    """One line of the table: trials per second, the driver's CPU time, its memory during the search and at most."""
    tenths = " ".join(f"{ms:.0f}" for ms in cost.cpu_ms)
    memory = f"{cost.first_mb:.0f} to {cost.last_mb:.0f}"
    counts = f"{cost.trials:6}  {cost.slots:5}  {cost.per_second:6.1f}"
    return f"{counts}  {tenths:32}  {memory:>12}  {cost.peak_mb:7.0f}  {cost.after_s:.0f} s"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, nargs="+", default=TRIALS)
    parser.add_argument("--slots", type=int, nargs="+", default=SLOTS)
    parser.add_argument("--reports", type=int, default=1, help="of each trial, its end included")
    parser.add_argument("--json", action="store_true", help="print what each study cost as JSON")
    given = parser.parse_args()
    if min(given.trials) <= TENTHS:
        parser.error(f"--trials: {min(given.trials)} trials have no tenths; take more than {TENTHS}")
    main(given.trials, given.slots, given.reports, as_json=given.json)
