"""Waiting for the first node of a cluster that begins as a head alone, with a stand-in for Ray's list of nodes."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from study.cluster.first_node import first_slot
from study.cluster.nodes import ClusterError
from tests.support.study_files import small_config
from trainables.spec import Slot

HEAD = {"CPU": 0.0, "memory": 4e9}
AUTO = small_config(slot={"cpus": 2, "gpus": "auto"})


@pytest.fixture
def lines():
    return []


@pytest.fixture
def grows(monkeypatch):
    """A cluster that has these nodes, one list after the other, each time somebody looks; the last one for good."""
    demands = []

    @contextmanager
    def demand(config):
        demands.append(config)
        yield
        demands.append("taken back")

    def set_up(*states):
        left = list(states)
        monkeypatch.setattr("study.cluster.first_node.nodes", lambda: left.pop(0) if len(left) > 1 else left[0])
        return demands

    monkeypatch.setattr("study.cluster.first_node._demand", demand)
    monkeypatch.setattr("study.cluster.first_node.LOOK_EVERY_S", 0.0)
    return set_up


def test_a_cluster_with_room_is_used_at_once(grows, lines):
    demands = grows([HEAD, {"CPU": 8.0}])
    assert first_slot(AUTO, lines.append) == Slot(2, 0)
    assert (lines, demands) == ([], [])


def test_a_head_alone_is_asked_for_a_node_and_the_user_is_told(grows, lines):
    demands = grows([HEAD], [HEAD], [HEAD], [HEAD, {"CPU": 8.0, "GPU": 1.0}])
    assert first_slot(AUTO, lines.append) == Slot(2, 1)
    assert lines == ["no node to run trials on yet; asking for one, and waiting up to 20 min for it to join"]
    assert demands == [AUTO, "taken back"]


def test_a_slot_too_large_for_the_nodes_there_are_is_refused_at_once(grows, lines):
    grows([HEAD, {"CPU": 1.0}])
    with pytest.raises(ClusterError, match="slot: 2 CPUs"):
        first_slot(AUTO, lines.append)
    assert lines == []


def test_waiting_has_an_end(grows, lines):
    grows([HEAD])
    with pytest.raises(
        ClusterError, match=r"no node to run trials on joined the cluster within 0 min; see `ray status`"
    ):
        first_slot(AUTO, lines.append, within_s=0.0)
