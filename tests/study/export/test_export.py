"""The command as a whole: several targets, none, and directories that are no study."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pandas as pd
import pytest

from analysis.records.storage import Storage
from tests.support.synthetic_study import write_study


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_several_targets_are_written_in_one_call_and_nothing_else_is(transfer_study, study, tmp_path):
    before = files(tmp_path)
    told = transfer_study("export", study, "--optuna", "sqlite:///search.db", "--table", "tables/trials.parquet")
    assert (told.code, len(told.out.splitlines())) == (0, 2)
    after = files(tmp_path)
    assert set(after) - set(before) == {"search.db", "tables/trials.parquet"}
    assert {name: after[name] for name in before} == before


def test_where_one_target_is_refused_none_is_written(transfer_study, study, tmp_path):
    (tmp_path / "trials.csv").write_text("mine")
    complaint = transfer_study("export", study, "--optuna", "sqlite:///search.db", "--table", "trials.csv").complaint
    assert "trials.csv: is there already" in complaint
    assert not (tmp_path / "search.db").exists()
    with sqlite3.connect("taken.db") as connection:
        connection.execute("create table studies (study_id integer)")
    connection.close()
    refused = transfer_study("export", study, "--optuna", "sqlite:///taken.db", "--table", "other.csv")
    assert "not a storage that Optuna can write" in refused.complaint
    assert not (tmp_path / "other.csv").exists()


def test_without_a_target_the_targets_are_named(transfer_study, study):
    complaint = transfer_study("export", study).complaint
    assert complaint == "give where to export to: --optuna URL, --table FILE or --mlflow DIR"


def test_a_directory_that_is_no_study_is_refused(transfer_study, tmp_path):
    assert "not a study directory" in transfer_study("export", tmp_path, "--table", "trials.csv").complaint


def test_a_study_file_of_another_version_still_gives_a_table_but_no_optuna_studies(transfer_study, tmp_path):
    directory = write_study(tmp_path / "study")  # its study.yaml has what the analysis needs, and no more
    assert transfer_study("export", directory, "--table", "trials.csv").code == 0
    complaint = transfer_study("export", directory, "--optuna", "sqlite:///search.db").complaint
    assert "study.yaml: " in complaint
    assert not (tmp_path / "search.db").exists()


def test_a_study_and_a_table_may_be_given_as_uris(transfer_study, study, tmp_path):
    told = transfer_study("export", f"file://{study}", "--table", f"file://{tmp_path}/trials.csv")
    assert (told.code, told.err) == (0, "")
    assert len(pd.read_csv(tmp_path / "trials.csv")) == 11


@pytest.mark.parametrize("option", ["--optuna", "--table", "--mlflow", "--replace"])
def test_the_help_names_every_option(transfer_study, option):
    assert option in transfer_study("export", "--help").out


def test_a_damaged_record_is_named(transfer_study, study):
    Storage(study).write_bytes("records/fine_tune-r0-0001/0001-validated.json", b"{")
    complaint = transfer_study("export", study, "--table", "trials.csv").complaint
    assert "0001-validated.json: not a TrialEvent" in complaint
