"""What is imported does not depend on the folder that somebody stands in."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import yaml

from analysis.records.errors import line
from analysis.records.store import Store
from tests.support.commands import machine
from tests.support.namesakes import OF_OTHERS, OF_THE_PROGRAM, imported, write_approach, write_namesakes
from tests.support.study_files import ONE_SLOT, small_study

pytestmark = pytest.mark.slow
NETWORK = small_study()["approaches"]["better_cnn"] | {"max_trials": 2}


def test_a_study_runs_from_a_folder_of_files_that_are_called_as_what_it_imports(tmp_path):
    """With an approach that lies there too, and needs another module from there."""
    approaches = {"better_cnn": NETWORK, "mine": write_approach(tmp_path)}
    study = small_study(approaches=approaches, backbones={}, slot=ONE_SLOT)
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study))
    write_namesakes(tmp_path, *OF_THE_PROGRAM, *OF_OTHERS)
    with machine(tmp_path) as here:
        told = here.finished([str(Path(sys.executable).parent / "transfer-study"), "run", "study.yaml", "--out", "out"])
    assert (told.code, told.err) == (0, ""), told
    assert imported(tmp_path, *OF_THE_PROGRAM, *OF_OTHERS) == []
    report = json.loads((tmp_path / "out" / "report" / "report.json").read_text())
    assert set(report["approaches"]) == {"better_cnn", "mine"}
    assert not [event.reason for event in Store(str(tmp_path / "out")).trial_events() if event.reason]


def test_started_as_a_module_the_program_is_imported_and_not_what_lies_in_the_current_folder(tmp_path):
    """But for a folder `study`, which Python itself would take for the program."""
    names = ("analysis.py", "trainables/__init__.py", *OF_OTHERS)
    write_namesakes(tmp_path, *names)
    with machine(tmp_path) as here:
        told = here.transfer_study("plan", "digits", "--no-timing")
    assert (told.code, told.err) == (0, ""), told
    assert imported(tmp_path, *names) == []


def test_in_a_notebook_the_program_is_imported_and_not_what_lies_beside_it(tmp_path):
    write_namesakes(tmp_path, "analysis.py", "trainables/__init__.py")
    lines = python(tmp_path, "import sys; assert sys.path[0] == ''", "import study, analysis, trainables.errors")
    assert lines == []
    assert imported(tmp_path, "analysis.py", "trainables/__init__.py") == []


def test_where_a_notebook_has_imported_its_own_analysis_already_that_is_said_in_one_line(tmp_path):
    (tmp_path / "analysis.py").write_text("")
    assert python(tmp_path, "import analysis", "import study")[-1] == (
        f"ImportError: 'analysis' is {tmp_path}/analysis.py in this process, and transfer-study has a package of that "
        "name; rename that file, or restart Python and import study first"
    )


def python(folder: Path, *lines: str) -> list[str]:
    """Run these lines as a notebook would; what is complained of."""
    with machine(folder) as here:
        return here.python("\n".join(lines)).err.splitlines()


def test_where_a_notebook_has_started_ray_beside_its_own_analysis_that_is_said_before_anything_is_written(
    tmp_path,
):
    """Its Ray has the workers look there first, whatever a study asks for later."""
    (tmp_path / "analysis.py").write_text("")
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(small_study(approaches={"mine": NETWORK}, backbones={})))
    with machine(tmp_path, cpus=1) as here:
        told = here.transfer_study("run", "study.yaml", "--out", "out")
    assert told.err.splitlines()[-1] == "error: " + line(
        "the workers cannot import this program: ModuleNotFoundError: No module named 'analysis.records'; "
        f"'analysis' is not a package (found {tmp_path}/analysis.py); install it with its dependencies on all "
        "nodes, or take away what has its name there; where Ray ran in this process before the study, "
        "ray.shutdown() first"
    )
    assert not (tmp_path / "out").exists()
