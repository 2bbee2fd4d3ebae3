"""The launcher files, held against the installed Ray's own schema, and against what they promise."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("study", "trainables", "analysis")
FILES = ("cluster.yaml", "docs/cluster-onprem.yaml")


def read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / name).read_text())
    return content


@pytest.fixture(params=FILES)
def cluster(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Each of the launcher files."""
    return read(request.param)


@pytest.fixture
def aws() -> dict[str, Any]:
    return read("cluster.yaml")


def starts(cluster: dict[str, Any], whose: str) -> str:
    (command,) = [it for it in cluster[f"{whose}_start_ray_commands"] if "ray start" in it]
    return str(command)


def test_a_launcher_file_is_valid_by_rays_own_schema(cluster):
    validate_config(prepare_config(cluster))


def test_rays_schema_would_notice_a_misspelt_key(cluster):
    with pytest.raises(Exception, match="'setup_comands' was unexpected"):
        validate_config(prepare_config(cluster | {"setup_comands": []}))


def test_every_node_requires_the_token_and_has_it(cluster):
    assert "~/.ray/auth_token" in cluster["file_mounts"]
    assert any("RAY_AUTH_MODE=token" in command and ".bashrc" in command for command in cluster["setup_commands"])


def test_every_node_gets_the_project_with_its_pinned_dependencies_and_no_data(cluster):
    assert cluster["file_mounts"]["~/transfer-study"] == "."
    assert any("-c ~/transfer-study/constraints.txt" in command for command in cluster["setup_commands"])
    # Anchored, or they would leave trainables/data out as well.
    assert {".venv/", "/results/", "/data/"} <= set(cluster["rsync_exclude"])


@pytest.mark.skipif(shutil.which("rsync") is None, reason="needs rsync")
def test_every_file_of_the_packages_reaches_the_nodes_and_no_data_does(cluster, tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    kept = [str(path.relative_to(ROOT)) for name in PACKAGES for path in (ROOT / name).rglob("*.py")]
    for name in (*kept, "data/boats/a.jpg", "results/digits/study.yaml", ".venv/bin/python"):
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).touch()

    excluded = [f"--exclude={pattern}" for pattern in cluster["rsync_exclude"]]
    subprocess.run(["rsync", "-a", *excluded, f"{here}/", there], check=True)

    assert sorted(str(path.relative_to(there)) for path in there.rglob("*") if path.is_file()) == sorted(kept)


def test_the_dashboard_listens_on_the_loopback_only(cluster):
    assert "--dashboard-host=127.0.0.1" in starts(cluster, "head")
    assert "0.0.0.0" not in yaml.safe_dump(cluster)


def test_workers_join_the_head_that_the_launcher_started(cluster):
    assert "--port=6379" in starts(cluster, "head")
    assert "--autoscaling-config=~/ray_bootstrap_config.yaml" in starts(cluster, "head")
    assert "--address=$RAY_HEAD_IP:6379" in starts(cluster, "worker")


def test_trials_run_on_spot_gpu_workers_that_come_and_go_by_demand(aws):
    types = aws["available_node_types"]
    assert types[aws["head_node_type"]]["resources"]["CPU"] == 0
    workers = types["gpu_worker"]
    assert workers["resources"]["GPU"] >= 1
    assert workers["node_config"]["InstanceMarketOptions"] == {"MarketType": "spot"}
    assert 0 <= workers["min_workers"] < workers["max_workers"] == aws["max_workers"]


def test_no_node_is_left_to_the_security_group_that_ray_would_make(aws):
    """That one lets SSH in from 0.0.0.0/0: `_create_default_ssh_inbound_rules` of Ray's AWS provider."""
    assert all(kind["node_config"]["SecurityGroupIds"] for kind in aws["available_node_types"].values())


def test_the_images_have_the_ray_and_the_python_that_the_project_is_tested_with(aws):
    (ray,) = re.findall(r"^ray==(.+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    python = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]["python_version"].replace(".", "")
    assert aws["docker"]["head_image"] == f"rayproject/ray:{ray}-py{python}"
    assert aws["docker"]["worker_image"] == f"rayproject/ray:{ray}-py{python}-gpu"
