"""A study on this machine whose driver is killed: which secrets it leaves behind, which processes, which files."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.support.commands import Machine, machine
from tests.support.planted import SECRETS, holders
from tests.support.processes import title, users_of
from tests.support.study_files import small_study
from tests.support.waiting import until

pytestmark = pytest.mark.slow
HELPERS = ("ray::DashboardAgent", "ray::RuntimeEnvAgent")  # idle; they look for their server for a minute


@dataclass(frozen=True)
class Killed:
    """A study that was killed in its final runs; its records and the folder of Ray are as they were then."""

    here: Machine
    study: Path
    ray: Path


@pytest.fixture(scope="module")
def killed(tmp_path_factory) -> Iterator[Killed]:
    content = small_study(budget__search_seconds=2, budget__trial_seconds=1)
    content["approaches"] = {"better_cnn": content["approaches"]["better_cnn"]}
    with pytest.MonkeyPatch.context() as patch, machine(tmp_path_factory.mktemp("killed")) as here:
        for name, value in SECRETS.items():
            patch.setenv(name, value)
        (here.folder / "study.yaml").write_text(yaml.safe_dump(content))
        study = here.folder / "study"
        with here.started("run", "study.yaml", "--out", study) as driver:
            until(lambda: list(study.glob("records/*-seed*/*.json")), driver)
            os.kill(driver.pid, signal.SIGKILL)
        (ray,) = here.ray.glob("ts-*")
        yield Killed(here, study, ray)


def test_no_secret_of_the_driver_s_environment_is_written_down(killed):
    assert list(killed.ray.glob("r/session_*/logs/runtime_env_agent*")), "where Ray writes runtime environments"
    assert holders(killed.ray, killed.study) == []


def test_all_that_works_ends_with_the_driver(killed):
    until(lambda: not [name for process in users_of(killed.ray) if (name := title(process)) and name not in HELPERS])


def test_the_next_session_removes_what_the_killed_one_left_and_writes_no_secret_either(killed):
    told = killed.here.transfer_study("resume", killed.study)
    assert told.code == 0, told.err
    assert list(killed.here.ray.glob("*ts-*")) == []
    assert (killed.study / "report" / "report.html").is_file()
    assert holders(killed.study) == []
