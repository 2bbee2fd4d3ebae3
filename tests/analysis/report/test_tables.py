"""The page and the Markdown say the same: tables are defined once, and sentences are shared."""

import re
from typing import Any

import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from analysis.predictions.outcomes import read_outcomes
from analysis.records.reading import read_study
from analysis.records.slugs import visible
from analysis.records.store import Store
from analysis.report.comparison import compare
from analysis.report.design import Design
from analysis.report.summary import summarise
from analysis.report.table import Column, Form, Table, as_html, as_markdown, code, escaped, table
from analysis.report.tables import comparison_tables, study_tables
from analysis.report.write import Findings, render
from tests.analysis.report.reading import Document, Shown, _sentence, read_markdown, read_page
from tests.support.synthetic_study import SETTINGS, predictions, write_study

STUDIES: dict[str, dict[str, Any]] = {
    "three approaches": {},
    "groups of images": {"grouped": True},
    "a single seed": {"seeds": 1},
    "one without a test result": {"accuracy": {"fine_tune": 0.85, "feature_svm": 0.85}},
    "a single approach": {"accuracy": {"fine_tune": 0.85}},
    "no final runs": {"accuracy": {}},
}


def of_a_table() -> Findings:
    """Matched seeds, names that are markup, and an approach without probabilities."""
    names = ("a|b\\", "<i>", "c")
    rows = pd.concat([predictions(name, seed, accuracy=0.8) for name in names for seed in range(3)])
    rows.loc[rows.approach == "c", ["p_0", "p_1", "p_2"]] = None
    seen = read_outcomes(rows, grouped=False)
    return Findings(
        "<b>a table</b>", compare(seen, names=names, classes=("x", "y\nz", "|"), design=Design(alpha=0.1, matched=True))
    )


def of_replicates(root) -> Findings:
    location = write_study(root)
    Store(location).write_bytes("study.yaml", yaml.safe_dump({**SETTINGS, "replicates": 2}).encode())
    study = summarise(read_study(location))
    return Findings("replicates", study.comparison, study)


@pytest.fixture(scope="module", params=[*STUDIES, "a repeated search", "a table"])
def findings(request, tmp_path_factory) -> Findings:
    root = tmp_path_factory.mktemp("study")
    if request.param == "a table":
        return of_a_table()
    if request.param == "a repeated search":
        return of_replicates(root)
    study = summarise(read_study(write_study(root, **STUDIES[request.param])))
    return Findings(request.param, study.comparison, study)


def both(findings: Findings) -> tuple[Document, Document]:
    return read_page(render(findings, "report.html.j2")), read_markdown(render(findings, "report.md.j2"))


def defined(findings: Findings) -> dict[str, Table]:
    found = comparison_tables(findings.compared, findings.study) if findings.compared else {}
    return found | (study_tables(findings.study) if findings.study else {})


def as_read(one: Table) -> Shown:
    width = len(one.headings)
    rows = [[" ".join(cell.split()) for cell in row] for row in one.rows]
    return Shown(one.headings, tuple((*row, *[""] * (width - len(row))) for row in rows))


def test_every_table_has_the_same_headings_and_cells_in_page_and_markdown(findings):
    page, markdown = both(findings)
    assert page.tables == markdown.tables
    for name, one in defined(findings).items():
        assert as_read(one) in page.tables, name
    assert len(page.tables) == len(defined(findings))


def test_page_and_markdown_say_the_same_sentences_in_the_same_order(findings):
    page, markdown = both(findings)
    assert sorted(page.prose[:4]) == sorted(markdown.prose[:4]), "the Markdown opens with the verdict"
    assert page.prose[4:] == markdown.prose[4:]


def test_every_row_has_a_cell_for_each_heading_or_a_remark(findings):
    for one in defined(findings).values():
        assert len(one.forms) == len(one.headings)
        assert {len(row) for row in one.rows} <= {2, len(one.headings)}


HOSTILE = ("<script>alert(1)</script>", 'a "b" & c', "x|y", "back\\slash", "\\|", "two\nlines")
LIVE = (
    "https://h/x", "www.h.org", "&lt;b&gt; &#60;", ":boat: and 10:30:00", "$x^2$", "# heading", "1. one",
    "12) twelve", "- item", "+ item", "> quoted", "---", "- - -", "-0.3",
    "![a](http://h/x.png)", "[c](javascript:1)", "[d][e]", "__b__", "_i_", "**b**", "*i*", "`code`", "~~gone~~",
    "a_b", "__init__.py", "\\*x\\*", "x_ _y",
)  # fmt: skip


def test_no_text_of_a_cell_is_read_as_markup():
    shown = table("<label>", [Column("<h>", str, "text"), Column("a|b", str, "text")], [*HOSTILE, *LIVE])
    page = read_page(f'{as_html(shown)}<section id="methods">')
    markdown = read_markdown(f"{as_markdown(shown)}\n## Methods")
    assert page.tables == markdown.tables == [as_read(shown)]
    assert "<script" not in as_html(shown)
    assert "\\<script" in as_markdown(shown)


@pytest.mark.parametrize("text", LIVE)
def test_no_text_is_read_as_markup_in_a_sentence(text):
    shown = table("label", [Column("heading", str)], [], notes=[f"{text} and {text}"])
    assert read_markdown(f"{as_markdown(shown)}\n## Methods").prose == [f"{text} and {text}"]


@given(st.text() | st.text(alphabet="<>[]()!*_`~#&;:/\\|$-+=.1w a\n"))
def test_any_text_is_read_back_as_it_was_and_nothing_of_it_as_markup(text):
    written = escaped(text)
    assert _sentence(written) == " ".join(visible(text).split())
    assert not re.search(r"(?<!\\)(\\\\)*\|", written), "it would end a cell"


def test_words_with_underscores_inside_stay_as_they_are_written():
    assert escaped("fine_tune beats better_cnn (p < 0.001)") == "fine_tune beats better_cnn (p < 0.001)"


@pytest.mark.parametrize(
    ("text", "shown"), [("a_b*.jpg", "`a_b*.jpg`"), ("a`b``c", "``` a`b``c ```"), ("two\nlines", "`two lines`")]
)
def test_code_is_fenced_by_more_backticks_than_it_holds(text, shown):
    assert code(text) == shown


def test_a_remark_stands_in_place_of_all_cells_but_the_first():
    columns = [Column("name", str), Column("number", lambda n: f"{n:.1f}"), Column("third", str)]
    shown = table("numbers", columns, [1, 2], instead=lambda n: "no number" if n == 2 else None)
    assert shown.rows == (("1", "1.0", "1"), ("2", "no number"))
    assert '<th scope="row">2</th><td class="text" colspan="2">no number</td></tr>' in as_html(shown)
    assert as_markdown(shown).splitlines()[-1] == "| 2 | no number |  |"


def test_columns_are_aligned_as_their_form_says():
    forms: tuple[Form, ...] = ("text", "number", "unbroken", "interval", "text")
    shown = table("forms", [Column(form, str, form) for form in forms], ["x"], about="About.", notes=["Note."])
    assert as_markdown(shown).split("\n") == [
        "About.",
        "",
        "| text | number | unbroken | interval | text |",
        "| --- | ---: | ---: | :---: | --- |",
        "| x | x | x | x | x |",
        "",
        "Note.",
    ]
    row = '<th scope="row">x</th><td>x</td><td class="nowrap">x</td><td class="nowrap">x</td><td class="text">x</td>'
    assert f"<tr>{row}</tr>" in as_html(shown)
