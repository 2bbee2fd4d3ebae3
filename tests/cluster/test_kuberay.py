"""docs/kubernetes/rayjob.yaml, held against what KubeRay accepts, and against the versions of this project."""

from __future__ import annotations

import copy
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from study.cli import app
from study.config.messages import ConfigError
from tests.cluster.kuberay import RAYJOB

ROOT = Path(__file__).resolve().parents[2]
KUBERNETES = ROOT / "docs" / "kubernetes"


@pytest.fixture
def job() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((KUBERNETES / "rayjob.yaml").read_text())
    return content


def complaint(job: dict[str, Any]) -> str:
    with pytest.raises(jsonschema.ValidationError) as refused:
        jsonschema.validate(job, RAYJOB)
    return str(refused.value.message)


def test_the_manifest_is_a_rayjob_that_kuberay_accepts(job):
    jsonschema.Draft202012Validator.check_schema(RAYJOB)
    jsonschema.validate(job, RAYJOB)


def test_a_misspelt_field_or_a_wrong_type_would_be_noticed(job):
    cluster = job["spec"]["rayClusterSpec"]
    broken = copy.deepcopy(job)
    broken["spec"]["rayClusterSpec"]["authOption"] = cluster["authOptions"]
    assert "'authOption' was unexpected" in complaint(broken)
    broken = copy.deepcopy(job)
    broken["spec"]["rayClusterSpec"]["headGroupSpec"]["rayStartParams"]["num-cpus"] = 0
    assert "0 is not of type 'string'" in complaint(broken)
    broken = copy.deepcopy(job)
    del broken["spec"]["rayClusterSpec"]["workerGroupSpecs"][0]["maxReplicas"]
    assert "'maxReplicas' is a required property" in complaint(broken)


def test_every_connection_needs_the_token_and_none_comes_from_outside(job):
    cluster = job["spec"]["rayClusterSpec"]
    assert cluster["authOptions"] == {"mode": "token"}
    assert cluster["headGroupSpec"]["serviceType"] == "ClusterIP"


def test_trials_run_on_gpu_workers_that_come_and_go_by_demand(job):
    cluster = job["spec"]["rayClusterSpec"]
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    assert cluster["enableInTreeAutoscaling"] is True
    (workers,) = cluster["workerGroupSpecs"]
    assert workers["minReplicas"] < workers["maxReplicas"]
    (container,) = workers["template"]["spec"]["containers"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"


def test_the_volume_with_the_study_file_is_where_the_command_looks(job):
    pod = job["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]
    (mounted,) = pod["containers"][0]["volumeMounts"]
    assert mounted["name"] in {volume["name"] for volume in pod["volumes"]}
    assert f"{mounted['mountPath']}/study.yaml" in job["spec"]["entrypoint"]


def test_the_entrypoint_is_a_command_of_this_program(job):
    program, *arguments = shlex.split(job["spec"]["entrypoint"])
    assert program == "transfer-study"
    with pytest.raises(
        ConfigError, match=r"/study/study\.yaml: neither a file nor a preset"
    ):  # all else was understood
        app(arguments, standalone_mode=False)


def test_ray_and_python_are_those_that_the_project_is_tested_with(job):
    (ray,) = re.findall(r"^ray==(.+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert job["spec"]["rayClusterSpec"]["rayVersion"] == ray
    python = f"py{tomllib.loads((ROOT / 'pyproject.toml').read_text())['tool']['mypy']['python_version']}".replace(
        ".", ""
    )
    assert f"FROM rayproject/ray:{ray}-{python}\n" in (KUBERNETES / "Dockerfile").read_text()
