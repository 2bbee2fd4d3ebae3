"""Kill the driver of a study at random moments, resume it, and see whether anything was lost or done twice.

    PYTHONPATH=. python tests/cluster/kill_driver.py [TIMES] [SEED]

Each time a new study runs on a cluster of one node, and its driver gets a SIGKILL at a moment drawn uniformly between
the first record of work (before it processes start for many seconds, and nothing can be lost) and the end of an
undisturbed run; the node, and at first the processes of the trials, live on. The study is then resumed at once, and
checked (see soundness.py). Prints a row for each time: in which phase the kill came,
how many trials had finished, how many were interrupted, the charged seconds that turned out lost, and how many records
were added to trials that had finished (`again`, which must be none). Ends with 1 if any study was not sound.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from nodes import Cluster, cluster, study_file, until
from soundness import assert_sound

from analysis.records import ENDINGS, Store, TrialEvent

ROW = "{:>5}  {:>9}  {:>7}  {:>8}  {:>11}  {:>6}  {:>6}  {}"


def main(times: int, seed: int) -> int:
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder, cluster(Path(folder), 1) as nodes:
        study_file(
            nodes.folder, final={"seeds": 1, "trial_seconds": 1}, budget={"search_seconds": 4, "trial_seconds": 2}
        )
        lasts_s = undisturbed(nodes)
        print(f"seed {seed}; an undisturbed study lasts {lasts_s:.1f} s from its first record of work on")
        print(ROW.format("", "killed at", "phase", "finished", "interrupted", "lost", "again", "sound"))
        sound = [attempt(nodes, number, rng.uniform(0, lasts_s)) for number in range(1, times + 1)]
    print(f"{sum(sound)} of {times} sound")
    return int(not all(sound))


def undisturbed(nodes: Cluster) -> float:
    """Seconds from the first record of work of a study to its end."""
    driver, began = begun(nodes)
    complain_if_failed(driver)
    lasts_s = time.monotonic() - began
    assert_sound(nodes.folder / "study", nodes.diary)
    return lasts_s


def attempt(nodes: Cluster, number: int, after_s: float) -> bool:
    """Kill one study after so many seconds, resume it, print its row; whether it is sound."""
    driver, began = begun(nodes)
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
    phase = before[-1].phase if before else "-"
    print(
        ROW.format(
            number, f"{after_s:.2f} s", phase, len(ended(before)), len(open_trials), f"{lost_s:.2f}", again, verdict
        ),
        flush=True,
    )
    return verdict == "yes" and again == 0


def begun(nodes: Cluster) -> tuple[subprocess.Popen[str], float]:
    """A study one of whose trials has just recorded some work, and when it had."""
    for name in ("study", "diary"):
        shutil.rmtree(nodes.folder / name, ignore_errors=True)
    nodes.diary.mkdir()
    driver = nodes.start("run", "study.yaml", "--out", "study")
    until(lambda: any(not begins(record) for record in nodes.folder.glob("study/records/*/*.json")), driver)
    return driver, time.monotonic()


def begins(record: Path) -> bool:
    return record.stem.endswith("-started")


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
