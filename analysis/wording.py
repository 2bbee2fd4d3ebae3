"""The sentences of a report, in plain text: what may be said, and no more.

"Not enough evidence" stands wherever neither a difference nor equivalence is shown; a large p-value is never called
"no difference".
"""

from __future__ import annotations

from analysis.summary import ApproachSummary, PairSummary, StudySummary, TestScores

VERDICTS = {
    "a_better": "{a} is better",
    "b_better": "{b} is better",
    "equivalent": "equivalent within the margin",
    "undecided": "not enough evidence",
}


def verdict_sentence(study: StudySummary) -> str:
    """The answer of a study in one paragraph that can be quoted: who won, by how much, how sure that is.

    Plain text, without a line break, in every state of a study: no final run yet, a single approach, a tie.
    """
    ranked = study.ranked
    if not ranked:
        return "No final run has been evaluated, so nothing can be said about test accuracy yet."
    sentences = [_leader(study, ranked[0])]
    sentences += [_against(study, ranked[0], other) for other in ranked[1:]]
    sentences += [f"{a.name} has no test result: {a.problem}." for a in study.approaches if a.problem]
    sentences += [f"{a.name} ran out of configurations before its budget." for a in study.approaches if _ran_out(a)]
    return " ".join(sentences)


def pair_verdict(pair: PairSummary) -> str:
    """The verdict of one pair in a few words."""
    return VERDICTS[pair.verdict].format(a=pair.difference.a, b=pair.difference.b)


def variance_sentence(pair: PairSummary) -> str:
    """Where the uncertainty of one difference comes from."""
    d = pair.difference
    if d.se == 0:
        return "no variance could be estimated"
    parts = (d.components.image, d.components.seed_a, d.components.seed_b)
    image, seed_a, seed_b = (f"{100 * part / d.se**2:.0f} %" for part in parts)
    return (
        f"{image} of the variance comes from the images, {seed_a} from the seeds of {d.a}, {seed_b} from those of {d.b}"
    )


def gap_sentence(study: StudySummary) -> str | None:
    """What the distance between validation and test accuracy means, or None without test results."""
    gaps = {a.name: a.gap for a in study.approaches if a.gap is not None}
    if not gaps:
        return None
    largest = max(gaps, key=lambda name: abs(gaps[name]))
    gap = gaps[largest]
    said = f"The largest gap between validation and test accuracy is {points(gap)} points ({largest})."
    if gap > 0.03:
        return (
            f"{said} Validation was optimistic: the search chose its incumbents on that split, or the test images"
            " differ from it (another day, another source). Only the test figures speak about new images."
        )
    if gap < -0.03:
        return f"{said} The test split was easier than the validation split, so the search may have been misled."
    return f"{said} That is small: validation accuracy was a fair guide to test accuracy here."


def number(value: float | None, digits: int = 3) -> str:
    """A rounded number, or a dash."""
    return "–" if value is None else f"{value:.{digits}f}"


def signed(value: float) -> str:
    """A difference with its sign."""
    return f"{value:+.3f}".replace("-", "−")


def points(value: float) -> str:
    """An accuracy difference in percentage points, signed."""
    return f"{100 * value:+.1f}".replace("-", "−")


def p_value(p: float) -> str:
    """`0.034` or `< 0.001`."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def seconds(value: float) -> str:
    """Seconds as a person would say them."""
    if value < 120:
        return f"{value:.1f} s"
    return f"{value / 60:.1f} min" if value < 7200 else f"{value / 3600:.1f} h"


def level(study: StudySummary) -> str:
    """The confidence level of the intervals, as in `95 %`."""
    return f"{100 * (1 - study.records.settings.significance.alpha):g} %"


def _leader(study: StudySummary, best: ApproachSummary) -> str:
    test, others = best.test, study.ranked[1:]
    verdicts = [_wins(study, best, other) for other in others]
    time = f"Given {seconds(best.account.budget_s)} of charged search time for each approach,"
    if not others:
        opening = f"{time} {best.name} is the only approach with test results"
    elif all(verdicts):
        opening = f"{time} {best.name} won"
    else:
        opening = f"{time} {best.name} has the highest test accuracy, but it is not shown to be better than every other"
    return f"{opening}: {_accuracy(study, test)}." if test else f"{opening}."


def _accuracy(study: StudySummary, test: TestScores) -> str:
    e, data = test.accuracy, study.records.data
    runs = len(e.per_seed)
    unit = "replicate" if study.records.settings.replicates > 1 else "seed"
    images = f"{data.test:,} test images" if data else "the test images"
    return (
        f"accuracy {number(e.estimate)} ({level(study)} interval {number(e.low)} to {number(e.high)},"
        f" {images}, {runs} {unit}{'s' if runs != 1 else ''})"
    )


def _against(study: StudySummary, best: ApproachSummary, other: ApproachSummary) -> str:
    pair, sign = _pair(study, best, other)
    d, margin = pair.difference, study.records.settings.significance.margin
    low, high = sorted((sign * d.low, sign * d.high))
    equals = " " if pair.p_holm < 0.001 else " = "
    interval = f"{level(study)} interval {points(low)} to {points(high)}, " if d.se else ""
    figures = f"{interval}Holm-corrected p{equals}{p_value(pair.p_holm)}"
    by = f"{points(sign * d.difference)} points"
    if pair.verdict in ("a_better", "b_better"):
        return f"It beats {other.name} by {by.lstrip('+')} ({figures}): the difference is significant."
    if pair.verdict == "equivalent":
        return f"It and {other.name} are equivalent within {100 * margin:g} points ({by}, {figures})."
    if pair.detectable is None:
        missed = "it is the same on every test image, and there are too few of them to settle the question"
    else:
        missed = f"a true one below {100 * pair.detectable:.1f} points could easily have been missed"
    return (
        f"There is not enough evidence that it differs from {other.name} ({by}, {figures}): the difference is not"
        f" significant, and {missed}."
    )


def _wins(study: StudySummary, best: ApproachSummary, other: ApproachSummary) -> bool:
    return _pair(study, best, other)[0].verdict in ("a_better", "b_better")


def _pair(study: StudySummary, one: ApproachSummary, other: ApproachSummary) -> tuple[PairSummary, int]:
    """The pair of the two, and 1 or -1 to see its difference as `one` minus `other`."""
    for pair in study.pairs:
        if (pair.difference.a, pair.difference.b) == (one.name, other.name):
            return pair, 1
        if (pair.difference.a, pair.difference.b) == (other.name, one.name):
            return pair, -1
    raise LookupError(f"no pair of {one.name} and {other.name}")


def _ran_out(approach: ApproachSummary) -> bool:
    return approach.account.exhausted is not None
