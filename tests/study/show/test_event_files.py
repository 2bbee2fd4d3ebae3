"""Event files in an object store, played by a folder that is not known to be one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyarrow import fs

from analysis.records.storage import Storage
from study.show.event_files import EventFiles, refresh, shown


class Elsewhere:
    """A file system that is not known to be this machine's."""

    def __getattr__(self, name: str) -> Any:
        return getattr(fs.LocalFileSystem(), name)


@pytest.fixture
def store(tmp_path) -> Storage:
    storage = Storage(str(tmp_path / "store"))
    storage.fs = Elsewhere()
    return storage


def append(folder: Path, name: str, content: bytes) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    with (folder / name).open("ab") as file:
        file.write(content)


def put(storage: Storage, name: str, content: bytes) -> None:
    Path(storage.root, name).parent.mkdir(parents=True, exist_ok=True)  # object stores know no folders
    storage.write_bytes(name, content)


def test_in_a_folder_they_are_written_in_place(tmp_path):
    storage = Storage(str(tmp_path))
    assert EventFiles(storage).folder == tmp_path
    with shown(storage) as folder:
        assert folder == tmp_path


def test_they_are_put_into_the_store_run_by_run(store):
    with EventFiles(store) as files:
        for name in ("a", "b"):
            append(files.folder, f"search/{name}/events", b"1")
        files.keep("search/a")
        assert store.names("") == ["search/a/events"]
        files.keep()
        assert store.names("") == ["search/a/events", "search/b/events"]
    assert not files.folder.exists()


def test_a_store_that_fails_is_not_waited_for_and_gets_them_the_next_time(store, caplog):
    with EventFiles(store) as files:
        append(files.folder, "a/events", b"1")
        Path(store.root).write_text("in the way")
        files.keep()
        assert "a/events: cannot be written" in caplog.text
        Path(store.root).unlink()
        files.keep()
        assert store.read_bytes("a/events") == b"1"


def test_only_what_has_grown_is_put_again(store):
    with EventFiles(store) as files:
        append(files.folder, "a/events", b"1")
        files.keep()
        store.delete("a/events")
        files.keep()
        assert store.names("") == []
        append(files.folder, "a/events", b"2")
        files.keep()
        assert store.read_bytes("a/events") == b"12"


def test_the_files_of_an_earlier_session_are_removed(store):
    put(store, "a/events", b"1")
    with EventFiles(store) as files:
        files.clear()
    assert store.names("") == []


def test_a_copy_is_appended_to_since_tensorboard_holds_its_files_open(store, tmp_path):
    put(store, "a/events", b"one")
    refresh(store, tmp_path / "copy")
    with (tmp_path / "copy/a/events").open("rb") as held:
        held.read()
        put(store, "a/events", b"one two")
        refresh(store, tmp_path / "copy")
        assert held.read() == b" two"


def test_a_copy_forgets_what_is_no_longer_in_the_store(store, tmp_path):
    put(store, "a/old", b"one")
    refresh(store, tmp_path / "copy")
    store.delete("a/old")
    put(store, "a/new", b"two")
    refresh(store, tmp_path / "copy")
    assert [path.name for path in (tmp_path / "copy/a").iterdir()] == ["new"]


def test_what_is_shown_is_removed_in_the_end(store):
    put(store, "a/events", b"one")
    with shown(store) as folder:
        assert (folder / "a/events").read_bytes() == b"one"
    assert not folder.exists()


def test_a_copy_stays_in_its_folder_whatever_somebody_put_into_the_store(tmp_path, store):
    put(store, "a/events", b"one")
    (info,) = store.fs.get_file_info(fs.FileSelector(f"{store.root}/a"))

    class Keys(Elsewhere):
        """An object store's keys may be anything."""

        def get_file_info(self, asked: Any) -> Any:
            names = ("a/events", "../../victim", "a/../../victim")
            found = [fs.FileInfo(f"{store.root}/{name}", fs.FileType.File, size=info.size) for name in names]
            return found if isinstance(asked, fs.FileSelector) else fs.LocalFileSystem().get_file_info(asked)

    store.fs = Keys()
    refresh(store, tmp_path / "x" / "copy")
    assert store.names("") == ["a/events"]
    assert [path.name for path in (tmp_path / "x").rglob("*") if path.is_file()] == ["events"]


def test_curves_are_not_written_where_a_link_leads(tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "mine").write_bytes(b"1")
    (tmp_path / "tensorboard").symlink_to(tmp_path / "home")
    with EventFiles(Storage(str(tmp_path / "tensorboard"))) as files:
        files.clear()
        append(files.folder, "search/a/events", b"1")
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["mine"]
    assert (tmp_path / "tensorboard" / "search" / "a" / "events").is_file()
