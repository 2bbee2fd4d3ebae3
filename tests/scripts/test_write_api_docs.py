"""docs/api.md is what the docstrings say, leaves nothing out, and its examples run."""

from __future__ import annotations

import doctest
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

import analysis
import study
from tests.support.synthetic_study import write_study

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_api_docs", ROOT / "scripts" / "write_api_docs.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_the_script_writes(script):
    written = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    assert written == script.page(), "run `python scripts/write_api_docs.py`"


def test_all_that_the_packages_offer_is_on_the_page(script):
    offered = {f"{package.__name__}.{name}" for package in (analysis, study) for name in package.__all__}
    assert set(script.PUBLIC) == offered


def test_the_examples_give_what_the_page_shows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    predictions = analysis.load(write_study(Path("results/three-boats"))).predictions
    two = predictions[predictions.approach != "better_cnn"]
    two.to_csv("predictions.csv", index=False)
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    examples = re.findall(r"```pycon\n(.*?)```", text, re.DOTALL)
    assert examples
    for number, example in enumerate(examples, start=1):
        test = doctest.DocTestParser().get_doctest(example, {}, f"example {number} of api.md", None, None)
        complaints: list[str] = []
        doctest.DocTestRunner().run(test, out=complaints.append)
        assert not complaints, "".join(complaints)


def test_code_and_sections_of_a_docstring_become_fences_and_lists(script):
    class Documented:
        """Does it.

        More of
        that.

            first = 1

            second = 2

        >>> first
        1

        Args:
            one: which of
                two.
            low, high: bounds.
        """

    assert "\n".join(script._docstring(Documented)) == (
        "Does it.\n\nMore of that.\n\n```python\nfirst = 1\n\nsecond = 2\n```\n\n```pycon\n>>> first\n1\n```\n\n"
        "Args:\n\n- `one`: which of two.\n- `low`, `high`: bounds.\n"
    )
