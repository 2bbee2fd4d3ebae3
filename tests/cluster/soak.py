"""Short studies with misfortunes drawn at random, against twins that are left alone: is anything lost, or done twice?

    python -m tests.cluster.soak [--studies 200] [--seed 0] [--lanes 2] [--out build/soak.jsonl]
    python -m tests.cluster.soak --table build/soak.jsonl

The fate of each study is added to the file when it is known, and what a study meets depends on the seed and its number
alone: a soak that was stopped goes on where it ended, when it is started again with the same file.

Every study runs on a cluster of two nodes with one slot each, and meets one misfortune or two of misfortunes.py at
random moments between study.yaml, which makes its directory a study, and the end of an undisturbed run; one in ten
begins with an image that cannot be read. What ends the driver must end it in one line; the study is then resumed.
Its twin has the same study file and meets nothing.

Prints a line for each study and, in the end and for `--table`, for each misfortune, how many studies it met and of
these: how many finished, how many were not sound (see soundness.py: `sound` holds them against the diaries of their
trials), how many records were lost or changed that had been written, trials that were charged twice, searches charged
beyond their budgets, studies whose verdict differs from the twin's, and drivers that ended with more than one line.
Ends with 1 if any study of this seed and these numbers is not as it must be or could not be run, and with 130 if it
was stopped.

Needs `unshare`, to mount the small file systems that fail. A lane is a cluster of its own; the studies are divided
among them.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tests.cluster.fates import Fate, fates_table, read_fates
from tests.cluster.lane import Lane
from tests.cluster.nodes import cluster

NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"]
ENDING, STOPPED = (signal.SIGINT, signal.SIGTERM), 130
ATTEMPTS = 3  # a lane whose cluster does not start, or whose twin is not sound, is begun again


def main() -> int:
    given = _arguments()
    for number in ENDING:
        signal.signal(number, _stop)
    if given.lane:
        return _lane(given.lane, given.seed, given.out)
    if given.table:
        print(fates_table(read_fates(given.table)))
        return 0
    given.out.parent.mkdir(parents=True, exist_ok=True)
    attempts = 0
    stopped = False
    while (left := _left(given)) and not stopped and attempts < ATTEMPTS:
        shares = [left[lane :: given.lanes] for lane in range(min(given.lanes, len(left)))]
        stopped = _run(shares, given.seed, given.out)
        attempts += 1
    fates = _asked_for(given)
    print(fates_table(fates))
    if left := _left(given):
        print(f"{len(left)} of {given.studies} studies are not known yet; the same command goes on")
        return STOPPED if stopped else 1
    return int(not all(fate.good for fate in fates))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster.soak")
    parser.add_argument("--studies", type=int, default=200, help="those in the file included")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--lanes", type=int, default=2, help="studies at once")
    parser.add_argument("--out", type=Path, default=Path("build/soak.jsonl"), help="the fates, a line each; goes on")
    parser.add_argument("--table", type=Path, metavar="FILE", help="print the table of such a file, and run nothing")
    parser.add_argument("--lane", type=int, nargs="+", help=argparse.SUPPRESS)
    return parser.parse_args()


def _asked_for(given: argparse.Namespace) -> list[Fate]:
    """What is on file of the studies of this seed and these numbers; the file may have others."""
    return [fate for fate in read_fates(given.out) if fate.seed == given.seed and fate.number < given.studies]


def _left(given: argparse.Namespace) -> list[int]:
    """The numbers of the studies that are not on file."""
    known = {fate.number for fate in _asked_for(given)}
    return [number for number in range(given.studies) if number not in known]


def _lane(numbers: Sequence[int], seed: int, out: Path) -> int:
    """Run the studies of these numbers on a cluster of their own, while the process lives that asked for it."""
    threading.Thread(target=_outlive_nobody, daemon=True).start()
    with suppress(KeyboardInterrupt), tempfile.TemporaryDirectory() as folder, cluster(Path(folder), 1, 1) as nodes:
        Lane(nodes, seed, out).run(numbers)
        return 0
    return STOPPED


def _run(shares: Sequence[Sequence[int]], seed: int, out: Path) -> bool:
    """Run the studies of these numbers, a lane for each share; whether that was stopped."""
    lanes = []
    try:
        for share in shares:
            module = [sys.executable, "-m", "tests.cluster.soak", "--seed", seed, "--out", out, "--lane", *share]
            lanes.append(subprocess.Popen([*NAMESPACE, *map(str, module)], stdin=subprocess.PIPE))
        for lane in lanes:
            lane.wait()
    except KeyboardInterrupt:
        for lane in lanes:
            lane.terminate()
        for lane in lanes:
            lane.wait()
        return True
    return False


def _stop(*_: object) -> None:
    """SIGTERM does what Ctrl-C does; a second signal changes nothing, so that the nodes are taken down."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _outlive_nobody() -> None:
    """The pipe from the process that started this lane ends when that process does, also if it was killed."""
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
