"""A study that went on elsewhere than it began: what a charged second bought is then not the same throughout."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from analysis.records.reading import read_study
from analysis.records.store import Store
from analysis.report.reservations import reservations
from analysis.report.summary import StudySummary, summarise
from analysis.report.write import write_report

pytestmark = pytest.mark.slow

HERE = {"processor": "AMD EPYC 7B13", "cpus": 2, "gpus": [], "commit": "abc", "cluster": {"CPU": 2}}
THERE = {**HERE, "processor": "Intel Xeon", "cpus": 8, "gpus": ["NVIDIA H100"]}


def session(study: str, later: dict[str, object], *, host: str) -> StudySummary:
    """The study as it is when its final runs were made in a later session."""
    store = Store(study)
    store.write_bytes("environment.json", json.dumps(HERE).encode())
    store.write_bytes("environments/0002.json", json.dumps(later).encode())
    for event in store.trial_events():
        store.write_trial_event(event.model_copy(update={"host": "here" if event.phase == "search" else host}))
    return summarise(read_study(study))


def said(study: StudySummary) -> list[str]:
    return [one.text for one in reservations(study.comparison, study) if one.kind == "moved"]


@pytest.mark.usefixtures("undrawn")
def test_the_verdict_says_that_a_study_went_on_with_another_machine(study_dir):
    study = session(study_dir, THERE, host="there")
    (text,) = said(study)
    assert text == (
        "the study began on one machine (AMD EPYC 7B13, 2 CPUs) and went on with another (Intel Xeon, 8 CPUs, NVIDIA "
        "H100), where a charged second buys another amount of training"
    )
    paths = write_report(study_dir)
    assert "The study began on one machine (AMD EPYC 7B13, 2 CPUs)" in paths.verdict
    report = json.loads(Path(paths.json).read_text())
    assert "moved" in [one["kind"] for one in report["reservations"]]
    assert report["later_environments"] == [THERE]
    assert "| processor (environment 2) | Intel Xeon |" in Path(paths.markdown).read_text()


@pytest.mark.parametrize(
    ("later", "host"),
    [(THERE, "here"), ({**HERE, "commit": "def"}, "there"), ({**HERE, "cluster": {"CPU": 9}}, "there"), ({}, "there")],
    ids=["nothing trained there", "another commit", "more nodes", "nothing recorded"],
)
def test_nothing_is_said_where_the_machine_is_the_same_or_nothing_trained_elsewhere(study_dir, later, host):
    assert said(session(study_dir, later, host=host)) == []


def test_nothing_is_said_of_a_cluster_whose_nodes_all_did_both_or_some_did(study_dir):
    """The driver of the later session ran on another machine, which is no node of the cluster."""
    session(study_dir, THERE, host="here")
    store = Store(study_dir)
    for number, event in enumerate(store.trial_events()):
        store.write_trial_event(event.model_copy(update={"host": f"node {number % 2}"}))
    assert said(summarise(read_study(study_dir))) == []
    for event in store.trial_events():
        if event.phase == "final" and event.host == "node 1":
            store.write_trial_event(event.model_copy(update={"host": "node 2"}))
    assert said(summarise(read_study(study_dir))) == []


def test_that_an_attempt_was_lost_on_the_first_machine_is_no_work_of_the_later_session_there(study_dir):
    session(study_dir, THERE, host="there")
    store = Store(study_dir)
    ended = [event for event in store.trial_events() if event.event == "evaluated"][-1]
    lost = ended.model_copy(update={"order": ended.order + 1, "event": "lost", "host": "here", "test_accuracy": None})
    store.write_trial_event(lost)
    assert len(said(summarise(read_study(study_dir)))) == 1
