"""What lies in the cache, listed and dropped: made by those who use it, by hand where it is old or damaged."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from filelock import FileLock
from safetensors.numpy import save_file

from analysis.records.storage import Storage
from tests.support.bombs import bombs
from tests.support.pictures import save
from tests.support.stand_ins import images
from trainables.backbones.features import frozen_features
from trainables.backbones.networks import GLYPHS
from trainables.cache import CacheError, cache_dir, drop, entries
from trainables.data.dataset import open_dataset
from trainables.data.folders import FolderData
from trainables.data.stored_examples import node_copy, store
from trainables.leftovers import clean, clean_if_due, passing

pytestmark = pytest.mark.usefixtures("own_cache")


def make_features(data: str = "") -> Path:
    frozen_features(
        GLYPHS, images(5).inputs, device=torch.device("cpu"), bfloat16=False, cache=cache_dir(), charged=True, data=data
    )
    (path,) = (cache_dir() / "features").glob("*.safetensors")
    return path


def make_images(root: Path) -> Path:
    """Images of a folder, all at 6 x 10, and its facts."""
    for split in ("train", "valid", "test"):
        for label in ("cat", "dog"):
            for number in range(2):
                save(root / split / label / f"{number}.png", hash((split, label, number)) % 1000)
    open_dataset(FolderData(path=str(root))).images("train", (6, 10))
    (path,) = (cache_dir() / "images").glob("*.npy")
    return path


def old_features(name: str) -> Path:
    """As a version wrote them that kept no more than their cost."""
    path = cache_dir() / "features" / f"{name}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({"features": np.ones((3, 4), np.float32)}, path, metadata={"cost_s": "43.1"})
    return path


def test_without_a_cache_nothing_is_listed_and_all_of_nothing_is_dropped():
    assert entries(cache_dir()) == []
    assert drop("all", cache_dir()) == []
    assert not cache_dir().exists()


def test_features_are_listed_with_what_they_are_and_cost():
    path = make_features("digits, train")
    (entry,) = entries(cache_dir())
    assert (entry.kind, entry.key, entry.files) == ("features", path.stem, (path,))
    assert entry.what == f"{GLYPHS.model} ({GLYPHS.weights}), digits, train"
    assert (entry.image_size, entry.count, entry.size) == ("16 x 16", 5, path.stat().st_size)
    assert entry.cost_s is not None
    assert entry.cost_s > 0
    assert entry.cpu_s is not None
    assert not entry.damaged


def test_images_are_listed_with_their_data_and_dropped_with_what_is_beside_them(tmp_path):
    path = make_images(tmp_path / "pets")
    pictures, facts = entries(cache_dir())
    assert (pictures.kind, pictures.count, pictures.image_size) == ("images", 4, "6 x 10")
    assert pictures.what.endswith(", train")
    assert "pets" in pictures.what
    assert (facts.kind, facts.count) == ("facts", 12)
    assert drop(pictures.key, cache_dir()) == [pictures]
    assert list(path.parent.iterdir()) == []
    assert entries(cache_dir()) == [facts]


def test_entries_of_earlier_versions_are_listed_by_their_key():
    path = old_features("ab12")
    (entry,) = entries(cache_dir())
    assert (entry.key, entry.what, entry.cost_s, entry.cpu_s) == ("ab12", "", 43.1, None)
    assert entry.made == path.stat().st_mtime


@pytest.mark.parametrize("content", [b"", b"not features" * 9, None])
def test_damaged_entries_are_listed_as_such_and_can_be_dropped(tmp_path, content):
    for path in (make_features(), make_images(tmp_path / "pets")):
        path.write_bytes(path.read_bytes()[:-9] if content is None else content)
    damaged = [entry for entry in entries(cache_dir()) if entry.damaged]
    assert [entry.kind for entry in damaged] == ["features", "images"]
    for entry in damaged:
        drop(entry.key, cache_dir())
    assert [entry.kind for entry in entries(cache_dir())] == ["facts"]


def test_what_a_process_that_died_left_is_listed_once_nobody_writes_to_it():
    folder = cache_dir() / "images"
    folder.mkdir(parents=True)
    (folder / "new.part").write_bytes(b"1")
    (folder / "old.part").write_bytes(b"22")
    os.utime(folder / "old.part", (1e9, 1e9))
    assert [(entry.kind, entry.key, entry.size) for entry in entries(cache_dir())] == [("unfinished", "old", 2)]
    drop("all", cache_dir())
    assert [path.name for path in folder.iterdir()] == ["new.part"]


def test_the_beginning_of_a_key_is_enough_where_no_other_begins_so():
    for name in ("ab12", "ab34", "ab", "cd"):
        old_features(name)
    assert [entry.key for entry in drop("c", cache_dir())] == ["cd"]
    with pytest.raises(CacheError, match=r"^a: 3 keys begin so; give more of it; `transfer-study cache` lists"):
        drop("a", cache_dir())
    assert [entry.key for entry in drop("ab", cache_dir())] == ["ab"], "the whole of a key is never a beginning"
    assert len(entries(cache_dir())) == 2


@pytest.mark.parametrize("key", ["", "x", "../outside", "*", "ab12.safetensors", "/"])
def test_what_is_no_key_drops_nothing(tmp_path, key):
    old_features("ab12")
    outside = tmp_path / "outside.safetensors"
    outside.write_bytes(b"mine")
    with pytest.raises(CacheError, match="no such key"):
        drop(key, cache_dir())
    assert len(entries(cache_dir())) == 1
    assert outside.exists()


def test_files_that_are_not_the_caches_stay():
    old_features("ab12")
    strangers = [cache_dir() / "notes.txt", cache_dir() / "features" / "notes.txt", cache_dir() / "more" / "a.npy"]
    for path in strangers:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"mine")
    drop("all", cache_dir())
    assert all(path.exists() for path in strangers)
    assert entries(cache_dir()) == []


def test_a_folder_that_is_a_link_out_of_the_cache_is_listed_and_nothing_is_dropped_in_it(tmp_path):
    elsewhere = tmp_path / "large disk"
    elsewhere.mkdir()
    cache_dir().mkdir()
    (cache_dir() / "features").symlink_to(elsewhere)
    old_features("ab12")
    assert len(entries(cache_dir())) == 1
    for key in ("ab12", "all"):
        with pytest.raises(CacheError, match=r"ab12.safetensors: lies outside the cache \(.*large disk\)"):
            drop(key, cache_dir())
    assert (elsewhere / "ab12.safetensors").exists()


def test_a_file_that_is_a_link_is_removed_and_what_it_points_to_stays(tmp_path):
    path = old_features("ab12")
    outside = tmp_path / "outside.safetensors"
    path.rename(outside)
    path.symlink_to(outside)
    drop("ab12", cache_dir())
    assert outside.exists()
    assert not path.is_symlink()


def test_a_link_to_nothing_is_listed_as_damaged_and_dropped(tmp_path):
    path = cache_dir() / "images" / "ab12-cd.npy"
    path.parent.mkdir(parents=True)
    path.symlink_to(tmp_path / "gone")
    assert [(entry.key, entry.damaged) for entry in entries(cache_dir())] == [("ab12", True)]
    drop("ab12", cache_dir())
    assert not path.is_symlink()


def test_a_file_that_a_study_takes_away_meanwhile_is_not_listed(monkeypatch):
    path = old_features("ab12")
    monkeypatch.setattr("trainables.cache._files", lambda folder, pattern: [path, path.with_name("gone.safetensors")])
    assert {entry.key for entry in entries(cache_dir())} == {"ab12"}


def test_what_a_study_is_making_just_now_is_not_dropped():
    path = old_features("ab12")
    with FileLock(f"{path}.lock"), pytest.raises(CacheError, match="ab12: a study is using it just now"):
        drop("ab12", cache_dir())
    assert path.exists()
    drop("ab12", cache_dir())
    assert not path.exists()


def test_without_a_home_the_cache_wants_a_place(monkeypatch):
    """As in a container whose user has no entry in /etc/passwd."""

    def home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("TRANSFER_STUDY_CACHE", raising=False)
    monkeypatch.setattr(Path, "home", home)
    with pytest.raises(CacheError, match="set TRANSFER_STUDY_CACHE to a folder"):
        cache_dir()


class TestWhatKilledProcessesLeave:
    @pytest.mark.parametrize("folder", ["images", "features", "facts", "arrays"])
    def test_is_cleaned_by_the_next_session_but_not_what_a_living_one_writes(self, folder):
        place = cache_dir() / folder
        place.mkdir(parents=True)
        for name in ("left.part", ".0123.part", "key.npy.part"):
            (place / name).write_bytes(b"half")
            os.utime(place / name, (1e9, 1e9))
        with passing(place) as living:
            living.write_bytes(b"half")
            os.utime(living, (1e9, 1e9))
            clean(cache_dir())
            assert list(place.iterdir()) == [living]
        assert list(place.iterdir()) == []

    def test_is_cleaned_after_a_real_kill(self, tmp_path):
        folder = cache_dir() / "features"
        folder.mkdir(parents=True)
        writing = (
            "import sys\nfrom pathlib import Path\nfrom trainables.leftovers import passing\n"
            "with passing(Path(sys.argv[1])) as part:\n    part.write_bytes(b'half')\n    "
            "print('writing', flush=True)\n    input()\n"
        )
        command = [sys.executable, "-c", writing, str(folder)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"writing\n"
            (part,) = folder.iterdir()
            os.utime(part, (1e9, 1e9))
            clean(cache_dir())
            assert len(list(folder.iterdir())) == 1
            process.kill()
        clean(cache_dir())
        assert list(folder.iterdir()) == []

    def test_is_looked_for_once_an_hour_by_all_processes_of_trials_together(self, monkeypatch):
        clean_if_due(cache_dir())
        assert not cache_dir().exists()
        (cache_dir() / "images").mkdir(parents=True)
        cleaned: list[Path] = []
        monkeypatch.setattr("trainables.leftovers.clean", cleaned.append)
        for age in (0.0, 0.0, 3601.0, -3601.0):  # the last: the clock was set back
            if (marker := cache_dir() / "cleaned").exists():
                os.utime(marker, (time.time() - age, time.time() - age))
            clean_if_due(cache_dir())
        assert len(cleaned) == 3

    def test_stays_for_an_hour_since_a_lock_may_hold_on_the_node_of_its_writer_only(self):
        folder = cache_dir() / "images"
        folder.mkdir(parents=True)
        (folder / "new.part").write_bytes(b"half")
        clean(cache_dir())
        assert (folder / "new.part").exists()

    def test_and_is_no_file_keeps_nobody_waiting(self, tmp_path):
        folder = cache_dir() / "images"
        folder.mkdir(parents=True)
        os.mkfifo(folder / "pipe.part")
        (tmp_path / "mine").write_bytes(b"mine")
        (folder / "link.part").symlink_to(tmp_path / "mine")
        for path in ("pipe.part", "link.part"):
            os.utime(folder / path, (1e9, 1e9))
        clean(cache_dir())
        assert {path.name for path in folder.iterdir()} == {"pipe.part", "link.part"}

    def test_and_was_cleaned_before_it_was_locked_is_made_again(self, tmp_path, monkeypatch):
        swept: list[Path] = []

        def late(held: int, operation: int) -> None:
            if not swept:
                swept.extend(tmp_path.iterdir())
                swept[0].unlink()

        monkeypatch.setattr("trainables.leftovers.fcntl.flock", late)
        with passing(tmp_path) as part:
            part.write_bytes(b"whole")
            part.replace(tmp_path / "whole")
        assert len(swept) == 1
        assert part not in swept
        assert (tmp_path / "whole").read_bytes() == b"whole"

    @pytest.mark.parametrize(("folder", "whole"), [("images", "ab12-seal.npy"), ("features", "ab12.safetensors")])
    def test_words_about_what_is_not_there_are_cleaned_too(self, folder, whole):
        place = cache_dir() / folder
        place.mkdir(parents=True)
        (place / "ab12.json").write_text("{}")
        (place / whole).write_bytes(b"")
        clean(cache_dir())
        assert (place / "ab12.json").exists()
        (place / whole).unlink()
        with FileLock(place / "ab12.lock"):
            clean(cache_dir())
            assert (place / "ab12.json").exists(), "somebody makes it just now"
        clean(cache_dir())
        assert not (place / "ab12.json").exists()

    def test_is_found_by_listing_a_folder_once(self, monkeypatch):
        place = cache_dir() / "images"
        place.mkdir(parents=True)
        for number in range(9):
            (place / f"{number}.json").write_text("{}")
            (place / f"{number}-seal.npy").write_bytes(b"")
        counted = Counter[Path]()
        listdir, scandir = os.listdir, os.scandir
        monkeypatch.setattr(os, "listdir", lambda path: counted.update([path]) or listdir(path))
        monkeypatch.setattr(os, "scandir", lambda path: counted.update([Path(path)]) or scandir(path))
        clean(cache_dir())
        assert counted[place] == 1
        assert len(list(place.iterdir())) == 18

    def test_stays_where_this_user_cannot_enter(self, monkeypatch):
        """A folder that can be listed, and no file in it looked at: every process of a trial died in it."""
        place = cache_dir() / "images"
        place.mkdir(parents=True)
        (place / "left.part").write_bytes(b"half")
        (place / "words.json").write_text("{}")

        def refused(*_: object, **__: object) -> None:
            raise PermissionError(errno.EACCES, "Permission denied")

        with monkeypatch.context() as patched:
            for name in ("stat", "lstat", "open", "unlink"):
                patched.setattr(os, name, refused)
            patched.setattr(Path, "is_file", refused)
            clean(cache_dir())
        assert len(list(place.iterdir())) == 2

    def test_needs_no_cache_to_be_there(self):
        clean(cache_dir())
        assert not cache_dir().exists()


def test_the_code_that_may_run_here_is_listed_and_trust_in_it_withdrawn():
    mark = cache_dir() / "code" / ("ab12" * 16)
    mark.parent.mkdir(parents=True)
    mark.touch()
    (mark.parent / "notes").touch()
    (entry,) = entries(cache_dir())
    assert (entry.kind, entry.key, entry.files, entry.damaged) == ("trust", "ab12" * 16, (mark,), False)
    drop("ab12", cache_dir())
    assert [path.name for path in mark.parent.iterdir()] == ["notes"]


@pytest.mark.parametrize("form", list(bombs(Path("x"))))
def test_a_pickle_in_the_place_of_anything_cached_is_never_unpickled(tmp_path, form):
    library = Storage(str(tmp_path / "library"))
    stored = store(library, images(5))
    paths = [make_features(), make_images(tmp_path / "pets"), node_copy(library, stored.name)]
    paths += [*(cache_dir() / "images").glob("*.json"), *(cache_dir() / "facts").glob("*.json")]
    for path in paths:
        path.write_bytes(bombs(tmp_path / "mark")[form])
    entries(cache_dir())
    make_features()
    open_dataset(FolderData(path=str(tmp_path / "pets"))).images("train", (6, 10))
    with pytest.raises(ValueError, match=r"Python objects|magic"):
        _ = stored.inputs
    clean(cache_dir())
    assert not (tmp_path / "mark").exists()
