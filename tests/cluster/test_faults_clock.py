"""Somebody sets the machine's clock while a study runs, by an hour and in both directions."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from analysis.records.schema import ENDINGS
from analysis.records.store import Store
from tests.cluster.nodes import Cluster, cluster, study_file
from tests.cluster.soundness import assert_sound
from tests.support.waiting import PATIENCE_S, until

pytestmark = pytest.mark.cluster
# Of the driver and of all processes that it starts, Ray's among them; what only goes forward is left as it is.
CLOCK = """
import os, time
true = time.time
def time_of_day():
    try:
        with open(os.environ["CLOCK"]) as file:
            return true() + float(file.read() or 0)
    except OSError:
        return true()
time.time = time_of_day
"""


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Cluster]:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(CLOCK)
    with cluster(tmp_path) as made:
        yield made


def test_an_hour_forward_and_back_while_a_study_runs_and_rests_is_in_none_of_its_numbers(here):
    study_file(here.folder, final={"runs": 1, "trial_seconds": 1})
    study = here.folder / "study"
    driver = start(here, "run", "study.yaml", "--out", "study")
    for jump_s, trials in ((3600, 1), (-3600, 2)):
        until(partial(ended, study, trials), driver)
        (here.folder / "clock").write_text(f"{jump_s}")
    until(partial(ended, study, 3), driver)
    os.killpg(driver.pid, signal.SIGINT)
    driver.communicate(timeout=2 * PATIENCE_S)
    assert driver.returncode == 130
    (here.folder / "clock").write_text("-7200")
    told, complaints = (driver := start(here, "resume", "study")).communicate(timeout=2 * PATIENCE_S)
    assert (driver.returncode, complaints) == (0, ""), told

    assert_sound(study, None)
    store = Store(str(study))
    times = defaultdict(list)  # of each trial in the order of its records, and of the phases
    for event in sorted(store.trial_events(), key=lambda event: event.order):
        times[event.trial].append(event.time)
    times[""] = [event.time for event in store.phase_events()]
    for history in times.values():
        assert all(0 <= after - before < 600 for before, after in pairwise(history))
    search = json.loads(store.read_bytes("report/report.json"))["search"]
    assert 0 < search["wall_seconds"] < 600
    assert 0 < search["utilisation"] <= 1


def start(here: Cluster, *arguments: str) -> subprocess.Popen[str]:
    own = here._environment()
    changed = {"PYTHONPATH": f"{here.folder / 'site'}:{own['PYTHONPATH']}", "CLOCK": str(here.folder / "clock")}
    return subprocess.Popen(
        [*here.command, *arguments],
        cwd=here.folder, env=own | changed,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def ended(study: Path, trials: int) -> bool:
    """Whether so many trials have, by the names of their records."""
    return sum(name.stem.partition("-")[2] in ENDINGS for name in study.glob("records/*/*.json")) >= trials
