"""Where checkpoints go, in a study that may have come from somebody else."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.records.errors import StorageError
from analysis.records.storage import Storage
from study.place import StudyError
from study.session.checkpoints import Checkpoints
from tests.support.bombs import bombs


def test_those_of_earlier_versions_are_dropped_unread_in_one_line(tmp_path):
    checkpoints, said, mark = Checkpoints(Storage(str(tmp_path))), list[str](), tmp_path / "mark"
    for name in ("a.pt", "b.pt", "b.state"):
        checkpoints.write_bytes(name, bombs(mark)["torch"])
    checkpoints.drop_pickles(said.append)
    assert checkpoints.names() == ["b.state"]
    assert said == [
        "2 checkpoints of an earlier version dropped, as a pickle can run code when it is read; their trials begin anew"
    ]
    checkpoints.drop_pickles(said.append)
    assert len(said) == 1
    assert not mark.exists()
    checkpoints.clear()
    assert list((tmp_path / "checkpoints").iterdir()) == []


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    """Somebody's own files."""
    folder = tmp_path / "documents"
    folder.mkdir()
    for name in ("thesis.pt", "thesis.state"):
        (folder / name).touch()
    return folder


@pytest.mark.parametrize("link", ["checkpoints", "checkpoints/deeper"])
@pytest.mark.parametrize("within", [True, False], ids=["within the study", "out of it"])
def test_nothing_is_deleted_through_a_link(tmp_path, documents, link, within):
    study = tmp_path / "study"
    place = study / "records" if within else documents
    (study / link).parent.mkdir(parents=True)
    if within:
        documents.rename(place)
    (study / link).symlink_to(place)
    checkpoints = Checkpoints(Storage(str(study)))
    for delete in (checkpoints.clear, lambda: checkpoints.drop_pickles(print)):
        with pytest.raises(StudyError, match=f"{study}/{link}: a link to a folder.*remove the link"):
            delete()
    assert len(list(place.iterdir())) == 2


def test_nothing_is_written_or_deleted_where_a_link_leads_out(tmp_path, documents):
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "checkpoints").symlink_to(documents)
    checkpoints = Checkpoints(Storage(str(tmp_path / "study")))
    for work in (lambda: checkpoints.write_bytes("x.state", b""), lambda: checkpoints.delete("thesis.state")):
        with pytest.raises(StorageError, match="leads out"):
            work()
    assert len(list(documents.iterdir())) == 2
