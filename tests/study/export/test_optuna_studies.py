"""The exported searches, opened as their users would: through Optuna, its plots and its dashboard."""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

import optuna
import optuna_dashboard
import pytest
import yaml
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from analysis.records.reading import read_study
from analysis.records.trials import trial_table
from analysis.search.incumbents import curves, incumbents
from study.export import optuna_studies
from study.export.optuna_studies import widened
from tests.study.export.conftest import SPACE, network, written
from tests.support.study_files import small_study
from tests.support.synthetic_study import StudyWriter

pytestmark = pytest.mark.slow

APPROACHES = ("better_cnn", "fine_tune", "feature_svm")
COMPLETE, FAIL, RUNNING = TrialState.COMPLETE, TrialState.FAIL, TrialState.RUNNING


@pytest.fixture
def url(tmp_path) -> str:
    return f"sqlite:///{tmp_path}/search.db"


@pytest.fixture
def exported(transfer_study, study, url) -> str:
    told = transfer_study("export", study, "--optuna", url)
    assert (told.code, told.err) == (0, "")
    assert told.out == f"{url}: 3 Optuna studies, 9 trials\n"
    return url


def opened(url: str, approach: str) -> optuna.Study:
    return optuna.load_study(study_name=f"small/{approach}", storage=url)


def test_each_approach_is_a_study_that_maximizes_and_bears_its_name(exported):
    assert set(optuna.get_all_study_names(exported)) == {f"small/{approach}" for approach in APPROACHES}
    assert all(opened(exported, approach).direction.name == "MAXIMIZE" for approach in APPROACHES)


def test_each_replicate_is_a_study_of_its_own(transfer_study, tmp_path, url):
    writer = written(tmp_path / "twice", replicates=2)
    writer.trial("fine_tune", 0, "finished", 1.0, 0.7, params={"lr": 0.001, "epochs": 2}, replicate=1)
    assert transfer_study("export", tmp_path / "twice", "--optuna", url).code == 0
    assert len(optuna.get_all_study_names(url)) == 6
    assert [trial.value for trial in opened(url, "fine_tune/r1").trials] == [0.7]
    assert opened(url, "fine_tune/r0").trials == []


def test_trials_have_the_states_that_say_what_the_search_could_make_of_them(exported):
    trials = {trial.user_attrs["trial"]: trial for name in APPROACHES for trial in opened(exported, name).trials}
    states = {name: (trial.user_attrs["status"], trial.state, trial.value) for name, trial in trials.items()}
    assert states == {
        "better_cnn-r0-0000": ("finished", COMPLETE, 0.55),
        "better_cnn-r0-0001": ("cut", COMPLETE, 0.65),
        "better_cnn-r0-0002": ("diverged", COMPLETE, 0.70),
        "better_cnn-r0-0003": ("diverged", FAIL, None),
        "better_cnn-r0-0004": ("failed", FAIL, None),
        "fine_tune-r0-0000": ("finished", COMPLETE, 0.75),
        "fine_tune-r0-0001": ("running", RUNNING, None),
        "feature_svm-r0-0000": ("finished", COMPLETE, 0.90),
        "feature_svm-r0-0001": ("finished", COMPLETE, 0.85),
    }
    assert trials["better_cnn-r0-0004"].user_attrs["best_accuracy"] == 0.99
    assert trials["better_cnn-r0-0004"].user_attrs["reason"] == "out of memory"


@pytest.mark.parametrize("approach", APPROACHES)
def test_optunas_best_trial_is_the_incumbent_of_the_study(exported, study, approach):
    records = read_study(study)
    (incumbent,) = incumbents(trial_table(records.events), approach, curves(records, approach))
    best = opened(exported, approach).best_trial
    assert best.user_attrs["trial"] == incumbent.trial
    constants = {name[9:]: value for name, value in best.user_attrs.items() if name.startswith("constant.")}
    assert best.params | constants == incumbent.params


def test_hyperparameters_come_with_their_distributions_and_constants_as_attributes(exported):
    svm, cnn = opened(exported, "feature_svm").trials[1], opened(exported, "better_cnn").trials[1]
    assert svm.params == {"C": 0.1 + 0.2, "kernel": "linear"}
    assert svm.distributions == {
        "C": FloatDistribution(1e-2, 1e3, log=True),
        "kernel": CategoricalDistribution(("rbf", "linear")),
    }
    assert cnn.params == {"lr": 0.003, "epochs": 30, "weight_decay": 1e-4}
    assert cnn.distributions["epochs"] == IntDistribution(1, 30)
    assert cnn.user_attrs["constant.batch_size"] == 16


def test_a_published_configuration_outside_the_space_is_kept_by_widening_that_hyperparameter(exported):
    study = opened(exported, "better_cnn")
    assert study.trials[0].params["weight_decay"] == 0.0
    assert {trial.distributions["weight_decay"] for trial in study.trials} == {FloatDistribution(0.0, 1e-2)}
    assert study.user_attrs["widened"] == ["weight_decay"]
    assert study.user_attrs["space"]["weight_decay"] == {"loguniform": [1e-6, 1e-2]}
    assert opened(exported, "fine_tune").user_attrs["widened"] == []


@pytest.mark.parametrize(
    ("given", "values", "wide"),
    [
        (FloatDistribution(1.0, 2.0), [1.0, 2.0], FloatDistribution(1.0, 2.0)),
        (FloatDistribution(0.1, 1.0, log=True), [0.01, 0.5], FloatDistribution(0.01, 1.0, log=True)),
        (FloatDistribution(0.1, 1.0, log=True), [0.0, 3.0], FloatDistribution(0.0, 3.0)),
        (IntDistribution(1, 8, log=True), [64], IntDistribution(1, 64, log=True)),
        (IntDistribution(1, 8), [0, 3], IntDistribution(0, 8)),
        (IntDistribution(1, 8), [2.5], FloatDistribution(1.0, 8.0)),
        (CategoricalDistribution(("a", 1)), ["b", "a", "b"], CategoricalDistribution(("a", 1, "b"))),
    ],
)
def test_a_distribution_is_widened_no_further_than_its_values_need(given, values, wide):
    assert widened(given, values) == wide


def test_a_study_is_exported_where_the_code_of_its_approaches_is_not(transfer_study, tmp_path, url):
    content = small_study() | {"seed": 7, "approaches": {"mine": {"approach": "gone_since:Mine", "space": SPACE}}}
    writer = StudyWriter(tmp_path / "small")
    writer.store.write_bytes("study.yaml", yaml.safe_dump(content).encode())
    writer.trial("mine", 0, "finished", 2.0, 0.55, params=network(0.001, 10))
    told = transfer_study("export", tmp_path / "small", "--optuna", url)
    assert (told.code, told.err) == (0, "")
    (trial,) = opened(url, "mine").trials
    assert trial.distributions == {
        "lr": FloatDistribution(1e-4, 1e-2, log=True),
        "weight_decay": FloatDistribution(1e-6, 1e-2, log=True),
        "epochs": IntDistribution(1, 30),
    }
    assert trial.user_attrs["constant.batch_size"] == 16
    assert opened(url, "mine").user_attrs["seed"] == 7


def test_times_are_those_of_the_records(exported, study):
    row = trial_table(read_study(study).events).set_index("trial").loc["better_cnn-r0-0001"]
    trial = opened(exported, "better_cnn").trials[1]
    assert trial.datetime_start == datetime.fromtimestamp(row.started)
    assert trial.datetime_complete == datetime.fromtimestamp(row.ended)


def test_intermediate_values_are_the_validations_at_the_steps_of_the_trial(exported):
    assert opened(exported, "fine_tune").trials[1].intermediate_values == {8: 0.4, 16: 0.6}


def test_a_trial_says_where_it_comes_from_and_what_it_was_charged(exported):
    told = opened(exported, "better_cnn").trials[0].user_attrs
    assert (told["origin"], told["charged_s"], told["allowance_s"], told["best_at_s"]) == ("published", 2.0, 20.0, 1.0)
    assert {"seed", "epoch"} <= set(told)


def test_a_study_tells_its_settings_and_the_accuracies_of_its_final_runs(exported, study):
    told = opened(exported, "feature_svm").user_attrs
    assert (told["alpha"], told["margin"], told["search_seconds"], told["trial_seconds"]) == (0.05, 0.01, 8.0, 2.0)
    table = trial_table(read_study(study).events)
    finals = table[table.phase == "final"]
    assert told["test_accuracy"] == {str(run.index): run.test_accuracy for run in finals.itertuples(index=False)}
    assert opened(exported, "better_cnn").user_attrs["test_accuracy"] == {}


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_optunas_plots_show_every_trial_and_hyperparameter(exported):
    study = opened(exported, "better_cnn")
    history = optuna.visualization.plot_optimization_history(study)
    assert list(history.data[0].y) == [0.55, 0.65, 0.70]
    slices = optuna.visualization.plot_slice(study).data
    assert [list(drawn.x) for drawn in slices] == [[10, 30, 3], [0.001, 0.003, 0.009], [0.0, 1e-4, 1e-4]]
    parallel = optuna.visualization.plot_parallel_coordinate(study)
    assert parallel.layout.xaxis.ticktext == ("Objective Value", "epochs", "lr", "weight_decay")
    assert len([line for line in parallel.data if line.mode == "lines"]) == 3
    (bars,) = optuna.visualization.plot_param_importances(study).data
    assert set(bars.y) == {"epochs", "lr", "weight_decay"}
    values = optuna.visualization.plot_intermediate_values(opened(exported, "fine_tune")).data
    assert tuple(values[-1].y) == (0.4, 0.6)


def test_optunas_dashboard_lists_every_study_with_all_trials_and_hyperparameters(exported):
    dashboard = optuna_dashboard.wsgi(exported)
    listed = {study["study_name"]: study["study_id"] for study in get(dashboard, "/api/studies")["study_summaries"]}
    assert set(listed) == {f"small/{approach}" for approach in APPROACHES}
    shown = {name: get(dashboard, f"/api/studies/{number}") for name, number in listed.items()}
    assert {name: len(study["trials"]) for name, study in shown.items()} == {
        "small/better_cnn": 5, "small/fine_tune": 2, "small/feature_svm": 2,
    }  # fmt: skip
    names = {name: {param["name"] for param in study["union_search_space"]} for name, study in shown.items()}
    assert names["small/better_cnn"] == {"lr", "epochs", "weight_decay"}
    assert names["small/feature_svm"] == {"C", "kernel"}


def get(app: Any, path: str) -> dict[str, Any]:
    """What a WSGI application answers, as JSON."""
    environment: dict[str, object] = {}
    setup_testing_defaults(environment)
    answered = []
    body = b"".join(app(environment | {"PATH_INFO": path}, lambda status, headers, *_: answered.append(status)))
    assert answered[0].startswith("200"), (answered, body)
    return json.loads(body)


def test_exporting_twice_is_refused_with_the_ways_out_and_changes_nothing(transfer_study, study, exported):
    before = dump(exported)
    complaint = transfer_study("export", study, "--optuna", exported).complaint
    assert complaint == (
        f"{exported}: holds a study small/better_cnn already; give another storage, or --replace to write its studies "
        "anew"
    )
    assert dump(exported) == before


def dump(url: str) -> list[str]:
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        lines = list(connection.iterdump())
    connection.close()
    return lines


def test_with_replace_its_studies_are_written_anew_and_others_stay(transfer_study, study, exported):
    optuna.create_study(study_name="another", storage=exported)
    opened(exported, "fine_tune").set_user_attr("note", "before")
    assert transfer_study("export", study, "--optuna", exported, "--replace").code == 0
    assert len(optuna.get_all_study_names(exported)) == 4
    assert len(opened(exported, "fine_tune").trials) == 2
    assert "note" not in opened(exported, "fine_tune").user_attrs


def test_an_export_that_is_interrupted_leaves_the_database_as_it_was(transfer_study, study, exported, monkeypatch):
    before, write = dump(exported), optuna_studies._write_search

    def interrupted(storage: Any, search: Any, *more: Any) -> None:
        write(storage, search, *more)
        if search.approach == "fine_tune":
            raise InterruptedError("stopped")

    monkeypatch.setattr(optuna_studies, "_write_search", interrupted)
    assert "stopped" in transfer_study("export", study, "--optuna", exported, "--replace").complaint
    assert dump(exported) == before


def test_a_journal_file_holds_the_same_trials(transfer_study, study, exported, tmp_path):
    told = transfer_study("export", study, "--optuna", f"journal:///{tmp_path}/search.log")
    assert told.code == 0
    journal = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(tmp_path / "search.log")))
    for approach in APPROACHES:
        there = optuna.load_study(study_name=f"small/{approach}", storage=journal)
        assert [(t.state, t.values, t.params, t.user_attrs) for t in there.trials] == [
            (t.state, t.values, t.params, t.user_attrs) for t in opened(exported, approach).trials
        ]


def test_a_journal_that_is_there_is_refused_and_written_anew_with_replace(transfer_study, study, tmp_path):
    journal = f"journal:///{tmp_path}/search.log"
    assert transfer_study("export", study, "--optuna", journal).code == 0
    before = (tmp_path / "search.log").read_text()
    complaint = transfer_study("export", study, "--optuna", journal).complaint
    assert complaint == f"{journal}: is there already; give another file, or --replace to write it anew"
    assert (tmp_path / "search.log").read_text() == before
    assert transfer_study("export", study, "--optuna", journal, "--replace").code == 0
    assert len((tmp_path / "search.log").read_text().splitlines()) == len(before.splitlines())
    assert {path.name for path in tmp_path.glob("search.log*")} == {"search.log"}


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:///file:x?mode=memory&uri=true"]
)
def test_a_database_in_memory_is_refused_as_nothing_of_it_would_stay(transfer_study, study, url):
    assert "a database in memory" in transfer_study("export", study, "--optuna", url).complaint


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "sqlite:///missing/folder/search.db",
        "oracle9://user:secret@host/db",
        "postgresql://u:secret@h:port/db",
    ],
)
def test_a_storage_that_cannot_be_opened_is_refused_with_an_example_and_without_its_password(
    transfer_study, study, url
):
    complaint = transfer_study("export", study, "--optuna", url).complaint
    assert "give one such as sqlite:///search.db" in complaint
    assert "secret" not in complaint


def test_a_file_that_is_no_database_is_refused_and_left_alone(transfer_study, study, tmp_path):
    Path(tmp_path / "notes.txt").write_text("notes, many of them, " * 100)
    complaint = transfer_study("export", study, "--optuna", f"sqlite:///{tmp_path}/notes.txt").complaint
    assert "file is not a database" in complaint
    assert (tmp_path / "notes.txt").read_text().startswith("notes, many")


def test_a_study_that_has_only_just_begun_is_exported_with_no_trials(transfer_study, tmp_path, url):
    written(tmp_path / "new")
    assert "3 Optuna studies, 0 trials" in transfer_study("export", tmp_path / "new", "--optuna", url).out
    assert opened(url, "fine_tune").trials == []
