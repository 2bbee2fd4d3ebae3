"""Temporary folders: nobody else's business while their process lives, and gone afterwards."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from study.scratch import remove_leftovers, scratch
from tests.support.programs import started

STAYS = """
import sys
from study.scratch import scratch
with scratch("curves") as folder:
    (folder / "file").write_text("half")
    print("ready", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def parent(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_folder_is_for_its_user_alone_and_goes_when_it_is_needed_no_more(parent):
    with scratch("code") as folder:
        assert folder.parent == parent
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "deep").mkdir()
    assert list(parent.iterdir()) == []
    with pytest.raises(RuntimeError), scratch("code"):
        raise RuntimeError
    assert list(parent.iterdir()) == []


@pytest.mark.slow
def test_the_next_removes_what_killed_ones_left_and_nothing_of_living_ones(parent):
    with started(STAYS) as killed:
        killed.kill()
    (left,) = parent.iterdir()
    assert (left / "file").exists()
    with started(STAYS) as alive:
        assert not left.exists()
        (living,) = parent.iterdir()
        with scratch("tune") as folder, scratch("tune") as other:
            assert set(parent.iterdir()) == {living, folder, other}
        alive.communicate("go\n")
    assert alive.returncode == 0
    assert list(parent.iterdir()) == []


def test_what_is_not_ours_stays(parent):
    """Of another machine, with another name, a link, a file."""
    elsewhere = Path(tempfile.mkdtemp(prefix="transfer-study-tune-another_machine-"))
    (parent / "transfer-study-results").mkdir()
    with scratch("job") as folder:
        name = folder.name[:-8]
    (parent / f"{name}linklink").symlink_to(elsewhere)
    (parent / f"{name}filefile").touch()
    before = set(parent.rglob("*"))
    remove_leftovers(parent)
    assert set(parent.rglob("*")) == before
    (parent / f"{name}leftleft" / "deep").mkdir(parents=True)
    remove_leftovers(parent)
    assert set(parent.rglob("*")) == before
