"""Names that data give, in paths and in terminals: whatever they hold, they are harmless there."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.records.slugs import slug, visible

DEVICES = {"con", "prn", "aux", "nul", *(f"{kind}{n}" for kind in ("com", "lpt") for n in range(10))}
HOSTILE = (
    *("", ".", "..", "../../victim", "x/../../../victim", "/etc/passwd", "C:\\x", "CON", "nul.txt", "~", "-rf"),
    *("a\0b", "\n", "x" * 5000, "船" * 300, "\ud800", "\x1b[2J", "a\u202eb", ".hidden", "%2e%2e", "a b"),
)
NAMES = st.sampled_from(HOSTILE) | st.text() | st.text(alphabet="./\\ -_aA~", max_size=12)


@given(NAMES, st.integers(0, 10**9))
def test_a_slug_is_a_short_name_of_letters_digits_hyphens_and_underscores_alone(name, number):
    made = slug(name, number)
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}", made)
    assert made.lower() not in DEVICES


@given(NAMES, NAMES, st.integers(0, 10**6), st.integers(0, 10**6))
def test_two_numbers_never_share_a_slug_also_where_case_does_not_matter(one, other, first, second):
    assert (slug(one, first).lower() == slug(other, second).lower()) <= (first == second)


def test_a_slug_keeps_what_can_be_read_of_a_name():
    assert slug("better_cnn", 3) == "3-better_cnn"
    assert slug("big ship (red)", 0) == "0-big-ship-red"
    assert slug("船", 7) == "7"


def test_a_negative_number_is_refused():
    with pytest.raises(ValueError, match="number -1: must be at least 0"):
        slug("a", -1)


@given(NAMES | st.text(st.characters(categories=("Cc", "Cs", "Zl", "Zp", "Cf"))))
def test_nothing_that_a_terminal_obeys_is_left_of_a_text(text):
    shown = visible(text)
    assert {unicodedata.category(one) for one in shown if one not in "\t\n"} & {"Cc", "Cs", "Zl", "Zp"} == set()
    shown.encode()  # can be printed
    assert visible(shown) == shown


def test_what_no_terminal_obeys_stays_as_it_is():
    for text in ("fine_tune − better_cnn", "船 é ‰", "two\nlines\tand a tab", "emoji \U0001f468\u200d\U0001f4bb"):
        assert visible(text) == text
    assert visible("\x1b[31mred\x1b[0m \x9b2J \u202eback \r") == r"\x1b[31mred\x1b[0m \x9b2J \u202eback \r"
