"""Kill the driver of a study at random moments, resume it, and see whether anything was lost or done twice.

    python -m tests.cluster.kill_driver [TIMES] [SEED]

Each time a new study runs on a cluster of one node, and its driver gets a SIGKILL; the node, and at first the processes
of the trials, live on. The moment is drawn uniformly from one of two windows, as long as they are in an undisturbed
run. Every fifth time it is the one in which processes start for some seconds: from study.yaml, which makes the
directory a study, to the first record of work. There is no work on record to lose there, but a trial that is on record
as started must not be started again. Else it is the one from the first record of work to the end.

The study is then resumed at once, and checked (see soundness.py). Prints a row for each time: since what and in which
phase the kill came, how many trials had finished, how many were interrupted, the charged seconds that turned out lost,
and how many records were added to trials that had finished (`again`, which must be none). Ends with 1 if any study was
not sound.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from analysis.records.schema import ENDINGS, TrialEvent
from analysis.records.store import Store
from tests.cluster.nodes import Cluster, cluster, study_file
from tests.cluster.soundness import assert_sound
from tests.support.waiting import until

ROW = "{:>5}  {:>19}  {:>7}  {:>8}  {:>11}  {:>6}  {:>6}  {}"
EARLY_EVERY = 5  # of so many kills, one comes before there is work on record


@dataclass(frozen=True)
class Window:
    """A part of a study in which its driver is killed.

    Attributes:
        since: what its beginning is called.
        begun: whether it has begun.
        lasts_s: until its end, where nobody disturbs the study.
    """

    since: str
    begun: Callable[[Cluster], bool]
    lasts_s: float


def main(times: int, seed: int) -> int:
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder, cluster(Path(folder), 1) as nodes:
        study_file(
            nodes.folder, final={"runs": 1, "trial_seconds": 1}, budget={"search_seconds": 4, "trial_seconds": 2}
        )
        early, late = undisturbed(nodes)
        print(
            f"seed {seed}; undisturbed: {early.lasts_s:.1f} s from study.yaml to work, {late.lasts_s:.1f} s to the end"
        )
        print(ROW.format("", "killed", "phase", "finished", "interrupted", "lost", "again", "sound"))
        sound = []
        for number in range(1, times + 1):
            window = late if number % EARLY_EVERY else early
            sound.append(attempt(nodes, number, window, rng.uniform(0, window.lasts_s)))
    print(f"{sum(sound)} of {times} sound")
    return int(not all(sound))


def undisturbed(nodes: Cluster) -> tuple[Window, Window]:
    """Run a study to its end: what comes before its first record of work, and what after."""
    driver = begin(nodes)
    until(lambda: is_study(nodes), driver)
    began = time.monotonic()
    until(lambda: has_worked(nodes), driver)
    worked = time.monotonic()
    complain_if_failed(driver)
    ended = time.monotonic()
    assert_sound(nodes.folder / "study", nodes.diary)
    return Window("start", is_study, worked - began), Window("work", has_worked, ended - worked)


def attempt(nodes: Cluster, number: int, window: Window, after_s: float) -> bool:
    """Kill one study so many seconds after a window has begun, resume it, print its row; whether it is sound."""
    driver = begin(nodes)
    until(lambda: window.begun(nodes), driver)
    began = time.monotonic()
    while time.monotonic() < began + after_s and driver.poll() is None:
        time.sleep(0.01)
    driver.kill()
    driver.communicate()
    before = events(nodes)
    complain_if_failed(nodes.start("resume", "study"))
    after = events(nodes)
    added = [event for event in after if event.trial in ended(before) and event not in before]
    again = sum(event.event != "evaluated" for event in added)  # that one may follow on the end of a final run
    verdict = outcome(lambda: assert_sound(nodes.folder / "study", nodes.diary))
    open_trials = {event.trial for event in before} - ended(before)
    lost_s = sum({event.trial: event.lost_s for event in after}.values())
    moment, phase = f"{window.since} + {after_s:.2f} s", before[-1].phase if before else "-"
    print(
        ROW.format(number, moment, phase, len(ended(before)), len(open_trials), f"{lost_s:.2f}", again, verdict),
        flush=True,
    )
    return verdict == "yes" and again == 0


def begin(nodes: Cluster) -> subprocess.Popen[str]:
    """A new study, in the place of the one before."""
    for name in ("study", "diary"):
        shutil.rmtree(nodes.folder / name, ignore_errors=True)
    nodes.diary.mkdir()
    return nodes.start("run", "study.yaml", "--out", "study")


def is_study(nodes: Cluster) -> bool:
    return (nodes.folder / "study" / "study.yaml").exists()


def has_worked(nodes: Cluster) -> bool:
    """Whether anything is on record beyond that trials have started."""
    return any(not record.stem.endswith("-started") for record in nodes.folder.glob("study/records/*/*.json"))


def events(nodes: Cluster) -> list[TrialEvent]:
    return Store(str(nodes.folder / "study")).trial_events()


def ended(of: list[TrialEvent]) -> set[str]:
    return {event.trial for event in of if event.event in ENDINGS}


def complain_if_failed(driver: subprocess.Popen[str]) -> None:
    told, complaints = driver.communicate()
    assert driver.returncode == 0, told + complaints


def outcome(check: Callable[[], None]) -> str:
    try:
        check()
    except AssertionError as error:
        return f"NO: {str(error).splitlines()[0]}"
    return "yes"


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    sys.exit(main(*(given + [20, 0][len(given) :])))
