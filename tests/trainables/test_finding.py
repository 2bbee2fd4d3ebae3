"""Finding the class that a study file means, and saying in one line why there is none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.outside import declare
from trainables import approaches, finding
from trainables.approaches import APPROACHES
from trainables.errors import ApproachError
from trainables.finding import search_in

ROOT = Path(__file__).resolve().parents[2]
MINIMAL = '''
from benchmarks.no_op import NoOp


class {name}(NoOp):
    """One that is written outside."""
'''


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A folder in which modules are looked for, and which is forgotten afterwards."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(finding, "_added", [])
    monkeypatch.setattr(finding, "_searched", [])
    for name in ("outside_one", "outside_two"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    search_in(tmp_path)
    return tmp_path


def refusal(name: str) -> str:
    with pytest.raises(ApproachError) as refused:
        APPROACHES.find(name)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_every_file_of_the_folder_is_an_approach_by_the_name_of_the_file():
    files = [path.stem for path in (ROOT / "trainables" / "approaches").glob("[!_]*.py")]
    assert APPROACHES.built_in() == sorted(files)
    assert {"better_cnn", "feature_svm", "fine_tune"} <= set(files)
    assert {APPROACHES.find(name).__module__ for name in files} == {f"trainables.approaches.{name}" for name in files}


def test_a_new_file_with_a_class_is_enough(tmp_path, monkeypatch):
    (tmp_path / "outside_new.py").write_text(MINIMAL.format(name="Outside"))
    monkeypatch.setattr(approaches, "__path__", [*approaches.__path__, str(tmp_path)])
    assert "outside_new" in APPROACHES.built_in()
    assert APPROACHES.find("outside_new").__name__ == "Outside"


def test_a_file_with_two_approaches_is_refused(tmp_path, monkeypatch):
    (tmp_path / "outside_pair.py").write_text(MINIMAL.format(name="One") + MINIMAL.format(name="Two"))
    monkeypatch.setattr(approaches, "__path__", [*approaches.__path__, str(tmp_path)])
    assert refusal("outside_pair").endswith("a file of this folder holds one approach, but this one One, Two")


def test_a_class_is_found_by_module_and_name_wherever_it_lies(folder):
    (folder / "outside_one.py").write_text(MINIMAL.format(name="Outside"))
    kind = APPROACHES.find("outside_one:Outside")
    assert (kind.__module__, kind.__name__) == ("outside_one", "Outside")
    assert APPROACHES.written_out("outside_one:Outside") == "outside_one:Outside"


def test_an_entry_point_is_found_by_its_name_and_written_out_as_what_it_stands_for(folder):
    (folder / "outside_two.py").write_text(MINIMAL.format(name="Outside"))
    declare(folder, "somebodys", "theirs", "outside_two:Outside")
    assert APPROACHES.find("theirs").__module__ == "outside_two"
    assert APPROACHES.written_out("theirs") == "outside_two:Outside"


def test_two_entry_points_of_one_name_are_refused_by_their_owners(folder):
    declare(folder, "somebodys", "theirs", "outside_one:Outside")
    declare(folder, "anothers", "theirs", "outside_two:Outside")
    assert refusal("theirs") == (
        "'theirs' is declared twice: outside_one:Outside of somebodys and outside_two:Outside of anothers; "
        "write module:Class instead"
    )


def test_a_name_that_is_not_there_is_refused_with_all_places_and_the_near_name(folder):
    declare(folder, "somebodys", "theirs", "outside_one:Outside")
    assert refusal("beter_cnn") == (
        f"'beter_cnn' is not one of {', '.join(APPROACHES.built_in())}, theirs; did you mean 'better_cnn'? (looked for "
        "in trainables/approaches and among the entry points transfer_study.approaches: theirs); a class of your own "
        "is written module:Class"
    )
    assert "did you mean 'theirs'?" in refusal("their")


def test_a_module_that_is_not_there_is_refused_with_where_it_was_looked_for(folder):
    assert refusal("nowhere.at_all:X") == f"'nowhere.at_all:X': no module 'nowhere' in sys.path, {folder}; " + (
        "install its package, or put its folder on PYTHONPATH"
    )


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("class :", "SyntaxError: invalid syntax (outside_one.py, line 1)"),
    ],
)
def test_a_module_that_cannot_be_imported_is_refused_with_the_cause(folder, content, cause):
    (folder / "outside_one.py").write_text(content)
    assert f"'outside_one:X': outside_one cannot be imported ({cause})" in refusal("outside_one:X")


def test_a_module_that_needs_another_which_is_absent_is_refused_with_that_one(folder):
    (folder / "outside_one.py").write_text("import nowhere_either")
    assert refusal("outside_one:X") == (
        "'outside_one:X': needs the module 'nowhere_either', which is absent; install it"
    )


def test_a_class_that_is_not_in_the_module_is_refused_with_the_near_one(folder):
    (folder / "outside_one.py").write_text(MINIMAL.format(name="Outside"))
    where = f"({folder}/outside_one.py)"
    assert refusal("outside_one:Outsid") == (
        f"'outside_one:Outsid' {where}: no class 'Outsid' in it; did you mean 'Outside'?"
    )
    assert refusal("outside_one:X").endswith("no class 'X' in it; in it: Outside")
    assert refusal("outside_one:").endswith("no class '' in it; in it: Outside")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("X = 3", "no subclass of trainables.approach.Approach"),
        ("class X: pass", "no subclass of trainables.approach.Approach"),
        (
            "from trainables.training import GradientApproach\nclass X(GradientApproach): pass",
            "lacks __init__, learns_from, settings_type, hyperparameters_type",
        ),
    ],
)
def test_what_is_no_approach_is_refused(folder, content, problem):
    (folder / "outside_one.py").write_text(content)
    assert problem in refusal("outside_one:X")


def test_folders_are_searched_after_all_that_python_finds_by_itself(folder):
    (folder / "json.py").write_text("1 / 0")
    assert "no class 'X' in it" in refusal("json:X")


def test_names_are_listed_without_importing_any_approach():
    code = (
        "import sys; from trainables.approaches import APPROACHES; APPROACHES.built_in(); print('torch' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False"


@pytest.mark.parametrize("value", ["not-valid::", "outside_one", "outside_one:Outside.Inner"])
def test_an_entry_point_that_stands_for_no_class_is_refused_with_its_owner(folder, value):
    declare(folder, "somebodys", "theirs", value)
    assert refusal("theirs") == (
        f"'theirs': somebodys declares it as {value!r}, which is not written module:Class; mend or uninstall that "
        "package"
    )


def test_two_folders_with_a_module_of_one_name_each_are_told_apart_and_copies_are_not(folder):
    for name, word in (("a", "Outside"), ("b", "Outside"), ("copy", "Outside")):
        (folder / name).mkdir()
        (folder / name / "outside_one.py").write_text(MINIMAL.format(name=word) + ("A = 1" if name != "b" else ""))
    search_in(folder / "a", folder)
    first = APPROACHES.find("outside_one:Outside")
    search_in(folder / "b", folder)
    assert refusal("outside_one:Outside") == (
        f"'outside_one:Outside': {folder}/b/outside_one.py is meant, but {folder}/a/outside_one.py is imported "
        "already; restart Python"
    )
    search_in(folder / "copy", folder)
    assert APPROACHES.find("outside_one:Outside") is first


def test_the_folders_of_the_latest_search_come_before_those_of_earlier_ones(folder):
    for name in ("a", "b"):
        (folder / name).mkdir()
        (folder / name / "outside_two.py").write_text(MINIMAL.format(name=f"In{name.upper()}"))
    search_in(folder / "a")
    search_in(folder / "b")
    assert APPROACHES.find("outside_two:InB").__name__ == "InB"
    assert sys.path[-3:] == [str(folder / "b"), str(folder / "a"), str(folder)]


def test_a_module_that_python_finds_by_itself_is_taken_whatever_lies_in_the_folders(folder, monkeypatch):
    (folder / "own").mkdir()
    for place in (folder / "own", folder):
        (place / "outside_one.py").write_text(MINIMAL.format(name=f"In{place.name[:3].title()}"))
    monkeypatch.syspath_prepend(folder / "own")
    search_in(folder)
    assert APPROACHES.find("outside_one:InOwn").__name__ == "InOwn"
