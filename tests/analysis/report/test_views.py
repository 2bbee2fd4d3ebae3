"""A secondary view is a file and one entry: its columns stand in page and Markdown, its numbers in report.json."""

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from analysis.records.reading import read_study
from analysis.report import views
from analysis.report.write import write_report
from tests.analysis.report.reading import read_markdown, read_page

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("undrawn")]

STRANGER = '''
"""How many runs of the first approach beat their partner, and on which images both err."""

from dataclasses import dataclass

from analysis.report.table import Column
from analysis.report.views import View


@dataclass(frozen=True)
class Shared:
    runs_won: int
    share: float


def shared_errors(correct_a, correct_b):
    if len(correct_a) == 1:
        return None
    won = sum(int(a.mean() > b.mean()) for a, b in zip(correct_a, correct_b))
    return Shared(won, float((~correct_a & ~correct_b).mean()))


VIEW = View(
    "shared_errors",
    lambda pair: shared_errors(pair.a.runs.correct, pair.b.runs.correct),
    lambda design: (
        Column("runs won | of " + design.unit + "s", lambda found: str(found.runs_won)),
        Column("both wrong", lambda found: f"{100 * found.share:.1f} %", "unbroken"),
    ),
    "Both wrong: the share of the images that neither run classifies.",
)
'''


@pytest.fixture
def stranger(tmp_path, monkeypatch) -> Iterator[None]:
    (tmp_path / "strangers_view.py").write_text(STRANGER)
    monkeypatch.syspath_prepend(str(tmp_path))
    found = importlib.import_module("strangers_view")
    monkeypatch.setattr(views, "VIEWS", (*views.VIEWS, found.VIEW))
    yield
    del sys.modules["strangers_view"]


def counted(location: str, a: str, b: str) -> tuple[int, float]:
    """The same from the rows of the predictions, run by run."""
    rows = read_study(location).predictions
    right = (rows.label == rows.prediction).groupby([rows.approach, rows.seed, rows.image]).first().unstack()
    first, second = right.loc[a], right.loc[b]
    won = (first.mean(axis=1) > second.mean(axis=1)).sum()
    return int(won), float((~first & ~second).to_numpy().mean())


@pytest.mark.usefixtures("stranger")
def test_a_view_from_another_folder_stands_in_page_markdown_and_json(study_dir):
    paths = write_report(study_dir)
    page, markdown = (Path(path).read_text() for path in (paths.html, paths.markdown))
    report = json.loads(Path(paths.json).read_text())
    expected = [counted(study_dir, pair["a"], pair["b"]) for pair in report["pairs"]]
    assert [(p["shared_errors"]["runs_won"], p["shared_errors"]["share"]) for p in report["pairs"]] == [
        (won, pytest.approx(share)) for won, share in expected
    ]
    for document in (read_page(page), read_markdown(markdown)):
        (shown,) = (table for table in document.tables if "both wrong" in table.headings)
        assert shown.headings[-2:] == ("runs won | of seeds", "both wrong")
        assert [row[-2:] for row in shown.rows] == [(str(won), f"{100 * share:.1f} %") for won, share in expected]
        (note,) = (sentence for sentence in document.prose if "Both wrong:" in sentence)
        assert note.startswith("McNemar's test"), "the footnotes of all views stand together"


@pytest.mark.usefixtures("stranger")
def test_a_view_that_has_nothing_to_say_is_a_dash_and_null(make_study):
    paths = write_report(make_study(seeds=1))
    report = json.loads(Path(paths.json).read_text())
    assert [pair["shared_errors"] for pair in report["pairs"]] == [None] * 3
    for document in (read_page(Path(paths.html).read_text()), read_markdown(Path(paths.markdown).read_text())):
        (shown,) = (table for table in document.tables if "both wrong" in table.headings)
        assert [row[-2:] for row in shown.rows] == [("–", "–")] * 3


def test_every_view_has_a_name_of_its_own_and_says_what_its_columns_mean(study_dir, monkeypatch):
    keys = [view.key for view in views.VIEWS]
    assert len(set(keys)) == len(keys)
    assert all(view.footnote.endswith(".") for view in views.VIEWS)
    pair = json.loads(Path(write_report(study_dir).json).read_text())["pairs"][0]
    monkeypatch.setattr(views, "VIEWS", (views.MCNEMAR,))  # its runs have a table of their own
    without = json.loads(Path(write_report(study_dir).json).read_text())["pairs"][0]
    assert set(pair) == {*keys, *without}
    assert not {*without} & {*keys} - {"mcnemar"}, "no view takes the place of another number"
