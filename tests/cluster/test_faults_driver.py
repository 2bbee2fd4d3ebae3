"""The driver of a study is ended in every way there is, and the study goes on where it stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from analysis.records.schema import ENDINGS, TrialEvent
from analysis.records.store import Store
from tests.cluster.nodes import Cluster, cluster, study_file
from tests.cluster.soundness import assert_sound
from tests.support.waiting import until
from trainables.checkpoints import SUFFIX

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster of one node with one slot, and a study of which every test here does a little."""
    with cluster(tmp_path_factory.mktemp("node"), 1) as made:
        study_file(made.folder)
        yield made


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (lambda driver: os.killpg(driver.pid, signal.SIGINT), 130),  # as Ctrl-C does
        (lambda driver: os.kill(driver.pid, signal.SIGTERM), 143),
        (lambda driver: os.kill(driver.pid, signal.SIGHUP), 129),  # as a terminal does that is closed
    ],
    ids=["Ctrl-C", "SIGTERM", "SIGHUP"],
)
def test_a_study_that_is_told_to_stop_says_how_it_goes_on(node, end, code):
    told, complaints = interrupted(node, end, code)
    assert complaints == "interrupted; `transfer-study resume study` goes on where it stopped\n", told


def test_another_token_than_the_clusters_is_refused_in_one_line(node):
    """Ray said it twenty times before, for 20 s."""
    command = [*node.command, "run", "study.yaml", "--out", "other", "--address", node.address]
    told = node.run(command, RAY_AUTH_TOKEN="0" * 32)
    (complaint,) = told.stderr.splitlines()
    assert told.returncode == 2
    assert f"--address {node.address}: the cluster refuses this token (" in complaint
    assert len(complaint) <= 300


def test_a_driver_that_is_killed_loses_nothing(node):
    interrupted(node, lambda driver: os.kill(driver.pid, signal.SIGKILL), -signal.SIGKILL)


def test_a_study_goes_on_with_a_new_head_when_the_head_is_lost_and_the_driver_with_it(node):
    def lose_head(driver: subprocess.Popen[str]) -> None:
        node.lose(node.nodes[0])

    told, complaints = interrupted(node, lose_head, None)
    assert "Traceback" not in complaints, complaints
    node.add(cpus=1)
    driver = node.start(*sitting(node))
    told, complaints = driver.communicate()
    assert (driver.returncode, complaints) == (0, ""), told
    assert_sound(directory(node), node.diary)
    report = json.loads((directory(node) / "report" / "report.json").read_text())
    assert {name: len(it["final_runs"]) for name, it in report["approaches"].items()} == {"one": 2, "other": 2}
    assert not list((directory(node) / "checkpoints").glob("*"))


def interrupted(node: Cluster, end: Callable[[subprocess.Popen[str]], None], code: int | None) -> tuple[str, str]:
    """Let the study go on until a trial has worked past a checkpoint, end its driver, and check what is left of it.

    Returns:
        What the driver had printed, to standard output and to standard error.
    """
    known = events(node)
    driver = node.start(*sitting(node))
    until(lambda: worked_past_a_checkpoint(node, known), driver)
    before = events(node)
    end(driver)
    told, complaints = driver.communicate(timeout=120)
    assert code is None or driver.returncode == code, told + complaints
    assert driver.returncode != 0
    after = events(node)
    assert [event for event in after if event in before] == before
    assert_sound(directory(node), node.diary)
    return told, complaints


def sitting(node: Cluster) -> list[str]:
    """The command that begins the study, or goes on with it."""
    begun = (directory(node) / "study.yaml").exists()
    return ["resume", "study"] if begun else ["run", "study.yaml", "--out", "study"]


def worked_past_a_checkpoint(node: Cluster, known: list[TrialEvent]) -> bool:
    open_trials = {path.stem for path in (directory(node) / "checkpoints").glob(f"*{SUFFIX}")}
    new = [event for event in events(node) if event not in known and event.event not in ("started", "lost", *ENDINGS)]
    return any(event.trial in open_trials and event.charged_s > 0.5 for event in new)


def events(node: Cluster) -> list[TrialEvent]:
    return Store(str(directory(node))).trial_events() if (directory(node) / "study.yaml").exists() else []


def directory(node: Cluster) -> Path:
    return node.folder / "study"
