"""The verdict in one line of at most 15 words, a name counting as one.

Of several ways to say it, the first that is short enough is taken: with the names, with their number, with neither.
Where an approach that is called less accurate comes with a reservation, every one of these ways says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from analysis.numbers import in_points, in_words, listed, number
from analysis.records.slugs import one_line
from analysis.report.comparison import Comparison
from analysis.report.reservations import GENERAL, Reservation, reservations
from analysis.report.summary import StudySummary
from analysis.report.wording.standing import Standing, standing

MOST_WORDS = 15
OPENINGS = {  # what there was of each approach
    "one_search": "one search",
    "few_searches": "two searches",
    "one_run": "one run",
    "few_runs": "two runs",
}
BRIEFLY = {  # what a reservation about whoever is less accurate comes to, the gravest first
    "starved": "which hardly got to train",
    "final_cut": "which {were} cut short",
    "collapsed": "which collapsed",
    "largest_class": "not shown to beat the largest class",
    "failing": "which often failed",
    "few_trials": "which tried few configurations",
    "far_run": "which {have} an outlying run",
    "single_search": "which {have} a single search",
    "single_run": "which {have} a single run",
}


def headline(compared: Comparison | None, study: StudySummary | None = None) -> str:
    """The verdict in at most 15 words, with its full stop."""
    if compared is None:
        return "No final run has been evaluated yet."
    found, reserved = standing(compared), reservations(compared, study)
    if not found.others:
        reached = number(compared.ranked[0].accuracy.estimate)
        return one_line(f"{found.best} reached {reached}; there is nothing to compare it with.")
    return one_line(in_one_line(found, reserved, compared.design.margin))


def in_one_line(found: Standing, reserved: Sequence[Reservation], margin: float) -> str:
    """The fullest of the ways to say it that is short enough; there are others than the first in rank."""
    opening, ways = _opening(reserved), _ways(found, reserved, in_points(margin))
    whole = (f"{opening}{way if opening or way.startswith(found.best) else way[0].upper() + way[1:]}." for way in ways)
    return next(line for line in whole if words(line, (found.best, *found.others)) <= MOST_WORDS)


def words(line: str, names: Sequence[str]) -> int:
    """How many words a line has, each name counting as one."""
    for name in sorted(names, key=len, reverse=True):
        line = line.replace(name, "\0")
    return len(line.split())


def _opening(reserved: Sequence[Reservation]) -> str:
    """How much there was of each approach, and whether this is the first look at it."""
    kinds = {one.kind for one in reserved}
    few = " and ".join(words for kind, words in OPENINGS.items() if kind in kinds)
    parts = [f"{few} each"] if few else []
    parts += ["repeated look"] if "looks" in kinds else []
    return f"{', '.join(parts).capitalize()}: " if parts else ""


def _ways(found: Standing, reserved: Sequence[Reservation], margin: str) -> Iterator[str]:
    """From the fullest to the shortest, which is short enough whatever the names."""
    if found.open:
        yield from _undecided(found)
    elif found.equivalent:
        yield from _equivalent(found, reserved, margin)
    else:
        yield from _better(found, reserved)


def _better(found: Standing, reserved: Sequence[Reservation]) -> Iterator[str]:
    searched = any(one.kind == "one_search" for one in reserved)
    names = listed(found.others)
    all_others = "both others" if len(found.others) == 2 else f"all {in_words(len(found.others))} others"
    tails = _tails(found, reserved) or ([", by less than the margin"] if found.inside_margin else [""])
    if searched:
        whom = f"{names}'s" if len(found.others) == 1 else f"those of {names}"
        cores = [f"{found.best}'s configuration is more accurate than {others}" for others in (whom, all_others)]
    else:
        cores = [f"{found.best} is more accurate than {others}" for others in (names, all_others)]
    yield from (f"{core}{tail}" for core in cores[: len(found.others)] for tail in tails)
    whose = f"{found.best}'s configuration" if searched else found.best
    yield f"{whose} leads{tails[-1]}"


def _tails(found: Standing, reserved: Sequence[Reservation]) -> list[str]:
    """How a line ends that makes a claim, from the fullest to the shortest; nothing without a reservation about it.

    What all that are beaten have in common is said in its own words, where they stand last and nobody else has any.
    """
    about = {name: {one.kind for one in reserved if one.approach == name} for name in (found.best, *found.others)}
    named = [name for name, kinds in about.items() if kinds]
    if named and set(named) <= set(found.beaten):
        shared = [kind for kind in BRIEFLY if all(kind in about[name] for name in found.beaten)]
        verbs = {"have": "has", "were": "was"} if len(found.beaten) == 1 else {"have": "have", "were": "were"}
        if shared:
            return [f", {BRIEFLY[shared[0]].format(**verbs)}", ", with reservations"]
    if named:
        return [f", with reservations about {listed(named)}", ", with reservations"]
    whole = any(one.approach is None and one.kind not in GENERAL for one in reserved)
    return [", with reservations"] if whole else []


def _equivalent(found: Standing, reserved: Sequence[Reservation], margin: str) -> Iterator[str]:
    tails = _tails(found, reserved) or [""]
    short, same = tails[-1], f"{found.best} is equivalent to {listed(found.equivalent)} within {margin}"
    if found.beaten:
        yield from (f"{same}, and more accurate than {listed(found.beaten)}{tail}" for tail in tails)
    elif found.tied == found.others:
        yield f"{listed(found.first)} are equally accurate, and equivalent within {margin}{short}"
    if len(found.others) == 1:
        yield f"{found.best} and {found.others[0]} are equivalent within {margin}{short}"
    yield f"{same}{short}"
    if len(found.equivalent) > 1:
        yield f"{found.best} is equivalent to {in_words(len(found.equivalent))} others within {margin}{short}"
    yield f"{found.best} leads, but not beyond the margin{short}"
    yield f"{found.best} leads within the margin{short}"


def _undecided(found: Standing) -> Iterator[str]:
    """These claim nothing of anybody that is beaten."""
    level = (found.best, *(name for name in found.tied if name in found.open))
    if len(level) > 1:
        yield f"{listed(level)} tie, and there is not enough evidence which is better"
        yield f"{listed(level)} tie; which is better is open"
        yield f"{in_words(len(level))} approaches tie; which is better is open"
    elif found.tied:  # shown to be equivalent, so that only the others are open
        yield f"{listed(found.first)} are equally accurate; whether they are better than {_either(found.open)} is open"
        yield f"{listed(found.first)} are equally accurate; the others are open"
        yield f"{in_words(len(found.first))} approaches are equally accurate; the others are open"
    evidence = f"not enough evidence that {found.best} is better"
    yield f"{evidence} than {_either(found.open)}"
    if len(found.open) == len(found.others):
        yield f"{evidence} than any of {in_words(len(found.others))} others"
    yield f"{evidence} than {in_words(len(found.open))} of {in_words(len(found.others))} others"
    yield f"not enough evidence that {found.best} is the best"
    yield "which is the best is open"


def _either(names: Sequence[str]) -> str:
    """`a`, `a or b`, `a, b or c`."""
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last
