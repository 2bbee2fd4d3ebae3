"""The trials as one table: nothing lost, nothing rounded, every column of one kind."""

from __future__ import annotations

import math

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.records.reading import read_study
from analysis.records.trials import TRIAL_COLUMNS, trial_table
from study.export.table import wide_table
from tests.study.export.conftest import written
from tests.support.synthetic_study import write_study


@pytest.mark.parametrize("name", ["trials.parquet", "trials.csv"])
def test_every_trial_and_final_run_is_a_row_with_its_hyperparameters_as_columns(transfer_study, study, tmp_path, name):
    told = transfer_study("export", study, "--table", tmp_path / name)
    assert (told.code, told.out) == (0, f"{tmp_path / name}: 11 trials and final runs\n")
    table = pd.read_parquet(tmp_path / name) if name.endswith("parquet") else pd.read_csv(tmp_path / name)
    params = ["lr", "epochs", "weight_decay", "batch_size", "C", "kernel"]
    fixed = [column for column in TRIAL_COLUMNS if column != "params"]
    assert sorted(table.columns) == sorted([*fixed, *(f"params.{name}" for name in params)])
    assert list(table.columns[: len(fixed)]) == fixed
    events = trial_table(read_study(study).events)
    assert list(table.trial) == list(events.trial)
    assert list(table.status) == list(events.status)
    for row, params in zip(table.to_dict("records"), events.params, strict=True):
        given = {name[7:]: row[name] for name in row if name.startswith("params.") and not pd.isna(row[name])}
        assert given == params


def test_numbers_are_exact_in_parquet(transfer_study, tmp_path):
    lr = math.nextafter(0.001, 1)
    writer = written(tmp_path / "small")
    writer.trial("fine_tune", 0, "finished", 0.1 + 0.2, 2 / 3, params={"lr": lr, "epochs": 2**53 - 1})
    transfer_study("export", tmp_path / "small", "--table", tmp_path / "trials.parquet")
    row = pq.read_table(tmp_path / "trials.parquet").to_pylist()[0]
    assert (row["charged_s"], row["best_accuracy"], row["params.lr"]) == (0.1 + 0.2, 2 / 3, lr)
    assert row["params.epochs"] == 2**53 - 1


def test_columns_are_of_one_kind_also_where_nothing_is_known(transfer_study, tmp_path):
    writer = written(tmp_path / "small")
    writer.trial("better_cnn", 0, "finished", 1.0, None, params={"epochs": 3, "augment": True, "lr": 1})
    writer.trial("better_cnn", 1, "finished", 1.0, None, params={"epochs": 4, "lr": 0.5})
    transfer_study("export", tmp_path / "small", "--table", tmp_path / "trials.parquet")
    schema = pq.read_schema(tmp_path / "trials.parquet")
    kinds = {name: schema.field(name).type for name in schema.names}
    assert kinds["best_accuracy"] == kinds["test_accuracy"] == kinds["ended"] == kinds["params.lr"] == pa.float64()
    assert kinds["steps"] == kinds["seed"] == kinds["params.epochs"] == pa.int64()
    assert kinds["params.augment"] == pa.bool_()
    assert kinds["reason"] == kinds["origin"] == kinds["status"]
    assert pa.types.is_large_string(kinds["status"]) or pa.types.is_string(kinds["status"])


def test_a_hyperparameter_that_is_a_word_in_one_trial_and_a_number_in_another_is_text(tmp_path):
    table = wide_table(read_study(write_study(tmp_path / "study")).events).set_index("trial")
    gamma = table["params.gamma"]
    assert (gamma["feature_svm-r0-0000"], gamma["feature_svm-r0-0001"]) == ("scale", "0.1")
    assert pd.isna(gamma["better_cnn-r0-0000"])


def test_a_table_that_is_there_is_replaced_only_when_asked_for(transfer_study, study, tmp_path):
    path = tmp_path / "trials.csv"
    path.write_text("mine")
    complaint = transfer_study("export", study, "--table", path).complaint
    assert complaint == f"{path}: is there already; give another file, or --replace to write it anew"
    assert path.read_text() == "mine"
    assert transfer_study("export", study, "--table", path, "--replace").code == 0
    assert len(pd.read_csv(path)) == 11


@pytest.mark.parametrize("name", ["trials.xlsx", "trials", "folder/"])
def test_a_table_of_another_kind_is_refused(transfer_study, study, name):
    assert transfer_study("export", study, "--table", name).complaint == (
        f"{name}: neither .parquet nor .csv; a table is written as one of these"
    )


def test_a_study_that_has_only_just_begun_is_a_table_without_rows(transfer_study, tmp_path):
    written(tmp_path / "new")
    assert transfer_study("export", tmp_path / "new", "--table", "trials.parquet").code == 0
    assert pd.read_parquet(tmp_path / "trials.parquet").empty


def test_no_text_of_a_csv_is_a_formula_and_numbers_stay_numbers(transfer_study, tmp_path):
    writer = written(tmp_path / "small")
    params = {"lr": -0.3, "epochs": 2, "kernel": '=HYPERLINK("http://h")'}
    writer.trial("better_cnn", 0, "failed", 1.0, None, params=params, reason="@SUM(1+1)")
    transfer_study("export", tmp_path / "small", "--table", tmp_path / "trials.csv")
    row = pd.read_csv(tmp_path / "trials.csv").iloc[0]
    assert (row["reason"], row["params.kernel"]) == ("'@SUM(1+1)", '\'=HYPERLINK("http://h")')
    assert row["params.lr"] == -0.3
