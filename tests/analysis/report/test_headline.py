"""The headline has at most 15 words and leaves out nothing that changes its meaning."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.report.reservations import Reservation
from analysis.report.wording.headline import BRIEFLY, MOST_WORDS, headline, in_one_line, words
from analysis.report.wording.standing import Standing, standing
from tests.analysis.report.comparisons import comparison, right

SEARCHES = (None, "one_search", "few_searches", "search_unknown")
RUNS = (None, "one_run", "few_runs")
KINDS = ("looks", "few_groups", "busy_machine")


def stands(best: str, **others: tuple[str, ...]) -> Standing:
    by_verdict = {name: others.get(name, ()) for name in ("beaten", "equivalent", "open")}
    everyone = tuple(name for names in by_verdict.values() for name in names)
    tied, inside = others.get("tied", ()), bool(others.get("inside_margin"))
    return Standing(best=best, others=everyone, tied=tied, inside_margin=inside, **by_verdict)


@st.composite
def standings(draw) -> Standing:
    """Any way in which the first can stand to up to eleven others, whose names may hold blanks."""
    names = draw(
        st.lists(st.text("ab_ é-", min_size=12, max_size=40).filter(str.strip), min_size=2, max_size=12, unique=True)
    )
    best, *others = names
    verdicts = [draw(st.sampled_from(["beaten", "equivalent", "open"])) for _ in others]
    split = {v: tuple(n for n, own in zip(others, verdicts, strict=True) if own == v) for v in set(verdicts)}
    free = [name for name, own in zip(others, verdicts, strict=True) if own != "beaten"]
    tied = tuple(free[: draw(st.integers(0, len(free)))])
    inside = ("yes",) if draw(st.booleans()) else ()
    return stands(best, **split, tied=tied, inside_margin=inside)


@given(standings(), st.data())
def test_a_headline_has_at_most_15_words_whatever_is_compared(found, data):
    kinds = data.draw(st.sets(st.sampled_from(KINDS)))
    kinds |= {data.draw(st.sampled_from(SEARCHES)), data.draw(st.sampled_from(RUNS))} - {None}
    about = data.draw(st.lists(st.tuples(st.sampled_from((found.best, *found.others)), st.sampled_from(list(BRIEFLY)))))
    reserved = [Reservation(None, kind, "t", None) for kind in kinds] + [Reservation(a, k, "t", None) for a, k in about]
    line = in_one_line(found, reserved, data.draw(st.sampled_from([0.005, 0.01, 0.025])))
    assert words(line, (found.best, *found.others)) <= MOST_WORDS
    assert line.endswith(".")
    assert "won" not in line
    if "more accurate" in line or "leads" in line or "equivalent" in line:
        said = "reservations" in line or any(brief.split("}")[-1] in line for brief in BRIEFLY.values())
        assert said or not ({name for name, _ in about} | kinds & {"few_groups", "busy_machine"})
    else:
        assert found.open, "only where something is open nothing is claimed"
    if found.inside_margin and len(found.beaten) == len(found.others) and not reserved:
        assert "by less than the margin" in line
    if "one_search" in kinds:
        assert line.startswith("One search")
    if "few_searches" in kinds:
        assert line.startswith("Two searches")
    assert ("repeated look:" in line.lower()) == ("looks" in kinds)


def test_a_name_counts_as_one_word_also_where_another_begins_with_it():
    assert words("the svm is better than the svm on features.", ("the svm", "the svm on features")) == 5


@pytest.mark.parametrize(
    ("found", "kinds", "line"),
    [
        (stands("a", beaten=("b",)), (), "a is more accurate than b."),
        (stands("a", beaten=("b", "c")), (), "a is more accurate than b and c."),
        (stands("a", beaten=tuple("bcdefghijk")), (), "a is more accurate than all ten others."),
        (
            stands("a", beaten=("b",)),
            ("one_search",),
            "One search each: a's configuration is more accurate than b's.",
        ),
        (stands("a", beaten=("b",)), ("one_run",), "One run each: a is more accurate than b."),
        (
            stands("a", beaten=("b",), inside_margin=("yes",)),
            (),
            "a is more accurate than b, by less than the margin.",
        ),
        (stands("a", equivalent=("b",)), (), "a and b are equivalent within 1 point."),
        (
            stands("a", equivalent=("b",), tied=("b",)),
            (),
            "a and b are equally accurate, and equivalent within 1 point.",
        ),
        (stands("a", open=("b",)), (), "Not enough evidence that a is better than b."),
        (stands("a", open=("b",)), ("one_search",), "One search each: not enough evidence that a is better than b."),
        (
            stands("a", open=("b",), tied=("b",)),
            (),
            "a and b tie, and there is not enough evidence which is better.",
        ),
    ],
)
def test_the_headline_of(found, kinds, line):
    assert in_one_line(found, [Reservation(None, kind, "t", None) for kind in kinds], 0.01) == line


@pytest.mark.parametrize(
    ("found", "about", "line"),
    [
        (
            stands("a", equivalent=("b",), beaten=("c",)),
            {"c": "starved"},
            "a is equivalent to b within 1 point, and more accurate than c, with reservations.",
        ),
        (
            stands("a", equivalent=("b",), beaten=("c",)),
            {"c": "collapsed"},
            "a is equivalent to b within 1 point, and more accurate than c, which collapsed.",
        ),
        (
            stands("a", beaten=("b",)),
            {"b": "largest_class"},
            "a is more accurate than b, not shown to beat the largest class.",
        ),
        (
            stands("a", beaten=("b", "c")),
            {"b": "far_run", "c": "far_run"},
            "a is more accurate than b and c, which have an outlying run.",
        ),
        (stands("a", beaten=("b",)), {"b": "final_cut"}, "a is more accurate than b, which was cut short."),
        (
            stands("a", equivalent=("b",), open=("c",), tied=("b",)),
            {},
            "a and b are equally accurate; whether they are better than c is open.",
        ),
        (
            stands("a", equivalent=("b",), open=("c",), tied=("b", "c")),
            {},
            "a and c tie, and there is not enough evidence which is better.",
        ),
        (stands("a", open=("b", "c")), {}, "Not enough evidence that a is better than b or c."),
        (
            stands("a", open=tuple("bcdefgh")),
            {None: "one_search"},
            "One search each: not enough evidence that a is better than any of seven others.",
        ),
        (stands("a", beaten=("b",)), {None: "few_searches"}, "Two searches each: a is more accurate than b."),
        (stands("a", beaten=("b",)), {None: "few_runs"}, "Two runs each: a is more accurate than b."),
        (stands("a", beaten=("b",)), {None: "looks"}, "Repeated look: a is more accurate than b."),
    ],
)
def test_the_headline_with_reservations_of(found, about, line):
    assert in_one_line(found, [Reservation(name, kind, "t", None) for name, kind in about.items()], 0.01) == line


def test_whoever_hardly_got_to_train_is_said_so_in_the_headline():
    starved = [Reservation(None, "one_search", "t", None), Reservation("tuned", "starved", "t", None)]
    assert in_one_line(stands("svm", beaten=("tuned",)), starved, 0.01) == (
        "One search each: svm's configuration is more accurate than tuned's, which hardly got to train."
    )


def test_a_tie_for_the_first_place_is_called_a_tie():
    made = comparison({"mlp": right(80, 100), "svm": right(80, 100, flips=4), "cnn": right(10, 100)})
    assert standing(made).first == ("mlp", "svm")
    assert headline(made) == "mlp and svm tie, and there is not enough evidence which is better."


def test_without_results_or_without_another_there_is_nothing_to_compare():
    assert headline(None) == "No final run has been evaluated yet."
    assert headline(comparison({"svm": right(80, 100)})) == "svm reached 0.800; there is nothing to compare it with."
