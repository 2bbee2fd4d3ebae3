"""docs/kubernetes/rayjob.yaml, held against KubeRay's own definition of a RayJob, and the versions of this project.

The definition is KubeRay's CustomResourceDefinition, 1.7, where it is at hand. The API server drops what it does not
know without a word, so here every unknown field is an error.
"""

from __future__ import annotations

import copy
import gzip
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

ROOT = Path(__file__).resolve().parents[2]
KUBERNETES = ROOT / "docs" / "kubernetes"
DEFINITION = ROOT.parent / "shared" / "data" / "kuberay-1.7-rayjobs-crd.yaml.gz"
# The definition says only `object`: the API server knows these fields itself (ObjectMeta, as far as a manifest goes).
TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
METADATA = {"name": {"type": "string"}, "namespace": {"type": "string"}, "labels": TEXTS, "annotations": TEXTS}


@pytest.fixture
def job() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((KUBERNETES / "rayjob.yaml").read_text())
    return content


@pytest.fixture(scope="module")
def rayjob() -> jsonschema.Draft202012Validator:
    """What KubeRay accepts of a RayJob of the version that the manifest is for."""
    if not DEFINITION.exists():
        pytest.skip(f"KubeRay's definition of a RayJob is not at {DEFINITION}")
    definition = yaml.load(gzip.decompress(DEFINITION.read_bytes()), Loader=yaml.CSafeLoader)["spec"]
    assert (definition["group"], definition["names"]["kind"]) == ("ray.io", "RayJob")
    (schema,) = (each["schema"]["openAPIV3Schema"] for each in definition["versions"] if each["name"] == "v1")
    schema["properties"]["metadata"] |= {"properties": METADATA, "required": ["name"]}
    return jsonschema.Draft202012Validator(closed(schema))


def closed(schema: dict[str, Any]) -> dict[str, Any]:
    """The same schema with no field allowed that it does not name, unless it says that it keeps unknown ones."""
    properties = {name: closed(each) for name, each in schema.get("properties", {}).items()}
    whole = schema | {key: closed(schema[key]) for key in ("items", "additionalProperties") if key in schema}
    if schema.get("type") != "object" or schema.get("x-kubernetes-preserve-unknown-fields"):
        return whole | {"properties": properties}
    return {"additionalProperties": False} | whole | {"properties": properties}


def complaints(rayjob: jsonschema.Draft202012Validator, job: dict[str, Any]) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in rayjob.iter_errors(job)]


def test_the_manifest_is_a_rayjob_that_kuberay_accepts(rayjob, job):
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    rayjob.check_schema(rayjob.schema)
    assert complaints(rayjob, job) == []


@pytest.mark.parametrize(
    ("place", "key", "value", "complaint"),
    [
        ("spec.rayClusterSpec", "authOption", {"mode": "token"}, "('authOption' was unexpected)"),
        ("spec", "shutdownAfterJobFinish", True, "('shutdownAfterJobFinish' was unexpected)"),
        ("metadata", "label", {}, "('label' was unexpected)"),
        ("spec.rayClusterSpec.autoscalerOptions", "upscaling", "Default", "('upscaling' was unexpected)"),
        ("spec.rayClusterSpec.autoscalerOptions", "upscalingMode", "Fast", "'Fast' is not one of ["),
        ("spec.rayClusterSpec.headGroupSpec.rayStartParams", "num-cpus", 0, "0 is not of type 'string'"),
        ("spec.rayClusterSpec.workerGroupSpecs.0", "maxReplicas", "4", "'4' is not of type 'integer'"),
        ("spec.rayClusterSpec.workerGroupSpecs.0.template.spec", "toleration", [], "('toleration' was unexpected)"),
        (
            "spec.rayClusterSpec.headGroupSpec.template.spec.containers.0.volumeMounts.0",
            "readonly",
            True,
            "('readonly' was unexpected)",
        ),
        (
            "spec.rayClusterSpec.headGroupSpec.template.spec.containers.0.resources.limits",
            "memory",
            "8 GB",
            "'8 GB' does not match",
        ),
    ],
)
def test_a_misspelt_field_or_a_wrong_value_would_be_noticed(rayjob, job, place, key, value, complaint):
    broken = copy.deepcopy(job)
    section: Any = broken
    for part in place.split("."):
        section = section[int(part)] if part.isdigit() else section[part]
    section[key] = value
    (noticed,) = complaints(rayjob, broken)
    assert complaint in noticed


def test_a_field_that_is_missing_would_be_noticed(rayjob, job):
    del job["spec"]["rayClusterSpec"]["workerGroupSpecs"][0]["maxReplicas"]
    (noticed,) = complaints(rayjob, job)
    assert "'maxReplicas' is a required property" in noticed


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
