"""What the results depend on."""

import json
import platform
import subprocess
from importlib import metadata
from pathlib import Path

import pytest

from study import provenance
from study.provenance import COMMIT_VARIABLE, commit, environment


@pytest.fixture
def about() -> dict:
    return environment(seed=3, slots=2, cluster={"CPU": 2.0, "memory": 1e9, "node:10.0.0.1": 1.0})


def test_versions_hardware_and_seed_are_named(about):
    assert about["python"] == platform.python_version()
    assert about["packages"]["torch"] == metadata.version("torch")
    assert None not in about["packages"].values()
    assert (about["seed"], about["slots"]) == (3, 2)
    assert about["processor"]


def test_the_cluster_is_described_without_the_addresses_of_its_nodes(about):
    assert about["cluster"] == {"CPU": 2.0, "memory": 1e9}


def test_an_environment_is_json(about):
    assert json.loads(json.dumps(about)) == about


def test_the_commit_is_that_of_the_working_copy():
    here = Path(provenance.__file__).parent
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, check=False).stdout
    found = commit()
    assert (found is None) == (not head)
    if found is not None:
        assert head.startswith(found.removesuffix("-dirty"))


def test_outside_a_repository_there_is_no_commit(monkeypatch, tmp_path):
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "provenance.py"))
    assert commit() is None


def test_a_job_has_the_commit_of_where_it_was_submitted(monkeypatch):
    """It runs from a folder that is no repository."""
    monkeypatch.setenv(COMMIT_VARIABLE, "0123456789ab-dirty")
    assert commit() == "0123456789ab-dirty"
