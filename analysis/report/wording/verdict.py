"""The verdict in one paragraph that can be quoted: who is more accurate, by how much, how sure that is.

It claims no more than the design can bear: after one search it speaks of the configuration which that search found.
What changes the meaning of a comparison (reservations.py) stands in the sentence that makes it.
"""

from __future__ import annotations

from collections.abc import Sequence

from analysis.numbers import (
    counted,
    in_points,
    in_words,
    level,
    listed,
    number,
    p_clause,
    points,
    seconds,
    unsigned_points,
)
from analysis.records.slugs import one_line
from analysis.report.comparison import Comparison, PairSummary, TestScores
from analysis.report.reservations import Reservation, reservations
from analysis.report.summary import StudySummary
from analysis.report.wording.pairs import (
    interval_name,
    interval_words,
    is_better,
    is_inside_margin,
    is_tie,
    missed_words,
)
from analysis.report.wording.search import ended_early
from analysis.report.wording.standing import Standing, standing

MOST_NAMED = 3  # approaches in one list


def verdict_sentence(compared: Comparison | None, study: StudySummary | None = None) -> str:
    """The answer in one paragraph.

    Plain text, without a line break, in every state of a study: no final run yet, a single approach, a tie.

    Args:
        compared: what the test predictions say; None before the first final run.
        study: the study they belong to; None for a bare table of predictions.
    """
    if compared is None:
        return "No final run has been evaluated, so nothing can be said about test accuracy yet."
    found, reserved = standing(compared), reservations(compared, study)
    whole = [one for one in reserved if one.approach is None]
    sentences = [
        _leader(compared, study, found, reserved),
        *(_against(compared, found, other, reserved) for other in found.others),
        *(f"{one.clause[0].upper()}{one.clause[1:]}." for one in whole),
    ]
    if study is not None:
        sentences += [f"{a.name} has no test result: {a.problem}." for a in study.approaches if a.problem]
        sentences += [f"{a.name} {why}." for a in study.approaches if (why := ended_early(a))]
    return one_line(" ".join(sentences))


def _leader(compared: Comparison, study: StudySummary | None, found: Standing, reserved: Sequence[Reservation]) -> str:
    """Who is first, with how much, and what is to be said of it."""
    searched = bool(found.others) and compared.design.one_search
    first = listed(found.first)
    subject = f"the configuration{'s' if found.tied else ''} that this one search found for {first}"
    opening = f"{_given(study)}, " if study else ""
    ranked = f"{opening}{subject if searched else first} {_rank(found, reserved)}"
    sentence = f"{ranked}: {_accuracy(compared, compared.ranked[0])}"
    about = _about(reserved, found.best)
    return f"{sentence}, though {about}." if about else f"{sentence}."


def _given(study: StudySummary) -> str:
    """The budget of one search; of several that have test results, also that of all."""
    settings = study.records.settings
    one, R = settings.budget.search_seconds, settings.replicates
    several = study.comparison is not None and not study.comparison.design.one_search
    each = f" in each of {in_words(R)} searches ({seconds(one * R)} in all)" if several else ""
    return f"Given {seconds(one)} of charged search time for each approach{each}"


def _rank(found: Standing, reserved: Sequence[Reservation]) -> str:
    """What the place of the first in rank comes to."""
    if not found.others:
        return "is the only approach with test results"
    if found.tied:
        return "tie for the highest test accuracy"
    if not found.open and not found.equivalent and not any(one.approach for one in reserved):
        return "is the most accurate"
    if not found.open and not found.equivalent:
        return "has the highest test accuracy"
    others = (*found.open, *found.equivalent)
    named = [name for name in found.others if name in others]
    if len(named) > MOST_NAMED:
        named = [f"{in_words(len(named))} of the others"]
    return f"has the highest test accuracy, but is not shown to be better than {listed(named)}"


def _accuracy(compared: Comparison, test: TestScores) -> str:
    e = test.accuracy
    images = counted(compared.images, "test image")
    groups = f" in {counted(compared.units, 'group')}" if compared.grouped else ""
    return (
        f"{number(e.estimate)} ({level(compared.design.look_alpha)} interval {number(e.low)} to {number(e.high)},"
        f" {images}{groups}, {_runs(compared, len(e.per_seed))})"
    )


def _runs(compared: Comparison, count: int) -> str:
    return counted(count, "search", "searches") if compared.design.unit == "replicate" else counted(count, "run")


def _against(compared: Comparison, found: Standing, other: str, reserved: Sequence[Reservation]) -> str:
    """One pair in a sentence, with what is to be said of the other one in it."""
    pair, _ = compared.pair(found.best, other)  # whose first is the best
    one_search = compared.design.one_search
    best = "it"
    if found.tied:  # the sentence before is about several, so that "it" would be any of them
        best = f"the configuration found for {found.best}" if one_search else found.best
    sentence = _compared(compared, pair, best, f"the one found for {other}" if one_search else other)
    about = _about(reserved, other)
    joint = ", though" if is_better(pair) else ";"
    return f"{sentence}{joint} {about}." if about else f"{sentence}."


def _compared(compared: Comparison, pair: PairSummary, best: str, other: str) -> str:
    margin, figures = in_points(compared.design.margin), _figures(compared, pair)
    opening = best if best == pair.difference.a else f"{best[0].upper()}{best[1:]}"  # a name is left as it is
    if is_better(pair):
        size = unsigned_points(pair.difference.difference)
        sentence = f"{opening} is more accurate than {other} by {size} points ({figures})"
        smaller = f": the difference is real, and smaller than the margin of {margin}"
        return f"{sentence}{smaller}" if is_inside_margin(pair) else sentence
    if pair.verdict == "equivalent":
        also = "exactly as accurate on these images as" if is_tie(pair) else "equivalent to"
        return f"{opening} is {also} {other}{' and equivalent' if is_tie(pair) else ''} within {margin} ({figures})"
    missed = missed_words(compared, pair)
    if is_tie(pair):
        return f"{opening} ties with {other} ({figures}), which does not show that they are equally good: {missed}"
    return f"There is not enough evidence that {best} differs from {other} ({figures}): {missed}"


def _figures(compared: Comparison, pair: PairSummary) -> str:
    """Size, interval and p of a difference; the size stands before where the pair is decided."""
    size = [] if is_better(pair) else [f"{points(pair.difference.difference)} points"]
    interval = [f"{interval_name(compared)} {interval_words(pair, points)}"] if pair.difference.se else []
    corrected = "corrected " if len(compared.pairs) > 1 else ""
    return ", ".join([*size, *interval, f"{corrected}{p_clause(pair.p_adjusted)}"])


def _about(reserved: Sequence[Reservation], name: str) -> str:
    """What is to be said of an approach, as a clause that begins with its name; empty where there is nothing."""
    *first, last = [one.clause for one in reserved if one.approach == name] or [""]
    clauses = f"{', '.join(first)}, and {last}" if first else last
    return f"{name} {clauses}" if clauses else ""
