"""A study on this machine whose driver is killed: what it leaves behind, secrets, processes, files; how it goes on."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from analysis.records.schema import ENDINGS
from tests.study.test_study import REPLICATES, RUNS, Study, assert_fair_and_complete, contents, prepared
from tests.support.commands import Machine, machine
from tests.support.planted import SECRETS, holders
from tests.support.processes import title, users_of
from tests.support.waiting import until

pytestmark = pytest.mark.slow
HELPERS = ("ray::DashboardAgent", "ray::RuntimeEnvAgent")  # idle; they look for their server for a minute


@dataclass(frozen=True)
class Killed:
    """A study that was killed in its search; its records and the folder of Ray are as they were then."""

    here: Machine
    study: Path
    ray: Path


@pytest.fixture(scope="module")
def killed(tmp_path_factory) -> Iterator[Killed]:
    with pytest.MonkeyPatch.context() as patch, machine(tmp_path_factory.mktemp("killed")) as here:
        for name, value in SECRETS.items():
            patch.setenv(name, value)
        prepared(here.folder, replicates=REPLICATES, final={"runs": RUNS})
        study = here.folder / "study"
        with here.started("run", "study.yaml", "--out", study) as driver:
            until(lambda: len(ended(study)) >= 2, driver)
            os.kill(driver.pid, signal.SIGKILL)
        (ray,) = here.ray.glob("ts-*")
        yield Killed(here, study, ray)


def ended(study: Path) -> list[Path]:
    """The folders of the trials that have come to their end."""
    return sorted(path.parent for kind in ENDINGS for path in (study / "records").glob(f"*/*-{kind}.json"))


def test_no_secret_of_the_driver_s_environment_is_written_down(killed):
    assert list(killed.ray.glob("r/session_*/logs/runtime_env_agent*")), "where Ray writes runtime environments"
    assert holders(killed.ray, killed.study) == []


def test_all_that_works_ends_with_the_driver(killed):
    until(lambda: not [name for process in users_of(killed.ray) if (name := title(process)) and name not in HELPERS])


def test_the_next_session_goes_on_where_it_stopped_and_removes_what_was_left_and_writes_no_secret_either(killed):
    before = {path: contents(path) for path in ended(killed.study)}
    assert not (killed.study / "report").exists()
    told = killed.here.transfer_study("resume", killed.study)
    assert told.code == 0, told.err
    assert {path: contents(path) for path in before} == before
    assert_fair_and_complete(Study(killed.here.folder, "study", told))
    assert list(killed.here.ray.glob("*ts-*")) == []
    assert holders(killed.study) == []
