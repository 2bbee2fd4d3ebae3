"""Whole files in a place that may be full, forbidden, or out of reach for a while."""

from __future__ import annotations

import errno
import os
import pickle
import shutil
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyarrow import fs

from analysis.records.errors import StorageError
from analysis.records.storage import LONGEST_PAUSE_S, PATIENCE_S, Storage
from analysis.records.whole_files import sweep

NO_SERVER = OSError(  # as the AWS library puts it
    "When uploading object with key 'a' in bucket 'b': AWS Error NETWORK_CONNECTION during PutObject operation: "
    "curlCode: 7, no server; Details: Failed to connect to 127.0.0.1:5999 after 0 ms: Could not connect to server"
)
NO_BUCKET = OSError("When uploading object: AWS Error NO_SUCH_BUCKET during PutObject operation")


@dataclass
class Clock:
    """Time that passes only where somebody waits."""

    now: float = 0.0
    pauses: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


class Outage:
    """A file system whose requests fail until a moment, as those of an object store do."""

    def __init__(self, clock: Clock, *, until: float, error: OSError) -> None:
        self._clock, self._until, self._error = clock, until, error
        self._behind = fs.LocalFileSystem()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def request(*given: Any) -> Any:
            if self._clock.now < self._until:
                raise self._error
            return getattr(self._behind, name)(*given)

        return request


@pytest.fixture
def clock(monkeypatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("analysis.records.storage.time", made)
    return made


def remote(folder: Path, clock: Clock, *, until: float, error: OSError = NO_SERVER) -> Storage:
    (folder / "a").mkdir(exist_ok=True)
    (folder / "a" / "old.json").write_bytes(b"old")
    storage = Storage(str(folder))
    storage.fs = Outage(clock, until=until, error=error)
    return storage


class TestAnOutage:
    @pytest.mark.parametrize(
        "request_", [lambda s: s.write_bytes("a/new.json", b"new"), lambda s: s.read_bytes("a/old.json"),
                     lambda s: s.names("a"), lambda s: s.exists("a/old.json"), lambda s: s.delete("a/old.json")],
    )  # fmt: skip
    def test_that_passes_is_waited_for_whatever_is_asked(self, tmp_path, clock, request_):
        request_(remote(tmp_path, clock, until=30.0))
        assert 30.0 <= clock.now <= 30.0 + LONGEST_PAUSE_S

    def test_is_waited_for_with_growing_pauses(self, tmp_path, clock):
        remote(tmp_path, clock, until=30.0).read_bytes("a/old.json")
        assert clock.pauses[:6] == [0.5, 1, 2, 4, 8, 8]

    def test_is_said_once(self, tmp_path, clock, caplog):
        remote(tmp_path, clock, until=30.0).read_bytes("a/old.json")
        (message,) = caplog.messages
        assert message == (
            f"{tmp_path}/a/old.json: cannot be read (NETWORK_CONNECTION during PutObject operation: curlCode: 7, no "
            "server); trying again for 120 s"
        )

    def test_that_does_not_pass_ends_in_one_line_that_says_how_long_was_tried(self, tmp_path, clock):
        with pytest.raises(StorageError) as caught:
            remote(tmp_path, clock, until=1e6).write_bytes("a/new.json", b"new")
        assert clock.now == PATIENCE_S
        assert str(caught.value).endswith("for 120 s; resume the study when it can be reached again")
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize(
        "error", [NO_BUCKET, OSError(errno.ENOSPC, "No space left on device"), PermissionError(errno.EACCES, "no")]
    )
    def test_is_not_what_will_not_pass(self, tmp_path, clock, error):
        with pytest.raises(StorageError):
            remote(tmp_path, clock, until=1e6, error=error).write_bytes("a/new.json", b"new")
        assert clock.pauses == []


class TestAFullDisk:
    def test_is_said_at_once_with_the_mend(self, tmp_path, monkeypatch):
        full_disk(monkeypatch)
        with pytest.raises(StorageError, match=r"a/b\.json: cannot be written \(No space left on device\); make room"):
            Storage(str(tmp_path)).write_bytes("a/b.json", b"new")

    def test_leaves_the_old_file_and_nothing_half_written(self, tmp_path, monkeypatch):
        storage = Storage(str(tmp_path))
        storage.write_bytes("a/b.json", b"old")
        full_disk(monkeypatch)
        with pytest.raises(StorageError):
            storage.write_bytes("a/b.json", b"new")
        assert storage.names("") == ["a/b.json"]
        assert storage.read_bytes("a/b.json") == b"old"


def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def fsync(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)


class TestALocation:
    @pytest.mark.parametrize(
        "location", ["s3://", "s3://key:secret@bucket/prefix", "s3://bucket/prefix?endpoint_override=host"]
    )
    def test_never_carries_secrets_or_endpoints(self, location):
        with pytest.raises(StorageError, match="not of the form s3://bucket/prefix; endpoint, region and credentials"):
            Storage(location)

    def test_of_a_kind_that_nobody_knows_is_refused(self):
        with pytest.raises(StorageError, match="foo://x: not a usable storage location"):
            Storage("foo://x")

    def test_names_its_files_for_people(self, tmp_path, monkeypatch):
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        assert Storage(str(tmp_path)).path("a/b.json") == f"{tmp_path}/a/b.json"
        assert Storage("s3://bucket/x/").path("a/b.json") == "s3://bucket/x/a/b.json"

    def test_means_the_same_in_a_process_elsewhere(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        here = Storage("study", patience_s=3)
        here.write_bytes("a", b"content")
        travelled = pickle.dumps(here)
        monkeypatch.chdir("/")
        there = pickle.loads(travelled)
        assert there.read_bytes("a") == b"content"
        assert there.patience_s == 3


def test_a_fetched_file_is_whole_and_its_own(tmp_path):
    storage = Storage(str(tmp_path / "study"))
    storage.write_parts("data/x", [b"one ", memoryview(b"two")])
    storage.fetch("data/x", tmp_path / "cache" / "x")
    storage.write_bytes("data/x", b"another")
    assert (tmp_path / "cache" / "x").read_bytes() == b"one two"
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["x"]


def test_a_file_that_is_fetched_again_leaves_nothing_beside_it(tmp_path):
    """A link that would replace another one to the same file is left in place by the system."""
    storage = Storage(str(tmp_path / "study"))
    storage.write_bytes("data/x", b"one")
    for _ in range(2):
        storage.fetch("data/x", tmp_path / "cache" / "x")
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["x"]


def test_a_file_on_another_disk_is_copied_under_a_name_that_stays_locked(tmp_path, monkeypatch):
    def other_disk(*_: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    def copied(*given: Any) -> None:
        sweep(str(tmp_path))  # as another session does
        shutil.copyfileobj(*given)

    monkeypatch.setattr(os, "link", other_disk)
    monkeypatch.setattr("analysis.records.whole_files.UNFINISHED_S", -1e9)  # the lock alone
    monkeypatch.setattr("analysis.records.storage.shutil", SimpleNamespace(copyfileobj=copied))
    storage = Storage(str(tmp_path / "study"))
    storage.write_bytes("data/x", b"one")
    storage.fetch("data/x", tmp_path / "cache" / "x")
    assert (tmp_path / "cache" / "x").read_bytes() == b"one"
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["x"]


def test_what_is_not_there_cannot_be_fetched_and_leaves_nothing(tmp_path):
    with pytest.raises(StorageError, match="data/x: cannot be read"):
        Storage(str(tmp_path)).fetch("data/x", tmp_path / "cache" / "x")
    assert list((tmp_path / "cache").iterdir()) == []


def test_many_files_are_read_in_the_order_asked_for(tmp_path, clock):
    storage = remote(tmp_path, clock, until=0.0)
    for number in range(40):
        storage.write_bytes(f"a/{number}", str(number).encode())
    assert list(storage.read_many([f"a/{number}" for number in reversed(range(40))])) == [
        str(number).encode() for number in reversed(range(40))
    ]


def test_a_name_that_a_disk_has_taken_apart_is_the_name_that_was_given_to_it(tmp_path):
    """An older Mac keeps é as an e and an accent, and so do copies and archives that were made there."""
    composed, apart = (unicodedata.normalize(form, "records/été-r0-0000/0000-started.json") for form in ("NFC", "NFD"))
    (tmp_path / apart).parent.mkdir(parents=True)
    (tmp_path / apart).write_bytes(b"{}")
    storage = Storage(str(tmp_path))
    assert storage.names("records") == [composed]
    assert storage.read_bytes(composed) == b"{}"
    assert storage.file(composed) == tmp_path / apart
    later = composed.replace("0000-started", "0001-finished")
    storage.write_bytes(later, b"{}")
    assert Storage(str(tmp_path)).names("records") == [composed, later]


def test_two_files_of_one_name_are_refused_and_none_is_passed_over(tmp_path):
    for form in ("NFC", "NFD"):
        (tmp_path / unicodedata.normalize(form, "é.json")).touch()
    with pytest.raises(StorageError) as e:
        Storage(str(tmp_path)).names("")
    assert str(e.value) == (
        f"{tmp_path}/: é.json is there twice, its accents written in two ways; remove the one that is a copy"
    )


def test_a_file_whose_name_is_not_utf_8_is_named_with_its_folder(tmp_path):
    (tmp_path / "records" / "a").mkdir(parents=True)
    Path(os.fsdecode(os.fsencode(tmp_path / "records" / "a") + b"/caf\xe9.json")).touch()
    with pytest.raises(StorageError) as e:
        Storage(str(tmp_path)).names("records")
    assert str(e.value) == rf"{tmp_path}/records: caf\xe9.json in it is no name in UTF-8; rename or remove it"
