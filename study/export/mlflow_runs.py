"""The runs of a study in MLflow's file format: an experiment a study, a run a search, below it a run each trial.

MLflow 3 keeps that format in maintenance and reads and writes it only where MLFLOW_ALLOW_FILE_STORE is set.
An experiment is written under a passing name, and gets its own when it is whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from analysis.records.reading import StudyRecords
from analysis.records.storage import first_line
from study.export.searches import Search, Trial, searches
from study.variables import variables
from trainables.errors import InputError

if TYPE_CHECKING:
    from mlflow import MlflowClient

METRICS = (
    *("charged_s", "lr", "train_loss", "train_accuracy", "valid_loss", "valid_accuracy"),
    *("best_accuracy", "test_accuracy"),
)
AT_ONCE = 1000  # metrics in one request, the most that MLflow takes
# Of this process, and of MLflow alone: the format that is asked for, and no report to its makers.
ENVIRONMENT = {"MLFLOW_ALLOW_FILE_STORE": "true", "MLFLOW_DISABLE_TELEMETRY": "true"}


@dataclass(frozen=True)
class MlflowTarget:
    """A folder on this machine, new or with other experiments of MLflow's.

    Args:
        folder: path of the folder.
        replace: whether an experiment of the study's name may be there already; MLflow keeps it as a deleted one.
    """

    folder: str
    replace: bool = False

    def check(self, records: StudyRecords) -> None:
        if "://" in self.folder:
            raise InputError(f"{self.folder}: --mlflow takes a folder on this machine, as its file format needs one")
        folder = Path(self.folder)
        if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not any(folder.glob("*/meta.yaml")))):
            raise InputError(f"{self.folder}: holds something else than MLflow's files; give another folder")
        with _mlflow(self.folder) as client:  # which would make the folder
            there = folder.exists() and client().get_experiment_by_name(records.settings.name)
        if there and not self.replace:
            raise InputError(
                f"{self.folder}: holds an experiment {records.settings.name} already; give another folder, or "
                "--replace to write it anew"
            )

    def write(self, records: StudyRecords) -> str:
        found, name = searches(records), records.settings.name
        with _mlflow(self.folder) as opened:
            client = opened()
            passing = client.create_experiment(f"{name}, being written {uuid4().hex[:8]}", tags=_about(records))
            try:
                for search in found:
                    _write_search(client, passing, search)
                _put_in_place(client, passing, name)
            except BaseException:
                client.delete_experiment(passing)
                raise
        runs = sum(1 + len(search.trials) + len(search.finals) for search in found)
        return f"{self.folder}: 1 MLflow experiment, {runs:,} runs"


def _about(records: StudyRecords) -> dict[str, str]:
    settings = records.settings
    told = {"directory": records.location, **settings.budget.model_dump(), **settings.significance.model_dump()}
    return {name: str(value) for name, value in told.items()}


def _put_in_place(client: MlflowClient, passing: str, name: str) -> None:
    before = client.get_experiment_by_name(name)
    if before is not None:
        client.rename_experiment(before.experiment_id, f"{name}, replaced by {passing}")
        client.delete_experiment(before.experiment_id)
    client.rename_experiment(passing, name)


def _write_search(client: MlflowClient, experiment: str, search: Search) -> None:
    """The search as a run, its trials and final runs as runs below it."""
    runs = [*search.trials, *search.finals]
    started = min((run.started for run in runs), default=0.0)
    parent = client.create_run(experiment, start_time=_ms(started), run_name=search.name).info.run_id
    for run in runs:
        _write_run(client, experiment, parent, run)
    for name, value in {"approach": search.approach, "replicate": search.replicate}.items():
        client.set_tag(parent, name, str(value))
    for name, value in _scores(search).items():
        client.log_metric(parent, name, value, timestamp=_ms(started), step=0)
    if all(run.ended is not None for run in runs):
        client.set_terminated(parent, "FINISHED", _ms(max((run.ended or 0.0 for run in runs), default=0.0)))


def _scores(search: Search) -> dict[str, float]:
    """The incumbent's validation accuracy, the mean test accuracy of the final runs, and the seconds of the trials."""
    best = [trial.accuracy for trial in search.trials if trial.accuracy is not None]
    tested = [float(run.facts["test_accuracy"]) for run in search.finals if "test_accuracy" in run.facts]
    scores = {"charged_s": sum(float(trial.facts["charged_s"]) for trial in search.trials)}
    if best:
        scores["best_accuracy"] = max(best)
    if tested:
        scores["mean_test_accuracy"] = sum(tested) / len(tested)
    return scores


def _write_run(client: MlflowClient, experiment: str, parent: str, trial: Trial) -> None:
    from mlflow.entities import Param, RunTag

    # Everything in few requests: for each one, the file store looks for the run's folder among all of them.
    run = client.create_run(experiment, start_time=_ms(trial.started), run_name=trial.name).info.run_id
    params = [Param(name, str(value)) for name, value in trial.params.items()]
    tags = {"mlflow.parentRunId": parent, **{name: str(value) for name, value in trial.facts.items()}}
    client.log_batch(run, params=params, tags=[RunTag(name, value) for name, value in tags.items()])
    for some in _metrics(trial):
        client.log_batch(run, metrics=some)
    if trial.ended is not None:
        client.set_terminated(run, "FINISHED" if trial.succeeded else "FAILED", _ms(trial.ended))


def _metrics(trial: Trial) -> Iterator[Sequence[object]]:
    """What is known of each moment: the step is the trial's, the timestamp the time of the record."""
    from mlflow.entities import Metric

    metrics = [
        Metric(name, float(row[name]), _ms(row["time"]), int(row["steps"]))
        for row in trial.events[["time", "steps", *METRICS]].to_dict("records")
        for name in METRICS
        if row[name] is not None and row[name] == row[name]  # pandas keeps what is missing as not-a-number
    ]
    for start in range(0, len(metrics), AT_ONCE):
        yield metrics[start : start + AT_ONCE]


def _ms(seconds: float) -> int:
    return round(1000 * seconds)


@contextmanager
def _mlflow(folder: str) -> Iterator[Callable[[], MlflowClient]]:
    """How to open MLflow's files in a folder; that it is not installed, or cannot write there, in one line."""
    with variables(ENVIRONMENT):
        try:
            from mlflow import MlflowClient
            from mlflow.exceptions import MlflowException

            try:
                yield lambda: MlflowClient(tracking_uri=str(Path(folder).absolute()))
            except (MlflowException, OSError) as error:
                raise InputError(f"{folder}: cannot be written ({first_line(error)}); give another folder") from error
        except ImportError as error:
            raise InputError("MLflow is not installed; `pip install 'transfer-study[mlflow]'` adds it") from error
