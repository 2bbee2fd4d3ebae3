"""The sentences about the pairs of approaches, and about the predictions they are compared on."""

from __future__ import annotations

from collections.abc import Callable

from analysis.numbers import counted, in_points, level, listed, p_clause
from analysis.report.comparison import Comparison, PairSummary
from analysis.report.design import Design
from analysis.report.summary import StudySummary
from analysis.statistics.crossed import ROUNDING
from analysis.statistics.paired import Difference
from analysis.statistics.power import POWER

VERDICTS = {
    "a_better": "{a} is better",
    "b_better": "{b} is better",
    "equivalent": "equivalent within the margin",
    "undecided": "not enough evidence",
}

IN_REPLICATES = {
    "one seed of": "one search of",
    "one seed:": "one search:",
    "another seed": "another search",
    "these two trained networks": "the configurations of these two searches",
    "it is this one trained network that the test compares": "the test compares the configuration of this one search",
}


def pair_name(difference: Difference) -> str:
    """What a difference is of, as in `fine_tune − better_cnn`."""
    return f"{difference.a} − {difference.b}"


def pair_verdict(pair: PairSummary, design: Design) -> str:
    """The verdict of one pair in a few words; after one search it is about configurations."""
    a, b = (whose(name, design) for name in (pair.difference.a, pair.difference.b))
    words = VERDICTS[pair.verdict].format(a=a, b=b)
    if is_inside_margin(pair):
        return f"{words}, by less than the margin"
    return f"a tie: {words}" if is_tie(pair) else words


def whose(name: str, design: Design) -> str:
    """What a comparison is about: an approach, or the configuration that its one search found."""
    return f"{name}'s configuration" if design.one_search else name


def is_better(pair: PairSummary) -> bool:
    """Whether one of the two is shown to be more accurate."""
    return pair.verdict in ("a_better", "b_better")


def is_tie(pair: PairSummary) -> bool:
    """Whether both have exactly the same accuracy."""
    return abs(pair.difference.difference) < ROUNDING


def is_inside_margin(pair: PairSummary) -> bool:
    """Whether a difference is shown, and shown to be smaller than the margin."""
    return is_better(pair) and pair.within_margin


def interval_words(pair: PairSummary, write: Callable[[float], str]) -> str:
    """The interval of a difference that agrees with its verdict, its ends written by `write`, as `−0.4 to +3.1`.

    A dash where no variance could be estimated, so that there is none.
    """
    if pair.difference.se == 0:
        return "–"
    low, high = pair.interval.low, pair.interval.high
    if not pair.interval.ends_at_zero:
        return f"{write(low)} to {write(high)}"
    return f"above 0 to {write(high)}" if high > 0 else f"{write(low)} to below 0"


def predictions_sentence(compared: Comparison) -> str:
    """What a bare table of predictions holds, and what was done to it."""
    approaches = counted(len(compared.approaches), "approach", "approaches")
    classes = counted(len(compared.classes), "class", "classes")
    return " ".join((f"Predictions of {approaches} on {compared.images:,} images of {classes}.", *compared.notes))


def omnibus_sentence(compared: Comparison) -> str | None:
    """Whether the approaches differ at all; None with a single one."""
    found, alpha = compared.omnibus, compared.design.look_alpha
    if found is None:
        return None
    if found.note:
        return f"Are the approaches different at all? {found.note[0].upper()}{found.note[1:]} ({p_clause(found.p)})."
    p = f"F({found.df1:.1f}, {found.df2:.1f}) = {found.f:.2f}, {p_clause(found.p)}"
    answer = "They are not all equally accurate" if found.p < alpha else "There is not enough evidence that they differ"
    return f"Are the approaches different at all? {answer} ({p}, {compared.design.unit}s and images crossed)."


def interval_name(compared: Comparison) -> str:
    """What the intervals of the differences are called, which hold for all pairs together where there are several."""
    joint = "joint " if len(compared.pairs) > 1 else ""
    return f"{joint}{level(compared.design.look_alpha)} interval"


def held_fixed(study: StudySummary | None) -> str:
    """What all runs had in common, so that its luck is in no interval."""
    if study is None:
        return "what all runs have in common, such as the data they were trained on"
    settings = study.records.settings
    one = study.comparison.design.one_search if study.comparison else settings.replicates == 1
    search = ["the search, of which there was one"] if one else []
    split = "the test images' part of the data" if settings.data.resplit else "the data split"
    return listed([*search, split, "the machine"])


def note_sentences(compared: Comparison) -> list[str]:
    """For each pair, what its test leaves out."""
    noted = ((pair_name(pair.difference), pair.difference.note) for pair in compared.pairs)
    return [f"{name}: {in_its_unit(note, compared.design)}." for name, note in noted if note]


def in_its_unit(note: str, design: Design) -> str:
    """A note on tests, which call a row of their matrix a seed, in the words of a study that repeats its search."""
    if design.unit != "replicate":
        return note
    for theirs, ours in IN_REPLICATES.items():
        note = note.replace(theirs, ours)
    return note


def detectable_sentence(compared: Comparison) -> str:
    """What the columns of the table of differences mean, and what they do not."""
    margin = in_points(compared.design.margin)
    return (
        f"Detectable: the smallest true difference that this study had an {100 * POWER:.0f} % chance to find, a dash"
        f" where it could find none. A p-value above {compared.design.look_alpha:.3g} says that the evidence is not"
        " enough, never that there is no difference. “Equivalent” is said only where the data exclude a difference of"
        f" {margin} or more, “by less than the margin” where they show a difference and exclude one as large as that."
    )


def missed_words(compared: Comparison, pair: PairSummary) -> str:
    """What the study could not have seen in an undecided pair."""
    if pair.difference.se == 0:
        return "they are the same on every test image, and there are too few of them to settle the question"
    if pair.detectable is None:
        units = "groups of images" if compared.grouped else "images"
        return f"with so few {units} or runs no true difference, however large, was likely to be found"
    return f"a true difference below {100 * pair.detectable:.1f} points could easily have been missed"
