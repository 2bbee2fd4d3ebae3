"""Several writers of one file, and what killed ones leave: with real processes."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from analysis.records.errors import StorageError
from analysis.records.storage import Storage
from analysis.records.whole_files import whole_file
from tests.support.programs import go_on, started

WRITES = """
import sys
from analysis.records.storage import Storage
place, letter = Storage(sys.argv[1], patience_s=0), sys.argv[2]
print("ready", flush=True)
sys.stdin.readline()
for _ in range(200):
    place.write_bytes("a/b.json", letter.encode() * 50_000)
"""
STAYS = """
import sys
from analysis.records.whole_files import whole_file
with whole_file(sys.argv[1]) as part:
    open(part, "wb").write(b"half")
    print("ready", flush=True)
    sys.stdin.readline()
"""


def passing(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*.part")]


@pytest.mark.slow
def test_processes_that_write_one_file_again_and_again_never_fail_and_a_reader_sees_whole_files(tmp_path):
    with ExitStack() as stack:
        writers = [stack.enter_context(started(WRITES, str(tmp_path), letter)) for letter in "abc"]
        for writer in writers:
            go_on(writer)
        place, seen = Storage(str(tmp_path), patience_s=0), set()
        while any(writer.poll() is None for writer in writers):
            if place.exists("a/b.json"):
                seen.add(place.read_bytes("a/b.json"))
        assert [writer.wait() for writer in writers] == [0, 0, 0]
    seen.add(place.read_bytes("a/b.json"))
    assert seen <= {letter * 50_000 for letter in (b"a", b"b", b"c")}
    assert passing(tmp_path) == []


def test_threads_that_write_one_file_never_fail(tmp_path):
    place = Storage(str(tmp_path), patience_s=0)
    contents = [bytes([number]) * 10_000 for number in range(64)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda content: place.write_bytes("a/b", content), contents))
    assert place.read_bytes("a/b") in contents
    assert place.names("") == ["a/b"]
    assert passing(tmp_path) == []


@pytest.mark.slow
def test_what_a_killed_writer_left_is_swept_and_what_a_live_one_writes_is_not(tmp_path):
    (tmp_path / "a").mkdir()
    with started(STAYS, str(tmp_path / "a" / "killed")) as killed:
        killed.kill()
    place = Storage(str(tmp_path))
    with started(STAYS, str(tmp_path / "a" / "alive")) as alive:
        assert len(passing(tmp_path)) == 2
        assert place.names("") == [], "what is half written is no file yet"
        place.sweep()
        assert len(passing(tmp_path)) == 1
        alive.communicate("go\n")
    assert alive.returncode == 0
    assert place.names("") == ["a/alive"]
    assert place.read_bytes("a/alive") == b"half"
    assert passing(tmp_path) == []


def test_sweeping_while_others_write_takes_nothing_from_them(tmp_path):
    place = Storage(str(tmp_path), patience_s=0)
    with ThreadPoolExecutor(8) as pool:
        writes = [pool.submit(place.write_bytes, f"a/{number}", b"x") for number in range(200)]
        sweeps = [pool.submit(place.sweep) for _ in range(50)]
        for one in (*writes, *sweeps):
            one.result()
    assert len(place.names("a")) == 200


def test_a_writer_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), whole_file(str(tmp_path / "a")):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../victim", "a/../../victim", "a/..", "/victim", "./a", "a\0b", ".."])
def test_no_name_leads_out_of_the_place(tmp_path, name):
    (tmp_path / "victim").write_bytes(b"mine")
    place = Storage(str(tmp_path / "study"), patience_s=0)
    for request in (
        lambda: place.write_bytes(name, b"x"),
        lambda: place.delete(name),
        lambda: place.read_bytes(name),
        lambda: place.exists(name),
        lambda: place.names(name),
        lambda: place.fetch(name, tmp_path / "copy"),
    ):
        with pytest.raises(StorageError, match="names no file in this place"):
            request()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == {"victim": b"mine"}


def test_nothing_is_written_or_deleted_where_a_link_in_the_place_leads_out_of_it(tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "report.md").write_bytes(b"mine")
    (tmp_path / "study").mkdir()
    os.symlink(tmp_path / "home", tmp_path / "study" / "report")
    place = Storage(str(tmp_path / "study"), patience_s=0)
    for request in (lambda: place.write_bytes("report/report.md", b"x"), lambda: place.delete("report/report.md")):
        with pytest.raises(StorageError, match="a link leads out of"):
            request()
    assert [path.read_bytes() for path in (tmp_path / "home").iterdir()] == [b"mine"]


def test_a_place_may_itself_be_a_link(tmp_path):
    (tmp_path / "disk").mkdir()
    os.symlink(tmp_path / "disk", tmp_path / "study")
    Storage(str(tmp_path / "study")).write_bytes("a/b", b"x")
    assert (tmp_path / "disk" / "a" / "b").read_bytes() == b"x"
