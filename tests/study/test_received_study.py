"""A study that came from somebody else: whatever lies in it, nothing of it is run by looking at it."""

from __future__ import annotations

import io
import os
import pickle
import shutil
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from analysis.records.errors import RecordsError
from analysis.records.store import Store
from study.cli import COMMANDS
from study.cluster.code import Code
from study.runner import resume
from study.session.received import KEPT, keep
from tests.support.bombs import bombs
from tests.support.study_files import small_config
from tests.support.synthetic_study import write_study
from trainables.errors import ApproachError

LOOKING = (("status",), ("report",), ("export", "--table", "trials.csv", "--replace"), ("check",))
EVIL = 'from pathlib import Path\nPath("mark").touch()\nfrom benchmarks.no_op import NoOp\nclass Mine(NoOp): pass\n'


def kinds(study: Path) -> list[Path]:
    """A file of each kind that a study holds."""
    files = sorted(path for path in study.rglob("*") if path.is_file())
    return list({(path.parent.relative_to(study).parts[:1], path.suffix): path for path in files}.values())


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("looking", LOOKING, ids=lambda looking: str(looking[0]))
def test_a_pickle_in_the_place_of_any_of_its_files_is_never_unpickled(transfer_study, tmp_path, looking):
    if looking[0] not in {command.__name__ for command in COMMANDS}:
        pytest.skip("no such command")
    study, mark = Path(write_study(tmp_path / "study")), tmp_path / "mark"
    for name in ("checkpoints/fine_tune-r0-0001.pt", "checkpoints/fine_tune-r0-0001.state", "data/0.npy", KEPT):
        (study / name).parent.mkdir(exist_ok=True)
        (study / name).write_bytes(b"")
    forms = list(bombs(mark).values())
    for number, path in enumerate(kinds(study)):
        whole = path.read_bytes()
        for content in forms if looking[0] == "status" else [forms[number % len(forms)]]:
            path.write_bytes(content)
            with suppress(Exception):  # refused or not, is asked elsewhere
                transfer_study(looking[0], study, *looking[1:])
            assert not mark.exists(), path
        path.write_bytes(whole)


@pytest.fixture
def with_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study from somewhere else, with an approach that leaves a file where it is imported."""
    monkeypatch.setenv("TRANSFER_STUDY_CACHE", str(tmp_path / "their cache"))
    monkeypatch.chdir(tmp_path)
    study = tmp_path / "study"
    write_study(study)
    for folder in ("records", "predictions", "features", "phases"):  # it has another study file now, and has just begun
        shutil.rmtree(study / folder)
    keep(Store(str(study)), Code({"evil_stranger.py": EVIL.encode()}))
    text = small_config().to_yaml().replace("approach: better_cnn", "approach: evil_stranger:Mine")
    (study / "study.yaml").write_text(text)
    monkeypatch.setenv("TRANSFER_STUDY_CACHE", str(tmp_path / "my cache"))
    return study


@pytest.mark.parametrize("looking", LOOKING, ids=lambda looking: str(looking[0]))
def test_its_code_is_not_run_by_looking_at_it(transfer_study, with_code, looking):
    if looking[0] not in {command.__name__ for command in COMMANDS}:
        pytest.skip("no such command")
    with suppress(SystemExit):
        transfer_study(looking[0], with_code, *looking[1:])
    assert not Path("mark").exists()


def test_resuming_it_says_what_code_would_run_and_from_where_and_runs_none(with_code):
    with pytest.raises(ApproachError) as error:
        resume(with_code)
    assert str(error.value) == (
        f"{with_code}/code.zip: the code of 'evil_stranger', which is not installed here, came with the study and "
        "would run; read it (unzip -c), then give --trust-code, or put your own on PYTHONPATH"
    )
    assert not Path("mark").exists()


def test_python_files_beside_its_records_are_not_taken_for_the_users_own(with_code, monkeypatch):
    (with_code / "evil_stranger.py").write_text(EVIL)
    monkeypatch.chdir(with_code)
    with pytest.raises(ApproachError, match="came with the study"):
        resume(with_code)
    assert not Path("mark").exists()


@pytest.mark.parametrize("address", ["theirs.attack:Mine", "up.theirs.attack:Mine", "linked_attack:Mine"])
def test_nor_are_they_imported_through_its_folder_from_the_one_above(with_code, tmp_path, monkeypatch, address):
    """Python takes any folder for a package."""
    (with_code / KEPT).unlink()
    with_code = with_code.rename(tmp_path / "theirs")
    (with_code / "attack.py").write_text(EVIL)
    (tmp_path / "linked_attack.py").symlink_to(with_code / "attack.py")
    (tmp_path / "above").mkdir()
    (tmp_path / "above" / "up").symlink_to(tmp_path)
    path = with_code / "study.yaml"
    path.write_text(path.read_text().replace("evil_stranger:Mine", address))
    monkeypatch.chdir(tmp_path / "above" if address.startswith("up.") else tmp_path)
    with pytest.raises(ApproachError, match="would run; read it, then give --trust-code") as error:
        resume(with_code)
    assert len(str(error.value).replace(str(tmp_path), "")) < 200
    assert not (Path.cwd() / "mark").exists()


def test_nor_is_a_data_source_of_that_folder(with_code, tmp_path):
    (with_code / KEPT).unlink()
    with_code = with_code.rename(tmp_path / "theirs")
    (with_code / "attack.py").write_text(EVIL)
    path = with_code / "study.yaml"
    content = yaml.safe_load(path.read_text())
    content["data"] = {"source": "theirs.attack:Mine"}
    content["approaches"] = {name: given for name, given in content["approaches"].items() if name == "fine_tune"}
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(ApproachError, match="would run"):
        resume(with_code)
    assert not Path("mark").exists()


@pytest.mark.parametrize("name", ["../../victim.py", "/victim.py", "parent.child.py", "a\\b.py", "x/../../y.py"])
def test_an_archive_with_a_name_that_is_none_is_damaged_and_nothing_is_imported_or_written(with_code, tmp_path, name):
    """Looking for `parent.child` would import `parent`."""
    (tmp_path / "parent").mkdir()
    (tmp_path / "parent" / "__init__.py").write_text(EVIL)
    with zipfile.ZipFile(with_code / KEPT, "w") as archive:
        archive.writestr(name, "")
    with pytest.raises(RecordsError, match=r"code\.zip: damaged \(.* is no name of a module\)"):
        resume(with_code, trust_code=True)
    assert not Path("mark").exists()
    assert not [path for path in tmp_path.rglob("*.py") if path.name in ("victim.py", "y.py")]


def lzma_damaged() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("evil_stranger.py", EVIL * 100)
    content = bytearray(made.getvalue())
    content[60:120] = bytes(60)
    return bytes(content)


def with_header(at: int, value: int) -> bytes:
    """An archive with another value in its local and its central header."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("evil_stranger.py", EVIL)
    content = bytearray(made.getvalue())
    for start in (6, content.index(b"PK\1\2") + 8):
        content[start + at] = value
    return bytes(content)


def too_large() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(6):
            archive.writestr(f"evil_{number}.py", bytes(10_000_000))
    return made.getvalue()


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (lzma_damaged, "damaged"),
        (lambda: with_header(0, 1), "encrypted"),
        (lambda: with_header(2, 97), "compression"),
        (too_large, "6 files, 60,000,000 bytes"),
    ],
    ids=["LZMA", "encrypted", "unknown method", "too large"],
)
def test_an_archive_that_cannot_be_unpacked_is_one_line(with_code, content, cause):
    (with_code / KEPT).write_bytes(content())
    with pytest.raises(RecordsError, match=f"damaged.*{cause}|{cause}") as error:
        resume(with_code, trust_code=True)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 300


def test_a_pipe_in_its_place_is_not_waited_for(with_code):
    (with_code / KEPT).unlink()
    os.mkfifo(with_code / KEPT)
    with pytest.raises(RecordsError, match="no file that could be read"):
        resume(with_code, trust_code=True)


@pytest.mark.parametrize("form", list(bombs(Path("x"))))
def test_the_pickles_of_these_tests_do_harm_where_they_are_read(tmp_path, form):
    content = io.BytesIO(bombs(tmp_path / "mark")[form])
    if "torch" in form:
        torch.load(content, weights_only=False)
    elif form.startswith("np"):
        held = np.load(content, allow_pickle=True)
        _ = held["arr_0"] if form == "npz" else held
    else:
        pickle.loads(content.getvalue())
    assert (tmp_path / "mark").exists()
