"""`transfer-study new-approach` writes what runs, and refuses what would not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from study.config.study_file import read_config
from study.new_approach import write_approach
from tests.support.outside import loaded_nowhere
from trainables.contract import check_approach


def test_three_files_are_written_and_what_to_run_next_is_said(transfer_study):
    told = transfer_study("new-approach", "my_knn", "--to", "lab")
    assert told.code == 0, told.err
    assert {path.name for path in Path("lab").iterdir()} == {"my_knn.py", "test_my_knn.py", "my_knn.yaml"}
    assert "  python -m pytest lab/test_my_knn.py\n  transfer-study run lab/my_knn.yaml\n" in told.out


def test_what_to_run_next_can_be_pasted_into_a_shell_whatever_the_folder_is_called(transfer_study):
    told = transfer_study("new-approach", "my_knn", "--to", "my [red] lab")
    assert told.out.startswith("my [red] lab/my_knn.py: ")
    assert "  python -m pytest 'my [red] lab/test_my_knn.py'\n" in told.out
    assert "  transfer-study run 'my [red] lab/my_knn.yaml'\n" in told.out


def test_the_approach_goes_by_its_new_name_alone(tmp_path):
    module, test, study = write_approach("my_knn", tmp_path)
    for path in (module, test, study):
        assert not re.search("nearest_neighbours|NearestNeighbours", path.read_text())
    assert "class MyKnn(Approach):" in module.read_text()


def test_the_approach_keeps_the_contract_and_its_study_can_be_read(tmp_path, monkeypatch):
    with loaded_nowhere(monkeypatch, "fresh_knn"):
        _, _, study = write_approach("fresh_knn", tmp_path)
        config = read_config(str(study))
        kind = config.approaches["fresh_knn"].kind
        assert kind.__module__ == "fresh_knn"
        check_approach(kind)


@pytest.mark.parametrize("name", ["MyKnn", "my-knn", "2nd", "", "class", "a.b", "../x", "none", "settings"])
def test_a_name_that_will_not_do_is_refused(transfer_study, name):
    complaint = transfer_study("new-approach", "--", name).complaint
    assert complaint.startswith(f"{name!r}: ")
    assert list(Path().glob("*.py")) == []


@pytest.mark.parametrize(
    ("name", "value"), [("on", True), ("yes", True), ("true", True), ("no", False), ("off", False), ("null", None)]
)
def test_a_name_that_yaml_takes_for_something_else_is_refused(transfer_study, name, value):
    complaint = transfer_study("new-approach", name).complaint
    assert complaint == f"{name!r}: no name for an approach, as a study file reads it as {value!r}; choose another"


@pytest.mark.parametrize(("name", "why"), [("fine_tune", "is built in"), ("json", "there is a module of this name")])
def test_a_name_that_is_taken_is_refused(transfer_study, name, why):
    assert why in transfer_study("new-approach", name).complaint


@pytest.mark.parametrize("file", ["my_knn.py", "test_my_knn.py", "my_knn.yaml"])
def test_what_is_there_already_is_left_alone(transfer_study, file):
    Path(file).write_text("mine")
    assert transfer_study("new-approach", "my_knn").complaint == (
        f"{file}: there already; choose another name, or another folder with --to"
    )
    assert Path(file).read_text() == "mine"
    assert len(list(Path().iterdir())) == 1


def test_a_folder_that_cannot_be_written_is_refused(transfer_study):
    Path("taken").write_text("")
    assert transfer_study("new-approach", "my_knn", "--to", "taken").complaint == (
        "taken: cannot be written (File exists); choose another with --to"
    )
