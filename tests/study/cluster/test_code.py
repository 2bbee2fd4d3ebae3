"""What of an approach's code travels, and the copy of it that a study keeps."""

from __future__ import annotations

import importlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from analysis.records.errors import RecordsError
from analysis.records.store import Store
from study.cluster import code as module
from study.cluster.code import Code, code_of
from study.cluster.connection import JOB_VARIABLE, _carrying
from study.session.received import keep, search_in_kept
from trainables import finding
from trainables.approaches.better_cnn import BetterCNN
from trainables.errors import ApproachError
from trainables.finding import search_in


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is noted which code has run here."""
    monkeypatch.setenv("TRANSFER_STUDY_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(finding, "_added", [])
    monkeypatch.setattr(finding, "_searched", [])
    search_in(tmp_path)
    return tmp_path


def imported(folder: Path, name: str, *also: str) -> type:
    """A class from a new module of this dotted name; `also` are files beside it."""
    path = folder.joinpath(*name.split(".")).with_suffix(".py")
    for each in (path, *(folder / other for other in also)):
        each.parent.mkdir(parents=True, exist_ok=True)
        each.write_text("class Mine:\n    pass\n")
    importlib.invalidate_caches()
    made: type = importlib.import_module(name).Mine
    return made


def test_what_comes_with_the_program_does_not_travel():
    assert code_of([BetterCNN]) == Code()


def test_of_a_single_file_that_file_travels_and_nothing_beside_it(folder):
    code = code_of([imported(folder, "code_single", "code_beside.py")])
    assert code.files == {"code_single.py": (folder / "code_single.py").read_bytes()}


def test_of_a_package_all_of_it_travels_but_what_python_makes_itself(folder):
    kind = imported(folder, "code_package.deep.one", "code_package/__init__.py", "code_package/deep/table.csv")
    (folder / "code_package" / "__pycache__").mkdir(exist_ok=True)
    (folder / "code_package" / "__pycache__" / "x.pyc").write_bytes(b"")
    files = code_of([kind]).files
    assert set(files) == {f"code_package/{name}" for name in ("__init__.py", "deep/one.py", "deep/table.csv")}


def test_of_folders_that_are_no_packages_the_way_to_the_module_travels(folder):
    code = code_of([imported(folder, "code_folders.deep.two", "code_folders/other.py", "code_folders/deep/other.py")])
    assert set(code.files) == {"code_folders/deep/two.py"}


def test_what_a_single_file_imports_of_the_folder_beside_the_study_file_travels_too(folder):
    (folder / "code_first.py").write_text(
        "from code_second import Mine\nimport json, numpy\nif False:\n    import no_such_module\n"
    )
    (folder / "code_second.py").write_text("class Mine:\n    def late(self):\n        import code_third.deep\n")
    for name in ("code_third/__init__.py", "code_third/deep.py", "json.py", "code_unasked.py"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    importlib.import_module("code_first")
    files = code_of([type("Kind", (), {"__module__": "code_first"})]).files
    assert set(files) == {"code_first.py", "code_second.py", "code_third/__init__.py", "code_third/deep.py"}


def test_of_a_module_that_python_finds_by_itself_nothing_beside_it_travels(folder, monkeypatch):
    (folder / "site").mkdir()
    (folder / "site" / "code_installed.py").write_text("import code_neighbour\nclass Mine: pass\n")
    (folder / "site" / "code_neighbour.py").touch()
    monkeypatch.syspath_prepend(folder / "site")
    assert set(code_of([importlib.import_module("code_installed").Mine]).files) == {"code_installed.py"}


@pytest.mark.parametrize("where", ["current", "script"])
def test_of_the_current_folder_and_that_of_the_script_what_a_module_imports_travels_too(folder, monkeypatch, where):
    """Python looks there first, the workers do not."""
    place = folder / where
    place.mkdir()
    (place / f"code_{where}.py").write_text(f"import code_of_{where}\nclass Mine: pass\n")
    (place / f"code_of_{where}.py").touch()
    monkeypatch.syspath_prepend(place)
    if where == "current":
        monkeypatch.chdir(place)
    else:
        monkeypatch.setattr(sys.modules["__main__"], "__file__", str(place / "script.py"), raising=False)
    kind = importlib.import_module(f"code_{where}").Mine
    assert set(code_of([kind]).files) == {f"code_{where}.py", f"code_of_{where}.py"}


def test_of_a_package_nothing_hidden_travels(folder):
    hidden = ("code_hidden/.git/config", "code_hidden/.env", "code_hidden/deep/.secret/key.txt")
    kind = imported(folder, "code_hidden.one", "code_hidden/__init__.py", *hidden)
    assert set(code_of([kind]).files) == {"code_hidden/__init__.py", "code_hidden/one.py"}


def test_a_package_in_a_hidden_folder_travels(folder):
    search_in(folder / ".lab")
    assert set(code_of([imported(folder / ".lab", "code_in_hidden")]).files) == {"code_in_hidden.py"}


def test_bases_settings_and_hyperparameters_of_other_packages_travel_too(folder):
    (folder / "code_base.py").write_text("from benchmarks.no_op import Choice, NoOp\nclass Base(NoOp): pass\n")
    (folder / "code_params.py").write_text("from benchmarks.no_op import Choice\nclass Params(Choice): pass\n")
    (folder / "code_derived.py").write_text(
        "import importlib\nBase = importlib.import_module('code_base').Base\n"
        "class Mine(Base):\n    hyperparameters_type = importlib.import_module('code_params').Params\n"
    )
    files = code_of([importlib.import_module("code_derived").Mine]).files
    assert {"code_base.py", "code_derived.py", "code_params.py", "benchmarks/no_op.py"} <= set(files)


def test_a_large_file_is_refused_before_it_is_read_and_an_unreadable_one_in_one_line(folder, monkeypatch):
    kind = imported(folder, "code_unread.one", "code_unread/__init__.py")
    with monkeypatch.context() as patch:
        patch.setattr(module, "MOST_BYTES", 10)
        patch.setattr(Path, "read_bytes", lambda path: pytest.fail(f"{path} was read"))
        with pytest.raises(ApproachError, match="too much to travel"):
            code_of([kind])

    def denied(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", denied)
    with pytest.raises(ApproachError, match=r"^/.*__init__\.py: cannot be read \(Permission denied\), .*remove it$"):
        code_of([kind])


@pytest.mark.parametrize("left", [0.3, 0.9])
def test_a_damaged_copy_of_the_code_is_refused_in_one_line(tmp_path, left):
    store = Store(str(tmp_path))
    archive = Code({"a.py": b"1" * 1000, "b.py": os.urandom(1000)}).zipped()
    store.write_bytes("code.zip", archive[: int(len(archive) * left)])
    with pytest.raises(RecordsError, match=r"code\.zip: damaged \(.*\); remove it, .*PYTHONPATH$"):
        search_in_kept(store)


def test_a_package_that_is_too_large_is_refused_in_one_line(folder, monkeypatch):
    monkeypatch.setattr(module, "MOST_BYTES", 10)
    with pytest.raises(
        ApproachError, match=r"^code_large:Mine: its package holds more than 0 MB .*move data out of it$"
    ):
        code_of([imported(folder, "code_large")])


def test_the_same_code_makes_the_same_archive_whenever_it_is_packed(monkeypatch):
    code = Code({"b.py": b"2", "a/c.py": b"1"})
    before = code.zipped()
    monkeypatch.setattr("zipfile.time.localtime", lambda *_: (2031, 1, 1, 0, 0, 0))
    assert Code({"a/c.py": b"1", "b.py": b"2"}).zipped() == before


def test_the_copy_that_a_study_keeps_is_found_where_the_module_has_gone(tmp_path):
    keep(Store(str(tmp_path / "study")), Code({"code_gone/__init__.py": b"", "code_gone/one.py": b"word = 'kept'"}))
    script = (
        "import sys; from analysis.records.store import Store; from study.session.received import search_in_kept\n"
        "search_in_kept(Store(sys.argv[1]))\nfrom code_gone.one import word; print(word)"
    )
    told = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "study")], capture_output=True, text=True, check=True
    )
    assert told.stdout == "kept\n"


def from_elsewhere(folder: Path, monkeypatch: pytest.MonkeyPatch, **files: bytes) -> Store:
    """A study with code that has run on another machine."""
    store = Store(str(folder / "study"))
    with monkeypatch.context() as patch:
        patch.setenv("TRANSFER_STUDY_CACHE", str(folder / "theirs"))
        keep(store, Code({f"{name}.py": content for name, content in files.items()}))
    return store


def test_a_copy_that_has_never_run_here_is_searched_only_where_somebody_says_so(folder, monkeypatch):
    store = from_elsewhere(folder, monkeypatch, code_foreign=b"word = 'theirs'")
    with pytest.raises(
        ApproachError, match=r"code.zip: the code of 'code_foreign', which is not installed here, came with"
    ):
        search_in_kept(store)
    assert _finds("code_foreign") is False
    search_in_kept(store, trusted=True)
    assert _finds("code_foreign") is True


def test_what_has_run_here_once_is_trusted_until_it_changes(folder, monkeypatch):
    store = from_elsewhere(folder, monkeypatch, code_once=b"word = 1")
    keep(store, Code({"code_once.py": b"word = 1"}))  # as the session does that was told to trust it
    search_in_kept(store)
    changed = from_elsewhere(folder, monkeypatch, code_once_more=b"word = 2")
    with pytest.raises(ApproachError, match="came with the study"):
        search_in_kept(changed)


def test_a_copy_of_what_is_installed_here_is_not_looked_at(folder, monkeypatch):
    (folder / "code_mended.py").write_text("word = 'mine'")
    store = from_elsewhere(folder, monkeypatch, code_mended=b"word = 'theirs'")
    search_in_kept(store)
    assert importlib.import_module("code_mended").word == "mine"


def test_a_folder_of_the_same_name_is_no_module_that_is_installed(folder, monkeypatch):
    (folder / "code_namespace").mkdir()
    store = from_elsewhere(folder, monkeypatch, **{"code_namespace/one": b""})
    with pytest.raises(ApproachError, match="code_namespace"):
        search_in_kept(store)


def test_of_many_modules_the_message_stays_short(folder, monkeypatch):
    store = from_elsewhere(folder, monkeypatch, **{f"code_{n}_{'x' * 90}": b"" for n in range(50)})
    with pytest.raises(ApproachError) as error:
        search_in_kept(store)
    assert len(str(error.value).removeprefix(store.location)) <= 200


def _finds(name: str) -> bool:
    importlib.invalidate_caches()
    return importlib.util.find_spec(name) is not None


def test_a_study_without_code_from_outside_keeps_none(tmp_path):
    store = Store(str(tmp_path))
    keep(store, Code())
    search_in_kept(store)
    assert store.names("") == []


def test_the_copy_is_written_again_only_where_the_code_has_changed(tmp_path):
    store = Store(str(tmp_path))
    keep(store, Code({"a.py": b"1"}))
    first = (tmp_path / "code.zip").stat().st_ino
    keep(store, Code({"a.py": b"1"}))
    assert (tmp_path / "code.zip").stat().st_ino == first
    keep(store, Code({"a.py": b"2"}))
    assert store.read_bytes("code.zip") == Code({"a.py": b"2"}).zipped()


def test_unpacked_the_modules_at_the_top_are_named_and_gone_afterwards():
    with Code({"one.py": b"1", "two/__init__.py": b"", "two/deep/three.py": b"3"}).unpacked() as paths:
        assert [Path(path).name for path in paths] == ["one.py", "two"]
        assert Path(paths[1], "deep", "three.py").read_bytes() == b"3"
    assert not any(map(os.path.exists, paths))


def test_in_a_job_the_code_travels_beside_what_the_job_brought_along(monkeypatch):
    monkeypatch.setenv(JOB_VARIABLE, '{"runtime_env": {"working_dir": "gcs://w.zip", "py_modules": ["gcs://m.zip"]}}')
    monkeypatch.setenv("RAY_OVERRIDE_JOB_RUNTIME_ENV", "0")
    assert _carrying(["one.py"]) == {"runtime_env": {"py_modules": ["gcs://m.zip", "one.py"]}}
    assert os.environ["RAY_OVERRIDE_JOB_RUNTIME_ENV"] == "1"
    assert _carrying([]) == {}
