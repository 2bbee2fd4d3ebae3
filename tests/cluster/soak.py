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
Ends with 1 if any of these is not as it must be.

Needs `unshare`, to mount the small file systems that fail. A lane is a cluster of its own; the studies are divided
among them.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from analysis.records.reading import read_study
from analysis.records.schema import ENDINGS
from analysis.records.trials import trial_table
from analysis.search.accounts import spending
from tests.cluster.fates import Fate, add_fate, fates_table, read_fates
from tests.cluster.misfortunes import DISK, MISFORTUNES, Scene
from tests.cluster.nodes import Cluster, cluster, study_file
from tests.cluster.soundness import assert_sound
from tests.support.pictures import digit_folder
from tests.support.waiting import PATIENCE_S, until

NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"]
SEEDS, IN_A_ROW = 5, 10  # different study files, each with a twin in every lane, and how many studies in turn have one
ENDING, STOPPED = (signal.SIGINT, signal.SIGTERM), 130
ATTEMPTS = 3  # a lane whose cluster does not start, or whose twin is not sound, is begun again
SITTINGS = 6  # a study that is not finished after so many is given up
DISK_SIZE = "64m"
BAD_IMAGE, BAD_IMAGES = "bad_image", 0.1  # what it is called, and how often a study begins with one
PHOTOS = {"train": 8, "valid": 5, "test": 60}  # of each digit


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
    codes: list[int] = []
    while (left := _left(given)) and STOPPED not in codes and len(codes) < ATTEMPTS:
        shares = [left[lane :: given.lanes] for lane in range(min(given.lanes, len(left)))]
        codes.append(_run(shares, given.seed, given.out))
    fates = read_fates(given.out)
    print(fates_table(fates))
    return max([*codes, int(not all(fate.good for fate in fates))])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster.soak")
    parser.add_argument("--studies", type=int, default=200, help="those in the file included")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--lanes", type=int, default=2, help="studies at once")
    parser.add_argument("--out", type=Path, default=Path("build/soak.jsonl"), help="the fates, a line each; goes on")
    parser.add_argument("--table", type=Path, metavar="FILE", help="print the table of such a file, and run nothing")
    parser.add_argument("--lane", type=int, nargs="+", help=argparse.SUPPRESS)
    return parser.parse_args()


def _left(given: argparse.Namespace) -> list[int]:
    """The numbers of the studies that are not on file."""
    known = {fate.number for fate in read_fates(given.out) if fate.seed == given.seed}
    return [number for number in range(given.studies) if number not in known]


def _lane(numbers: Sequence[int], seed: int, out: Path) -> int:
    """Run the studies of these numbers on a cluster of their own, while the process lives that asked for it."""
    threading.Thread(target=_outlive_nobody, daemon=True).start()
    with suppress(KeyboardInterrupt), tempfile.TemporaryDirectory() as folder, cluster(Path(folder), 1, 1) as nodes:
        Lane(nodes, seed, out).run(numbers)
        return 0
    return STOPPED


def _run(shares: Sequence[Sequence[int]], seed: int, out: Path) -> int:
    """Run the studies of these numbers, a lane for each share; not 0 where that was stopped or a lane has failed."""
    lanes = []
    try:
        for share in shares:
            module = [sys.executable, "-m", "tests.cluster.soak", "--seed", seed, "--out", out, "--lane", *share]
            lanes.append(subprocess.Popen([*NAMESPACE, *map(str, module)], stdin=subprocess.PIPE))
        codes = [lane.wait() for lane in lanes]
        return int(any(codes))
    except KeyboardInterrupt:
        for lane in lanes:
            lane.terminate()
        for lane in lanes:
            lane.wait()
        return STOPPED


def _stop(*_: object) -> None:
    """SIGTERM does what Ctrl-C does; a second signal changes nothing, so that the nodes are taken down."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _outlive_nobody() -> None:
    """The pipe from the process that started this lane ends when that process does, also if it was killed."""
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


@dataclass
class Lane:
    """Studies one after the other on a cluster of their own; adds the fate of each to a file."""

    nodes: Cluster
    seed: int
    out: Path
    rng: random.Random = field(default_factory=random.Random)  # of the study that is tried, see `_attempt`
    twins: dict[int, object] = field(default_factory=dict)
    lasts_s: float = 0.0

    def run(self, numbers: Sequence[int]) -> None:
        disk = self.nodes.folder / DISK
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_SIZE}", "tmpfs", disk], check=True)
        digit_folder(self.nodes.folder / "photos", PHOTOS)
        try:
            self.one_after_the_other(numbers)
        finally:
            subprocess.run(["umount", "--lazy", disk], check=True)

    def one_after_the_other(self, numbers: Sequence[int]) -> None:
        """Each study is added to the file, and told, when it is over."""
        for done, number in enumerate(numbers, 1):
            file = number // IN_A_ROW % SEEDS
            self._prepare(file)
            if file not in self.twins:
                self._run_twin(file)
                self._prepare(file)
            fate = self._attempt(number, file)
            add_fate(fate, self.out)
            print(f"{done} of {len(numbers)} in this lane: {fate}", file=sys.stderr, flush=True)

    def _prepare(self, file: int) -> None:
        """The study file of this number and empty places, for a study that has not begun."""
        shutil.rmtree(self.study, ignore_errors=True)
        shutil.rmtree(self.nodes.diary, ignore_errors=True)
        self.nodes.diary.mkdir()
        network = {
            "approach": "tests.cluster.pretenders:Diarist",
            "precision": "float32",
            "max_trials": 2,
        }
        learns = {"lr": {"loguniform": [3e-3, 1e-2]}, "epochs": 20, "batch_size": 16}
        does_not = {"lr": 1e-7, "epochs": 15, "batch_size": {"categorical": [8, 16]}}
        study_file(
            self.nodes.folder,
            seed=file,
            data={"source": "folder", "path": str(self.nodes.folder / "photos")},
            approaches={
                "learns": network | {"image_size": [12, 12], "space": learns},
                "does_not": network | {"image_size": [14, 14], "space": does_not},
            },
            budget={"search_seconds": 30, "trial_seconds": 15},  # nothing is cut: only then are twins the same
            final={"runs": 3, "trial_seconds": 15},
        )

    def _run_twin(self, file: int) -> None:
        driver = self._start("run")
        until(self._is_study, driver)
        began = time.monotonic()
        told, complaints = driver.communicate(timeout=PATIENCE_S)
        assert driver.returncode == 0, told + complaints
        self.lasts_s = time.monotonic() - began
        assert_sound(self.study, self.nodes.diary)
        self.twins[file] = self._verdict()

    def _attempt(self, number: int, file: int) -> Fate:
        fate = Fate(seed=self.seed, number=number)
        self.rng = random.Random(f"{self.seed}-{number}")
        try:
            if self.rng.random() < BAD_IMAGES:
                self._refuses_a_bad_image(fate)
            self._suffer(self.rng.sample(MISFORTUNES, self.rng.choice([1, 1, 2])), fate)
            self._judge(fate, file)
        except (AssertionError, subprocess.TimeoutExpired, OSError) as error:
            fate.complaint = fate.complaint or f"{type(error).__name__}: {error}"[:300]
        finally:
            self._clear()
        return fate

    def _refuses_a_bad_image(self, fate: Fate) -> None:
        fate.met = [BAD_IMAGE]
        image = self.rng.choice(sorted((self.nodes.folder / "photos").rglob("*.png")))
        whole = image.read_bytes()
        image.write_bytes(whole[: len(whole) // 2])
        try:
            driver = self._start("run")
            self._ended(driver, fate)
        finally:
            image.write_bytes(whole)
        assert driver.returncode == 2, f"{image.name} was taken"
        assert not self._is_study()

    def _suffer(self, met: list[Callable[[Scene], None]], fate: Fate) -> None:
        """Sittings of the driver until the study is finished; one misfortune in each, as long as there are any."""
        pending = list(met)
        while not fate.finished and fate.sittings < SITTINGS:
            driver = self._start("resume" if self._is_study() else "run")
            fate.sittings += 1
            known = self._strike(driver, pending.pop(), fate) if pending else {}
            self._ended(driver, fate)
            fate.lost += sum(self._records().get(name) != content for name, content in known.items())
            fate.finished = driver.returncode == 0

    def _strike(
        self, driver: subprocess.Popen[str], misfortune: Callable[[Scene], None], fate: Fate
    ) -> dict[str, bytes]:
        """Let a misfortune happen at a random moment, unless all is over by then; the records written before it."""
        until(lambda: self._is_study() or driver.poll() is not None, driver)
        self._wait(driver, self.rng.uniform(0, self.lasts_s))
        known = self._records()
        scene = Scene(self.nodes, driver, self.rng)
        if driver.poll() is None:
            fate.met.append(misfortune.__name__)
            misfortune(scene)
        return known

    def _wait(self, driver: subprocess.Popen[str], seconds: float) -> None:
        try:
            driver.wait(seconds)
        except subprocess.TimeoutExpired:
            return

    def _ended(self, driver: subprocess.Popen[str], fate: Fate) -> None:
        complaints = driver.communicate(timeout=PATIENCE_S)[1]
        lines = complaints.strip().splitlines()
        if len(lines) > 1 or any(len(line) > 300 for line in lines):
            fate.noisy += 1
            fate.complaint = fate.complaint or f"noisy: {complaints[-300:]}"

    def _judge(self, fate: Fate, file: int) -> None:
        study = read_study(str(self.study))
        started: Counter[str] = Counter()
        ended: Counter[str] = Counter()
        for event in study.events.itertuples():
            started[event.trial] += event.event == "started"
            ended[event.trial] += event.event in ENDINGS
        fate.twice = sum(count != 1 for count in started.values()) + sum(count > 1 for count in ended.values())
        spent = spending(study, trial_table(study.events)).values()
        fate.over = sum(account.charged_s > account.budget_s for account in spent)
        fate.differs = self._verdict() != self.twins[file]
        assert_sound(self.study, self.nodes.diary, disk_was_full=not {"fill_disk", "fail_storage"}.isdisjoint(fate.met))
        fate.sound = True

    def _verdict(self) -> object:
        """What is said of the pairs; accuracies may differ where a lost node changed what the sampler knew."""
        report = json.loads((self.study / "report" / "report.json").read_text())
        return [(pair["a"], pair["b"], pair["verdict"]) for pair in report["pairs"]]

    def _records(self) -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in (self.study / "records").rglob("*.json")}

    def _is_study(self) -> bool:
        return (self.study / "study.yaml").exists()

    def _start(self, command: str) -> subprocess.Popen[str]:
        arguments = ("run", "study.yaml", "--out", self.study) if command == "run" else ("resume", self.study)
        return self.nodes.start(*arguments)

    def _clear(self) -> None:
        """Both nodes stand again, whatever happened to them."""
        while len(self.nodes.nodes) < 2:
            self.nodes.add(cpus=1)

    @property
    def study(self) -> Path:
        return self.nodes.folder / DISK / "study"


if __name__ == "__main__":
    sys.exit(main())
