"""The runs in MLflow's file format, read back through MLflow's own client."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from analysis.records.reading import read_study
from analysis.records.trials import trial_table
from study.export import mlflow_runs

REASON = "MLflow is not installed (pip install 'transfer-study[mlflow]')"


@pytest.fixture
def mlflow(monkeypatch) -> Any:
    """MLflow, reading its file format as its users have to ask for it."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    return pytest.importorskip("mlflow", reason=REASON)


@pytest.fixture
def client(mlflow, transfer_study, study, tmp_path) -> Any:
    told = transfer_study("export", study, "--mlflow", "mlruns")
    assert (told.code, told.out) == (0, "mlruns: 1 MLflow experiment, 14 runs\n")
    return mlflow.MlflowClient(tracking_uri=str(tmp_path / "mlruns"))


def runs(client: Any) -> dict[str, Any]:
    """All runs of the study's experiment by their names."""
    experiment = client.get_experiment_by_name("small")
    return {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}


def test_a_study_is_an_experiment_that_tells_its_budget_and_level(client, study):
    tags = client.get_experiment_by_name("small").tags
    assert tags["directory"] == study
    assert (tags["search_seconds"], tags["alpha"]) == ("4.0", "0.05")


def test_each_trial_and_final_run_is_a_run_below_that_of_its_search(client, study):
    found, table = runs(client), trial_table(read_study(study).events)
    assert set(found) == {"better_cnn", "fine_tune", "feature_svm", *table.trial}
    for row in table.itertuples(index=False):
        assert found[row.trial].data.tags["mlflow.parentRunId"] == found[row.approach].info.run_id


def test_a_run_has_the_hyperparameters_facts_and_times_of_its_trial(client, study):
    run = runs(client)["better_cnn-r0-0001"]
    row = trial_table(read_study(study).events).set_index("trial").loc["better_cnn-r0-0001"]
    assert run.data.params == {name: str(value) for name, value in row.params.items()}
    tags = {name: run.data.tags[name] for name in ("status", "origin", "phase", "approach", "charged_s")}
    assert tags == {
        "status": "cut", "origin": "suggested", "phase": "search", "approach": "better_cnn", "charged_s": "2.0",
    }  # fmt: skip
    assert (run.info.start_time, run.info.end_time) == (1000 * row.started, 1000 * row.ended)


def test_runs_have_the_states_that_say_what_the_search_could_make_of_them(client):
    states = {name: run.info.status for name, run in runs(client).items() if "-r0-" in name}
    assert states.pop("fine_tune-r0-0001") == "RUNNING"
    assert {name for name, state in states.items() if state == "FAILED"} == {"better_cnn-r0-0003", "better_cnn-r0-0004"}
    assert set(states.values()) == {"FAILED", "FINISHED"}


def test_curves_have_the_steps_of_the_trial_and_the_times_of_the_records(client, study):
    run = runs(client)["fine_tune-r0-0001"].info.run_id
    history = client.get_metric_history(run, "valid_accuracy")
    events = read_study(study).events
    times = events[(events.trial == "fine_tune-r0-0001") & (events.event == "validated")].time
    assert [(point.step, point.value) for point in history] == [(8, 0.4), (16, 0.6)]
    assert [point.timestamp for point in history] == [1000 * time for time in times]
    assert [point.value for point in client.get_metric_history(run, "charged_s")] == [0.0, 0.4, 0.8]


def test_final_runs_have_their_test_accuracy_and_their_search_the_mean(client, study):
    found, table = runs(client), trial_table(read_study(study).events)
    finals = table[table.phase == "final"]
    for row in finals.itertuples(index=False):
        assert found[row.trial].data.metrics["test_accuracy"] == row.test_accuracy
    scores = found["feature_svm"].data.metrics
    assert scores["mean_test_accuracy"] == pytest.approx(finals.test_accuracy.astype(float).mean())
    assert scores["best_accuracy"] == 0.90
    assert scores["charged_s"] == 1.0
    assert "mean_test_accuracy" not in found["better_cnn"].data.metrics


def test_nothing_is_written_but_the_folder_and_the_environment_is_left_as_it_was(
    mlflow, monkeypatch, transfer_study, study, tmp_path
):
    monkeypatch.delenv("MLFLOW_ALLOW_FILE_STORE")
    before, environment = set(tmp_path.rglob("*")), dict(os.environ)
    assert transfer_study("export", study, "--mlflow", "mlruns").code == 0
    assert {path.relative_to(tmp_path).parts[0] for path in set(tmp_path.rglob("*")) - before} == {"mlruns"}
    assert dict(os.environ) == environment


def test_exporting_twice_is_refused_unless_it_shall_replace_the_first(client, transfer_study, study):
    complaint = transfer_study("export", study, "--mlflow", "mlruns").complaint
    assert complaint == (
        "mlruns: holds an experiment small already; give another folder, or --replace to write it anew"
    )
    first = client.get_experiment_by_name("small").experiment_id
    assert transfer_study("export", study, "--mlflow", "mlruns", "--replace").code == 0
    assert client.get_experiment(first).lifecycle_stage == "deleted"
    assert client.get_experiment_by_name("small").experiment_id != first
    assert len(runs(client)) == 14


def test_an_export_that_is_interrupted_leaves_the_experiment_as_it_was(client, transfer_study, study, monkeypatch):
    before = runs(client)

    def interrupted(*_: object) -> None:
        raise InterruptedError("stopped")

    monkeypatch.setattr(mlflow_runs, "_write_run", interrupted)
    assert "stopped" in transfer_study("export", study, "--mlflow", "mlruns", "--replace").complaint
    assert {name: run.info.run_id for name, run in runs(client).items()} == {
        name: run.info.run_id for name, run in before.items()
    }
    assert {experiment.name for experiment in client.search_experiments()} == {"Default", "small"}


def test_a_folder_of_something_else_is_refused_and_left_alone(transfer_study, study, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("notes")
    complaint = transfer_study("export", study, "--mlflow", "mine").complaint
    assert complaint == "mine: holds something else than MLflow's files; give another folder"
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]


def test_a_place_that_is_no_folder_is_refused(transfer_study, study):
    assert "takes a folder on this machine" in transfer_study("export", study, "--mlflow", "s3://bucket/runs").complaint


def test_without_mlflow_the_way_to_install_it_is_said(transfer_study, study, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    complaint = transfer_study("export", study, "--mlflow", "mlruns").complaint
    assert complaint == "MLflow is not installed; `pip install 'transfer-study[mlflow]'` adds it"
    assert not Path(tmp_path / "mlruns").exists()
