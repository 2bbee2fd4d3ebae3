"""A study that came from somebody else: whatever lies in it, nothing of it is run by looking at it."""

from __future__ import annotations

import io
import pickle
import shutil
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch

from analysis.records.store import Store
from study.cli import COMMANDS
from study.cluster.code import KEPT, Code, keep
from study.runner import resume
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
    monkeypatch.setenv("TRANSFER_STUDY_CACHE", str(tmp_path / "theirs"))
    monkeypatch.chdir(tmp_path)
    study = tmp_path / "study"
    write_study(study)
    for folder in ("records", "predictions", "features", "phases"):  # it has another study file now, and has just begun
        shutil.rmtree(study / folder)
    keep(Store(str(study)), Code({"evil_stranger.py": EVIL.encode()}))
    text = small_config().to_yaml().replace("approach: better_cnn", "approach: evil_stranger:Mine")
    (study / "study.yaml").write_text(text)
    monkeypatch.setenv("TRANSFER_STUDY_CACHE", str(tmp_path / "mine"))
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


def test_an_archive_that_would_write_elsewhere_does_not(with_code, tmp_path):
    with zipfile.ZipFile(with_code / KEPT, "w") as archive:
        archive.writestr("../../victim.py", "")
    with pytest.raises(ApproachError, match="came with the study"):
        resume(with_code)
    assert not list(tmp_path.rglob("victim.py"))


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
