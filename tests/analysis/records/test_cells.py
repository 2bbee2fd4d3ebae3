"""CSV that spreadsheets open without computing what stands in it."""

from __future__ import annotations

import csv
import io

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.records.cells import NUMBER, as_csv, cell

BEGINNINGS = "=+-@\t\r"  # OWASP, CSV Injection


def rows(content: bytes, delimiter: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline=""), delimiter=delimiter))


@pytest.mark.parametrize("text", ['=HYPERLINK("http://h","x")', "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "＝1", "-"])
def test_a_text_that_would_be_a_formula_begins_with_an_apostrophe(text):
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["-0.3", "+1", "-1e-5", ".5", "fine_tune", "a=b", "", "0", "−0.3"])
def test_numbers_and_other_texts_stay_as_they_are(text):
    assert cell(text) == text


TEXTS = st.text(st.characters(codec="utf-8"), max_size=20).filter(lambda text: not NUMBER.fullmatch(text))


@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_no_cell_or_heading_begins_a_formula_also_where_others_split_the_line(names):
    frame = pd.DataFrame({"first": names, names[0]: [-0.3] * len(names)})
    for delimiter in ",;":
        for row in rows(as_csv(frame), delimiter):
            assert all(text == "-0.3" or not text.startswith(tuple(BEGINNINGS)) for text in row)


def test_numbers_stay_numbers_and_missing_values_missing():
    frame = pd.DataFrame({"x": [-0.3, None], "n": [-1, 2], "name": ["=a", None], "yes": [True, False]})
    read = pd.read_csv(io.BytesIO(as_csv(frame)))
    assert read.x.tolist()[0] == -0.3
    assert pd.isna(read.x[1])
    assert (read.n.tolist(), read.yes.tolist()) == ([-1, 2], [True, False])
    assert read.name.tolist()[0] == "'=a"
    assert pd.isna(read.name[1])


def test_columns_of_one_name_are_kept_apart():
    frame = pd.DataFrame([["@a", 0.5, "b"]], columns=["=x", "=x", "y"])
    assert rows(as_csv(frame)) == [["'=x", "'=x", "y"], ["'@a", "0.5", "b"]]
