"""Where a new study lies, and which places are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.records.errors import RecordsError
from analysis.records.storage import Storage
from study import resume, run
from study.place import StudyError, begun, new_directory, refuse_another_study, refuse_unwritable
from tests.support.study_files import small_config
from trainables.errors import DataError


@pytest.fixture
def config(tmp_path):
    return small_config(storage=str(tmp_path / "results"))


def test_a_new_study_is_kept_under_its_name(config, tmp_path):
    assert new_directory(config) == f"{tmp_path}/results/small"
    assert not (tmp_path / "results").exists(), "to look for a place writes nothing"


def test_where_the_name_is_taken_the_first_free_number_follows_it(config, tmp_path):
    for taken in ("small", "small-2", "small-4"):
        (tmp_path / "results" / taken).mkdir(parents=True)
    assert new_directory(config) == f"{tmp_path}/results/small-3"


def test_a_folder_that_can_be_written_is_left_as_it_was(tmp_path):
    refuse_unwritable(str(tmp_path / "new"))
    refuse_unwritable(str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StudyError, match="file/mine: cannot be written"):
        refuse_unwritable(str(tmp_path / "file" / "mine"))


def test_a_place_is_taken_from_the_moment_on_at_which_the_study_file_is_there(tmp_path):
    storage = Storage(str(tmp_path))
    storage.write_bytes("data.json", b"{}")
    refuse_another_study(storage)
    assert not begun(str(tmp_path))
    storage.write_bytes("study.yaml", b"")
    assert begun(str(tmp_path))
    with pytest.raises(StudyError, match="holds a study already; resume it"):
        refuse_another_study(storage)


def test_whether_a_place_can_be_written_is_tried_once_by_the_command(transfer_study, tmp_path, monkeypatch):
    written, write = [], Storage.write_bytes

    def noted(self: Storage, name: str, data: bytes) -> None:
        written.append(name)
        write(self, name, data)

    monkeypatch.setattr(Storage, "write_bytes", noted)
    missing = ("--set", "data={source: folder, path: missing}")
    assert "missing" in transfer_study("run", "digits", "--out", f"file://{tmp_path}/new", *missing).complaint
    (probe,) = written
    assert probe.startswith(".probe-")


@pytest.mark.parametrize("kind", [Path, str])
def test_from_python_a_directory_is_a_path_or_text(kind, tmp_path):
    config = small_config(data={"source": "folder", "path": str(tmp_path / "missing")})
    with pytest.raises(DataError, match="missing"):
        run(config, kind(tmp_path / "new"))
    with pytest.raises(RecordsError, match="new"):
        resume(kind(tmp_path / "new"))


def test_the_home_of_nobody_is_a_folder_like_any_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = small_config(storage="~nosuchuser/results")
    assert new_directory(config) == "~nosuchuser/results/small"
