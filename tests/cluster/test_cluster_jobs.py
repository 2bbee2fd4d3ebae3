"""Studies as jobs of a real Ray head with a dashboard, token authentication on, all on this machine's loopback."""

from __future__ import annotations

import json
import os
import pty
import re
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from analysis.records.schema import ENDINGS
from analysis.records.store import Store
from study.new_approach import write_approach
from study.provenance import commit
from tests.cluster.soundness import assert_sound
from tests.support.commands import Machine, machine
from tests.support.namesakes import imported, write_namesakes
from tests.support.outside import declare
from tests.support.planted import SECRETS, holders
from tests.support.study_files import small_study
from tests.support.waiting import free_port, listens, until

pytest.importorskip("aiohttp_cors", reason="Ray's job server needs ray[default]")


@pytest.fixture(scope="module")
def token() -> Iterator[None]:
    """Every process of these tests, Ray's own ones too, has the same token."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEST_RAY_AUTH_TOKEN", secrets.token_hex(32))
        yield


@pytest.fixture(scope="module")
def here(tmp_path_factory, token) -> Iterator[Machine]:
    with machine(tmp_path_factory.mktemp("jobs")) as here:
        yield here


@pytest.fixture(scope="module")
def address(here: Machine) -> Iterator[str]:
    """A Ray head, ended by its process."""
    dashboard = free_port()
    ports = [f"--port={free_port()}", f"--dashboard-port={dashboard}", f"--dashboard-agent-listen-port={free_port()}"]
    head = here.start_ray("--head", "--num-cpus=2", "--dashboard-host=127.0.0.1", *ports)
    try:
        until(lambda: listens(dashboard), head)
        yield f"http://127.0.0.1:{dashboard}"
    finally:
        head.terminate()
        head.wait(timeout=60)


@pytest.fixture
def study(here: Machine) -> Path:
    """A study of one approach and a few seconds, started from a folder with an `analysis.py` of somebody's own."""
    write_namesakes(here.folder, "analysis.py")
    content = small_study(budget__search_seconds=6)
    content["approaches"] = {"better_cnn": content["approaches"]["better_cnn"]}
    path = here.folder / "mine.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.mark.cluster
def test_a_job_outlives_an_interruption_and_is_followed_again_to_its_end(here, address, study):
    out = here.folder / "outlives"
    with here.started("run", study, "--address", address, "--out", out) as running:
        _read_until(running, "Searching")
        running.send_signal(signal.SIGINT)
        told = running.stdout.read()
    assert running.returncode == 130
    job = re.search(r"job (\w+) goes on", told)[1]
    assert f"`transfer-study resume {out} --address {address}` follows it again" in told

    followed = here.transfer_study("resume", out, "--address", address)
    assert followed.code == 0, followed
    assert f"{out} is running" in followed.out
    assert f"job {job} on {address}" in followed.out
    assert "Test accuracy" in followed.out
    assert (out / "report" / "report.html").is_file()
    assert json.loads((out / "environment.json").read_text())["commit"] == commit()
    assert imported(here.folder, "analysis.py") == []

    told = here.transfer_study("status", out, "--address", address)
    assert told.code == 0
    assert "no job of this cluster runs it" in told.out
    assert "finished" in told.out


@pytest.mark.cluster
def test_a_job_is_stopped_where_somebody_answers_yes_and_its_study_goes_on_in_another(here, address, study):
    out = here.folder / "stopped"
    screen, keyboard = pty.openpty()
    with here.started("run", study, "--address", address, "--out", out, stdin=keyboard) as running:
        until(lambda: any(_ends(record) for record in out.glob("records/*/*.json")), running)
        running.send_signal(signal.SIGINT)
        _read_until(running, "Stop the job?", whole_lines=False)
        os.write(screen, b"y\n")
        told = running.stdout.read()
    os.close(screen)
    os.close(keyboard)
    assert running.returncode == 130
    assert f"stopped; `transfer-study resume {out} --address {address}` goes on where it stopped" in told
    before = Store(str(out)).trial_events()
    assert not (out / "report").exists()

    resumed = here.transfer_study("resume", out, "--address", address)
    assert resumed.code == 0, resumed
    assert "is running" not in resumed.out  # it is another job
    assert "Test accuracy" in resumed.out
    assert [event for event in Store(str(out)).trial_events() if event in before] == before
    assert_sound(out, None)


@pytest.mark.cluster
def test_approaches_from_outside_go_along_with_their_code_and_are_resumed_from_the_copy_of_it(here, address):
    """One lies beside the study file, one is an entry point of a package that is installed on the driver's side alone.

    The head stands in another folder, and knows neither.
    """
    lab, site, out = here.folder / "lab", here.folder / "site", here.folder / "outside"
    _, _, study = write_approach("outsider", lab)
    write_approach("installed", site / "somebodys")
    (site / "somebodys" / "__init__.py").touch()
    declare(site, "somebodys", "theirs", "somebodys.installed:Installed")
    content = yaml.safe_load(study.read_text())
    content["approaches"]["outsider"]["max_trials"] = 3
    content["approaches"]["feature_svm"] = content["approaches"]["outsider"] | {"approach": "theirs"}
    content |= {"replicates": 1, "final": {"runs": 2}}
    study.write_text(yaml.safe_dump(content))

    told = replace(here, libraries=(site,)).transfer_study("run", study, "--address", address, "--out", out)
    assert told.code == 0, told
    report = json.loads((out / "report" / "report.json").read_text())
    assert {name: found["accuracy"]["estimate"] > 0.5 for name, found in report["approaches"].items()} == {
        "outsider": True,
        "feature_svm": True,
    }

    shutil.rmtree(lab)
    shutil.rmtree(site)
    last = "outsider-r0-seed1"
    store = Store(str(out))
    store.delete(f"predictions/{last}.parquet")  # which is then run again
    told = here.transfer_study("resume", out, "--address", address)
    assert told.code == 0, told
    assert f"predictions/{last}.parquet" in store.names("predictions")


@pytest.mark.cluster
def test_no_secret_of_the_environment_travels_with_a_job_or_turns_up_on_its_cluster(here, address, study, monkeypatch):
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    out = here.folder / "secret"
    told = here.transfer_study("run", study, "--address", address, "--out", out)
    assert told.code == 0, told
    assert holders(here.ray, out) == []


@pytest.mark.cluster
def test_what_a_study_is_refused_for_comes_through_with_its_exit_code(here, address, study):
    told = here.transfer_study(
        *("run", study, "--address", address, "--out", here.folder / "refused"),
        *("--set", "data={source: folder, path: /nowhere/photos}"),
    )
    assert "/nowhere/photos" in told.complaint
    assert not (here.folder / "refused").exists()


@pytest.mark.slow
def test_another_token_is_refused_in_one_line(here, address, study, monkeypatch):
    monkeypatch.setenv("TEST_RAY_AUTH_TOKEN", secrets.token_hex(32))
    told = here.transfer_study("run", study, "--address", address, "--out", "/x")
    assert "the job server refuses this token" in told.complaint
    assert "RAY_AUTH_MODE=token" in told.complaint


def _ends(record: Path) -> bool:
    return record.stem.partition("-")[2] in ENDINGS


def _read_until(process: subprocess.Popen[str], words: str, *, whole_lines: bool = True) -> None:
    read = ""
    while words not in read:
        piece = process.stdout.readline() if whole_lines else process.stdout.read(1)
        if not piece:
            raise AssertionError(f"ended before it said {words!r}:\n{read}")
        read += piece
