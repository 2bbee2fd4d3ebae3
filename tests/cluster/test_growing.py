"""A cluster that begins as a head without a slot and grows by demand: Ray's autoscaler, with nodes on this machine.

Not `ray.cluster_utils.AutoscalingCluster`: that begins and ends with `ray stop --force`, which ends every Ray process
of the machine, whoever started it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator

import pytest
import yaml
from ray.util import get_node_ip_address

from analysis.records.store import Store
from tests.support.commands import Machine, machine
from tests.support.study_files import small_study
from tests.support.waiting import free_port, listens, until

HEAD = "f" * 51 + "00000"  # how Ray's provider of pretended nodes knows its head


@pytest.fixture
def here(tmp_path, monkeypatch) -> Iterator[Machine]:
    monkeypatch.setenv("TEST_RAY_AUTH_TOKEN", secrets.token_hex(32))
    with machine(tmp_path) as here:
        yield here


@pytest.fixture
def address(here: Machine) -> Iterator[str]:
    port = free_port()
    address = f"{get_node_ip_address()}:{port}"
    (here.folder / "cluster.yaml").write_text(yaml.safe_dump(_cluster(address)))
    head = here.start_ray(
        *("--head", "--num-cpus=0", f"--port={port}", "--include-dashboard=false"),
        *(f"--dashboard-agent-listen-port={free_port()}", f"--autoscaling-config={here.folder / 'cluster.yaml'}"),
        RAY_FAKE_CLUSTER="1",
        RAY_OVERRIDE_NODE_ID_FOR_TESTING=HEAD,
        AUTOSCALER_UPDATE_INTERVAL_S="1",
    )
    try:
        until(lambda: listens(port), head)
        yield address
    finally:
        head.terminate()
        head.wait(timeout=60)


def _cluster(address: str) -> dict[str, object]:
    head = {"resources": {"CPU": 0}, "node_config": {}, "min_workers": 0, "max_workers": 0}
    worker = {
        "resources": {"CPU": 1, "object_store_memory": 100_000_000},
        "node_config": {},
        "min_workers": 0,
        "max_workers": 2,
    }
    no_commands = ("initialization_commands", "setup_commands", "head_setup_commands", "worker_setup_commands")
    return {key: [] for key in (*no_commands, "head_start_ray_commands", "worker_start_ray_commands")} | {
        "cluster_name": "growing",
        "max_workers": 2,
        "idle_timeout_minutes": 10,
        "upscaling_speed": 1.0,
        "auth": {},
        "docker": {},
        "file_mounts": {},
        "cluster_synced_files": [],
        "file_mounts_sync_continuously": False,
        "provider": {
            # Under its own name, `fake_multinode`, it wants a file that is not in Ray's wheel.
            "type": "external",
            "module": "ray.autoscaler._private.fake_multi_node.node_provider.FakeMultiNodeProvider",
            "disable_node_updaters": True,
            "disable_launch_config_check": True,
            "foreground_node_launch": True,
            "worker_liveness_check": False,
            "head_node_id": HEAD,
            "gcs_address": address,
        },
        "available_node_types": {"ray.head.default": head, "worker": worker},
        "head_node_type": "ray.head.default",
    }


@pytest.mark.cluster
def test_a_head_without_a_slot_gets_its_first_node_and_is_asked_for_more(here, address):
    content = small_study(budget__search_seconds=8)
    content["approaches"] = {"better_cnn": content["approaches"]["better_cnn"]}
    (here.folder / "study.yaml").write_text(yaml.safe_dump(content))
    told = here.transfer_study("run", "study.yaml", "--address", address, "--out", "study")
    assert told.code == 0, told
    assert "no node to run trials on yet; asking for one" in told.out
    assert "Test accuracy" in told.out
    report = json.loads((here.folder / "study" / "report" / "report.json").read_text())
    assert 0 < report["search"]["utilisation"] <= 1
    phases = Store(str(here.folder / "study")).phase_events()
    assert {event.slots for event in phases if event.event == "started"} == {1}
    # While one trial runs another waits, which is what the autoscaler grows by. Here it grows no further: Ray's
    # pretended nodes have one address, so that the autoscaler takes the first for one that is still to come.
    status = (here.ray / "session_latest" / "logs" / "monitor.log").read_text()
    assert "{'CPU': 1.0} * 1 (PACK): 1+ pending placement groups" in status
