"""A benchmark's table, on the terminal and in its place in the README."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks.tables import Table, command, markdown, publish, put, ratio, seconds, text

README = Path(__file__).resolve().parents[2] / "benchmarks" / "README.md"
TABLE = Table("speeds", ("images/s", "this", "that"), [("small", "12", "7"), ("large one", "3", "–")], ["A note."])


def test_the_names_stand_left_and_the_numbers_right():
    assert text(TABLE) == [
        "",
        "images/s   this  that",
        "small        12     7",
        "large one     3     –",
        "",
        "A note.",
    ]


def test_a_table_for_the_readme_says_with_which_command_and_on_what_it_was_measured(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["benchmarks/gpu.py", "--rounds", "3", "--into", "README.md"])
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)
    where, _, head, line, *rows = markdown(TABLE)
    assert where.startswith("`python benchmarks/gpu.py --rounds 3` on ")
    assert " cores of " in where
    assert [head, line] == ["| images/s | this | that |", "| --- | --: | --: |"]
    assert rows == ["| small | 12 | 7 |", "| large one | 3 | – |", "", "A note."]


@pytest.mark.parametrize("into", [["--into", "README.md"], ["--into=README.md"], []])
def test_the_command_is_one_that_runs_and_leaves_the_page_as_it_is(monkeypatch, into):
    monkeypatch.setattr(sys, "argv", ["engines/__main__.py", "--seconds", "9", *into])
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", find_spec("benchmarks.engines.__main__"))
    assert command() == "python -m benchmarks.engines --seconds 9"


def test_a_table_replaces_what_stands_between_its_marks_and_nothing_else(tmp_path, capsys):
    page = tmp_path / "README.md"
    page.write_text("Before.\n<!-- speeds -->\nold\n<!-- end of speeds -->\nAfter.\n")
    publish(TABLE, page)
    before, after = page.read_text().split("<!-- speeds -->")[0], page.read_text().split("<!-- end of speeds -->")[1]
    assert (before, after) == ("Before.\n", "\nAfter.\n")
    assert "old" not in page.read_text()
    assert "| small | 12 | 7 |" in page.read_text()
    assert "small" in capsys.readouterr().out


def test_a_page_without_its_marks_is_refused(tmp_path):
    page = tmp_path / "README.md"
    page.write_text("Nothing.\n")
    with pytest.raises(ValueError, match="no lines <!-- a --> and <!-- b -->"):
        put(["x"], page, "<!-- a -->", "<!-- b -->")


@pytest.mark.parametrize("name", ["engines", "first-result", "training", "svm", "growth", "gpu"])
def test_every_table_has_its_place_in_the_readme(name):
    page = README.read_text()
    assert 0 < page.find(f"<!-- {name} -->") < page.find(f"<!-- end of {name} -->")


def test_times_have_three_digits_and_ratios_too():
    shown = [seconds(value) for value in (0.0123, 1.234, 12.34, 1234.5, None)]
    assert shown == ["0.012", "1.23", "12.3", "1,234", "–"]
    assert [ratio(1.234), ratio(12.3)] == ["1.23 x", "12 x"]
