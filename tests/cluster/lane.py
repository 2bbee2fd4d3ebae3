"""Studies one after the other on a cluster of two nodes, each held against a twin; what befalls them is drawn.

A study that meets anything here that is not as it must be has a complaint for its fate, and the next one begins on a
mended cluster: no mount, no driver and no file of the one before is left. Where that fails, the lane ends.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from analysis.records.errors import RecordsError
from analysis.records.reading import read_study
from analysis.records.schema import ENDINGS
from analysis.records.trials import trial_table
from analysis.search.accounts import spending
from tests.cluster.fates import Fate, add_fate
from tests.cluster.misfortunes import DISK, MISFORTUNES, Scene
from tests.cluster.nodes import Cluster, study_file
from tests.cluster.soundness import assert_sound
from tests.support.pictures import digit_folder
from tests.support.waiting import PATIENCE_S, until

SEEDS, IN_A_ROW = 5, 10  # different study files, each with a twin in every lane, and how many studies in turn have one
SITTINGS = 6  # a study that is not finished after so many is given up
DISK_SIZE = "64m"
BAD_IMAGE, BAD_IMAGES = "bad_image", 0.1  # what it is called, and how often a study begins with one
PHOTOS = {"train": 8, "valid": 5, "test": 60}  # of each digit


@dataclass
class Lane:
    """Studies one after the other on a cluster of their own; adds the fate of each to a file."""

    nodes: Cluster
    seed: int
    out: Path
    rng: random.Random = field(default_factory=random.Random)  # of the study that is tried, see `_attempt`
    twins: dict[int, object] = field(default_factory=dict)
    lasts_s: float = 0.0
    began: float = field(default_factory=time.monotonic)
    driver: subprocess.Popen[str] | None = None  # the latest one

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
            passed = timedelta(seconds=round(time.monotonic() - self.began))
            print(f"{passed}, {len(numbers) - done} left in this lane; {fate}", file=sys.stderr, flush=True)

    def _prepare(self, file: int) -> None:
        """The study file of this number and empty places, for a study that has not begun."""
        _remove(self.study)
        _remove(self.nodes.diary)
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
        except (AssertionError, subprocess.SubprocessError, OSError, RecordsError) as error:
            fate.complaint = fate.complaint or f"{type(error).__name__}: {error}"[:300]
        finally:
            self._end_driver()
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
            try:
                misfortune(scene)
            finally:
                scene.mend()
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
        self.driver = self.nodes.start(*arguments)
        return self.driver

    def _end_driver(self) -> None:
        """A driver that was waited for in vain would go on with the next study's folder."""
        if self.driver is None:
            return
        with self.driver, suppress(ProcessLookupError):  # it is waited for, and its pipes are closed
            if self.driver.poll() is None:
                os.killpg(self.driver.pid, signal.SIGKILL)

    def _clear(self) -> None:
        """Both nodes stand again, whatever happened to them."""
        while len(self.nodes.nodes) < 2:
            self.nodes.add(cpus=1)

    @property
    def study(self) -> Path:
        return self.nodes.folder / DISK / "study"


def _remove(folder: Path) -> None:
    """Remove a folder for good; the trials of a driver that was killed still write into it for a moment."""

    def gone() -> bool:
        shutil.rmtree(folder, ignore_errors=True)
        return not folder.exists()

    until(gone)
