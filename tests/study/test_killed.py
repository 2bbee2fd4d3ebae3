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
from tests.support.processes import users_of
from tests.support.study_files import small_study
from tests.support.waiting import until

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Killed:
    """A study that was killed in its final runs; its records and the folder of Ray are as they were then."""

    here: Machine
    study: Path
    ray: Path


@pytest.fixture(scope="module")
def killed(tmp_path_factory) -> Iterator[Killed]:
    content = small_study(budget__search_seconds=3, final__runs=4)
    content["approaches"] = {name: content["approaches"][name] for name in ("better_cnn", "feature_svm")}
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


def test_all_processes_of_ray_end_with_the_driver(killed):
    until(lambda: not users_of(killed.ray))


def test_the_next_session_removes_what_the_killed_one_left_and_writes_no_secret_either(killed):
    told = killed.here.transfer_study("resume", killed.study)
    assert told.code == 0, told.err
    assert list(killed.here.ray.glob("*ts-*")) == []
    assert (killed.study / "report" / "report.html").is_file()
    assert holders(killed.study) == []
