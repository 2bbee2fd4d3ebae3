"""Approaches from outside the program in whole studies: run, interrupted, resumed where their files are gone."""

from __future__ import annotations

import itertools
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.records.schema import ENDINGS
from analysis.records.store import Store
from study.new_approach import write_approach
from tests.support.bombs import bombs
from tests.support.commands import Machine, machine
from tests.support.outside import declare
from tests.support.study_files import ONE_SLOT
from tests.support.waiting import until

pytestmark = pytest.mark.slow
# A third of what the new study file asks for, in one slot; on a busy machine features cost more than half its budget.
ONCE = ("--replicates", 1, "--runs", 2, "--budget", 60, "--set", f"slot.cpus={ONE_SLOT['cpus']}")


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Machine]:
    with machine(tmp_path) as here:
        yield here


def interrupted(here: Machine, *arguments: object) -> None:
    """Run a study until its first trial has ended, and press Ctrl-C."""
    with here.started("run", *arguments, *ONCE, "--out", "study") as running:
        study = here.folder / "study"
        until(lambda: any(path.stem.partition("-")[2] in ENDINGS for path in study.glob("records/*/*")), running)
        running.send_signal(signal.SIGINT)
        told = running.stdout.read()
    assert running.returncode == 130, told


def resumed(here: Machine, *options: str) -> dict:
    """Resume that study; its report."""
    before = Store(str(here.folder / "study")).trial_events()
    told = here.transfer_study("resume", "study", *options)
    assert (told.code, told.err) == (0, ""), told
    assert [event for event in Store(str(here.folder / "study")).trial_events() if event in before] == before
    report: dict = json.loads((here.folder / "study" / "report" / "report.json").read_text())
    return report


def as_from_somebody_else(here: Machine) -> None:
    """Its code has never run here, and whatever could be a checkpoint is a pickle that leaves a mark."""
    shutil.rmtree(here.folder / "cache" / "code")
    trials = {event.trial for event in Store(str(here.folder / "study")).trial_events()}
    for trial, content in zip(itertools.cycle(trials), bombs(here.folder / "mark").values(), strict=False):
        for suffix in ("pt", "state"):
            path = here.folder / "study" / "checkpoints" / f"{trial}.{suffix}"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)


def test_a_new_approach_passes_its_test_and_runs_with_what_lies_beside_it_and_is_resumed_where_its_files_are_gone(here):
    module, test, study = write_approach("outsider", here.folder / "lab")
    checked = subprocess.run([sys.executable, "-m", "pytest", "-q", test], cwd=here.folder, check=False)
    assert checked.returncode == 0

    beside = module.with_name("assistance.py")
    beside.write_text(module.read_text())
    module.write_text("from assistance import Outsider as Base\n\n\nclass Outsider(Base):\n    pass\n")
    interrupted(here, study.relative_to(here.folder))
    for gone in (module, beside):
        gone.unlink()
    report = resumed(here)
    assert report["approaches"]["outsider"]["accuracy"]["estimate"] > 0.5


def test_an_approach_of_an_installed_package_runs_by_its_entry_point_and_is_resumed_where_that_is_unknown(
    here, transfer_study
):
    site = here.folder / "site"
    _, _, study = write_approach("installed", site / "somebodys")
    (site / "somebodys" / "__init__.py").touch()
    declare(site, "somebodys", "theirs", "somebodys.installed:Installed")
    elsewhere = study.rename(here.folder / "mine.yaml")

    interrupted(replace(here, libraries=(site,)), elsewhere, "--set", "approaches.installed.approach=theirs")
    site.rename(here.folder / "away")
    as_from_somebody_else(here)
    complaint = transfer_study("resume", "study").complaint  # in the same folder, with the same cache
    assert "code.zip: the code of 'somebodys', which is not installed here" in complaint
    report = resumed(here, "--trust-code")
    assert not (here.folder / "mark").exists()
    assert report["approaches"]["installed"]["accuracy"]["estimate"] > 0.5
