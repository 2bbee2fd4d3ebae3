"""How many trials a machine or a cluster can run at once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.cluster.nodes import ClusterError, Slots, slot_for, slots_of
from tests.support.study_files import small_config
from trainables.spec import Slot


@pytest.mark.parametrize(
    ("node", "slot", "slots"),
    [
        ({"CPU": 2.0}, Slot(1, 0), 2),
        ({"CPU": 7.0}, Slot(2, 0), 3),
        ({"CPU": 64.0, "GPU": 4.0}, Slot(8, 1), 4),
        ({"CPU": 16.0, "GPU": 4.0}, Slot(8, 1), 2),
        ({"CPU": 64.0, "GPU": 1.0}, Slot(1, 0.1), 10),
        ({"CPU": 64.0}, Slot(1, 1), 0),
        ({}, Slot(1, 0), 0),
    ],
)
def test_as_many_slots_as_fit_by_cpus_and_by_gpus(node, slot, slots):
    assert slots_of([node], slot) == slots


def test_a_slot_lies_on_one_node():
    assert slots_of([{"CPU": 3.0}, {"CPU": 3.0}], Slot(2, 0)) == 2
    assert slots_of([{"CPU": 2.0}, {"CPU": 2.0}], Slot(4, 0)) == 0


@given(st.integers(1, 20), st.integers(1, 8))
def test_equal_parts_of_a_gpu_add_up_to_the_whole_gpu(parts, gpus):
    assert slots_of([{"CPU": 1000.0, "GPU": float(gpus)}], Slot(1, 1 / parts)) == parts * gpus


@pytest.mark.parametrize(("resources", "gpus"), [({"CPU": 2.0}, 0.0), ({"CPU": 2.0, "GPU": 2.0}, 1.0)])
def test_auto_takes_one_gpu_where_the_cluster_has_any(resources, gpus):
    assert slot_for(small_config(slot={"cpus": 1, "gpus": "auto"}), [resources]) == Slot(1, gpus)


def test_a_slot_may_be_part_of_a_gpu():
    assert slot_for(small_config(slot={"cpus": 1, "gpus": 0.5}), [{"CPU": 4.0, "GPU": 1.0}]) == Slot(1, 0.5)


def test_a_slot_that_nobody_has_is_refused_with_what_there_is():
    with pytest.raises(ClusterError, match=r"slot: 1 CPUs and 1 GPUs for a trial, .* \(at most 4 CPUs and 0 GPUs\)"):
        slot_for(small_config(slot={"cpus": 1, "gpus": 1}), [{"CPU": 4.0}])


def test_a_cluster_is_asked_for_its_nodes_once_a_second_at_most(monkeypatch):
    now, asked = [100.0], []

    def nodes():
        asked.append(now[0])
        return [{"CPU": 2.0 * len(asked)}]

    monkeypatch.setattr("study.cluster.nodes.nodes", nodes)
    monkeypatch.setattr("study.cluster.nodes.time.monotonic", lambda: now[0])
    slots = Slots(Slot(1, 0))
    assert [slots() for _ in range(1000)] == [2] * 1000
    now[0] += 1
    assert (slots(), asked) == (4, [100.0, 101.0])
