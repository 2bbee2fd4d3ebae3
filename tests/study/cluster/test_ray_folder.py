"""The folder of Ray on this machine: nobody else's business while its driver lives, and gone afterwards."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from study.cluster.ray_folder import StartError, ray_folder, remove_leftovers

DRIVER = """
from study.cluster.ray_folder import ray_folder
with ray_folder() as folder:
    (folder.temporary / "logs").mkdir(parents=True)
    print(folder.path, flush=True)
    input()
"""


@pytest.fixture
def parent(monkeypatch) -> Iterator[Path]:
    """A short folder, as Ray needs one."""
    with tempfile.TemporaryDirectory(prefix="r", dir="/tmp") as folder:
        monkeypatch.setenv("RAY_TMPDIR", folder)
        yield Path(folder)


@contextmanager
def driver() -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Another process that has a folder, and the folder."""
    with subprocess.Popen(
        [sys.executable, "-c", DRIVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process, Path(process.stdout.readline().strip())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_folder_and_its_token_are_for_its_user_alone_and_go_with_the_driver(parent):
    with ray_folder() as folder:
        assert folder.path.parent == parent
        assert (mode(folder.path), mode(folder.token)) == (0o700, 0o600)
        assert len(folder.token.read_text()) == 64
        (folder.temporary / "logs").mkdir(parents=True)
    assert list(parent.iterdir()) == []


def test_every_driver_has_a_folder_and_a_token_of_its_own(parent):
    with ray_folder() as one, ray_folder() as other:
        assert one.path != other.path
        assert one.token.read_text() != other.token.read_text()


def test_the_folder_of_a_driver_that_was_killed_is_removed_by_the_next_one_and_no_other_is_touched(parent):
    with driver() as (living, stays), driver() as (killed, goes):
        killed.kill()
        killed.wait()
        with ray_folder() as folder:
            assert set(parent.iterdir()) == {stays, folder.path}
            assert not goes.exists()
            assert (stays / "r").exists()
        living.communicate("\n")
    assert living.returncode == 0
    assert list(parent.iterdir()) == []


def test_after_a_failed_start_the_logs_stay_until_the_next_driver_comes(parent):
    with pytest.raises(StartError), ray_folder() as folder:
        raise StartError("too busy")
    assert folder.path.is_dir()
    remove_leftovers(parent)
    assert list(parent.iterdir()) == []


def test_what_is_not_ours_stays(parent):
    """A folder of somebody's with such a name, one with a longer name, a link to a folder of his, a file."""
    (parent / "ts-abcdefgh").mkdir()
    (parent / "ts-abcdefgh" / "thesis.tex").touch()
    (parent / "ts-of-somebody").mkdir()
    (parent / "elsewhere").mkdir()
    (parent / "ts-linklink").symlink_to(parent / "elsewhere")
    (parent / "ts-filefile").touch()
    before = set(parent.rglob("*"))
    remove_leftovers(parent)
    assert set(parent.rglob("*")) == before


@pytest.mark.parametrize("variable", ["RAY_TMPDIR", "TMPDIR"])
@pytest.mark.parametrize(
    ("kind", "cause"),
    [
        ("a file", r"\(File exists; "),
        ("below a file", r"\(Not a directory; "),
        ("where nobody can write", r"\(.+; "),
        ("long", r"\d+ bytes too long for the paths of sockets"),
        ("very long", r"\d+ bytes too long for the paths of sockets"),
        ("umlauts", "has letters beyond ASCII, which Ray cannot use"),
    ],
)
def test_a_place_that_cannot_be_used_is_said_in_one_line_with_the_mend(parent, monkeypatch, variable, kind, cause):
    file = parent / "file"
    file.touch()
    value = {
        "a file": file,
        "below a file": file / "below",
        "where nobody can write": Path("/proc/nowhere"),
        "long": parent / ("x" * 30),
        "very long": parent / ("x" * 255),
        "umlauts": parent / "für 字",
    }[kind]
    monkeypatch.delenv("RAY_TMPDIR")
    monkeypatch.setenv(variable, str(value))
    before = set(parent.rglob("*"))
    with pytest.raises(StartError, match=cause) as refused, ray_folder():
        pass
    told = str(refused.value)
    assert f"{variable} says so" in told
    assert "set RAY_TMPDIR to a" in told
    assert told.endswith("such as /tmp; the study is as it was")
    assert len(told) <= 300
    assert "\n" not in told
    assert set(parent.rglob("*")) == before


def test_without_variables_ray_keeps_its_files_in_tmp(monkeypatch):
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.setenv("TMPDIR", "")
    with ray_folder() as folder:
        assert folder.path.parent == Path("/tmp")


def test_a_folder_as_long_as_is_allowed_has_room_for_ray_s_sockets(parent, monkeypatch):
    """Checked against what Ray itself refuses: a path of more than 107 bytes."""
    from ray._private.utils import validate_socket_filepath

    allowed = 0
    for length in range(1, 60):
        monkeypatch.setenv("RAY_TMPDIR", f"{parent}/{'x' * length}")
        try:
            with ray_folder() as folder:
                session = f"session_2026-11-27_22-30-48_123456_{os.getpid()}"
                validate_socket_filepath(str(folder.temporary / session / "sockets" / "plasma_store"))
                allowed = length
        except StartError:
            break
    assert len(f"{parent}/{'x' * allowed}") >= 29
    with pytest.raises(OSError, match="AF_UNIX"):
        validate_socket_filepath(f"{parent}/{'x' * (allowed + 1)}/ts-12345678/r/{session}/sockets/plasma_store")
