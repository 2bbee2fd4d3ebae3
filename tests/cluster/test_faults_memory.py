"""The memory of the machine runs out, as Ray's monitor sees it, while a study runs or before it begins."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.records.store import Store
from tests.cluster.memory import MEMINFO, make
from tests.cluster.nodes import Cluster, cluster, study_file
from tests.support.namespaces import NAMESPACE, refuse_without

pytestmark = pytest.mark.cluster
STORY = """
mount --bind "$STUDY_MEMINFO" /proc/meminfo || exit 90
[ -z "${FULL-}" ] || cat "$FULL" >"$STUDY_MEMINFO"
exec "$@" run study.yaml --out study
"""
ENDED = "its process was ended by Ray, as the memory of its node ran out"
FEWER = "have fewer trials at once (a larger slot.cpus), or smaller batches or images"


@pytest.fixture
def meminfo(tmp_path: Path) -> Path:
    path = tmp_path / "meminfo"
    make(path)
    refuse_without(["mount", "--bind", str(path), "/proc/meminfo"])
    return path


def run(here: Cluster, meminfo: Path, approach: str, **environment: str) -> tuple[int, str]:
    """Exit code and complaint of a study of this approach."""
    mine = {"approach": f"tests.cluster.memory:{approach}", "image_size": [8, 8], "max_trials": 3}
    study_file(here.folder, approaches={"mine": mine | {"space": {"guess": {"uniform": [0.0, 0.9]}}}})
    told = here.run(
        [*NAMESPACE, "sh", "-c", STORY, "story", *here.command],
        RAY_memory_monitor_refresh_ms="100",
        **{MEMINFO: str(meminfo)},
        **environment,
    )
    assert "Task" not in told.stdout, "Ray says nothing"
    return told.returncode, told.stderr


def test_a_trial_whose_process_is_ended_for_want_of_memory_is_started_again_and_the_study_goes_on(tmp_path, meminfo):
    with cluster(tmp_path) as here:
        assert run(here, meminfo, "Hungry") == (0, "")
    events = Store(str(tmp_path / "study")).trial_events()
    lost = [event.reason for event in events if event.event == "lost"]
    assert lost
    assert {reason.partition(";")[0] for reason in lost if reason} == {ENDED}
    assert [event for event in events if event.event == "failed"] == []


def test_where_memory_runs_out_in_every_trial_the_study_ends_with_cause_and_mend_in_one_line(tmp_path, meminfo):
    with cluster(tmp_path) as here:
        code, complaint = run(here, meminfo, "Insatiable")
    assert code == 2
    assert complaint.startswith("error: no trial comes to a result: ")
    assert complaint.endswith(
        f"the last time, {ENDED}; free memory, and `transfer-study resume` goes on; or begin anew: {FEWER}\n"
    )
    assert len(complaint) <= 300


def test_where_there_is_no_memory_from_the_beginning_that_is_said_in_one_line(tmp_path, meminfo):
    """The approach was to blame: the workers could not import it, it was said."""
    with cluster(tmp_path) as here:
        told = run(here, meminfo, "Modest", FULL=str(meminfo.with_suffix(".full")))
    assert told == (
        2,
        "error: a worker was ended by Ray as it began, as the memory of its node ran out; free memory there, or use a "
        "machine with more\n",
    )
    assert not (tmp_path / "study").exists()
