"""How messages show what is wrong: one line, of a length that a terminal holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.records.errors import LONGEST, RecordsError, cut, line, listed, shown

values = st.recursive(
    st.text() | st.integers() | st.floats() | st.none(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.text(max_size=2000))
def test_a_message_is_one_line_that_a_terminal_shows_as_it_is(text):
    told = line(RecordsError(text))
    assert told
    assert len(told) <= LONGEST < 300
    assert len(told.splitlines()) == 1
    assert not any(character in told for character in "\x1b\r\u202e\ud800")


@given(st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=LONGEST))
def test_a_message_that_fits_stays_as_it_is(text):
    assert line(text) == text


def test_a_message_that_is_too_long_keeps_its_cause_and_its_mend():
    told = line(f"data.path: {'x' * 20_000} is no folder; give the path of the images")
    assert told.startswith("data.path: xxx")
    assert told.endswith("xxx is no folder; give the path of the images")
    told = line(f"cause: {'many words ' * 1000}; mend")
    assert told.startswith("cause: many words")
    assert told.endswith("; mend")


def test_an_error_without_a_message_is_told_by_its_kind():
    assert line(MemoryError()) == "MemoryError"


@given(st.text(), st.integers(10, 100))
def test_a_cut_text_has_at_most_so_many_characters_and_its_own_beginning(text, most):
    found = cut(text, most)
    assert len(found) <= most
    assert found == text or (text.startswith(found[:5]) and text.endswith(found[-3:]))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (3, "3"),
        ("a", "'a'"),
        ([0.1, 0.2, 0.1], "[0.1, 0.2, 0.1]"),
        (list(range(20)), "[0, 1, 2 and 17 more]"),
        ({"a": [1]}, "{'a': [1]}"),
    ],
)
def test_a_value_is_shown_as_python_writes_it_and_of_a_list_the_first_three(value, words):
    assert shown(value) == words


@given(values)
def test_whatever_is_shown_is_short(value):
    assert len(shown(value)) <= 120


def test_names_are_listed_and_of_very_many_the_first():
    assert listed(["a", "b"]) == "a, b"
    many = listed([f"name{number}" for number in range(1000)])
    assert many.startswith("name0, name1, ")
    assert many.endswith(" more")
    assert len(many) < 200
