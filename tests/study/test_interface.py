"""What `study` offers to Python: a few names, imported when they are used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import study

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", study.__all__)
def test_every_name_that_the_package_offers_is_there(name):
    assert callable(getattr(study, name))
    assert name in dir(study)


def test_importing_the_package_imports_the_two_others_of_the_program_by_name_alone_and_nothing_heavy():
    """By name, so that nothing of the same name in the current folder is taken for them later."""
    code = (
        "import sys, study\n"
        "own = [name for name in sys.modules if name.split('.')[0] in ('study', 'trainables', 'analysis')]\n"
        "heavy = [name for name in ('torch', 'ray', 'numpy', 'pydantic') if name in sys.modules]\n"
        "print(sorted(own), heavy)"
    )
    shown = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert shown == "['analysis', 'study', 'trainables'] []\n"


def test_a_study_file_is_read_from_python():
    assert study.read_config("digits", {"final.runs": 7}).final.runs == 7


def test_a_name_that_the_package_does_not_offer_is_refused_with_those_that_it_does():
    with pytest.raises(AttributeError, match="module 'study' has no attribute 'walk'; it offers read_config"):
        getattr(study, "walk")  # noqa: B009 - a type checker knows that it is not there
