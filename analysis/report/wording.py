"""The sentences of a report, in plain text: what may be said, and no more.

"Not enough evidence" stands wherever neither a difference nor equivalence is shown; a large p-value is never called
"no difference".
"""

from __future__ import annotations

from math import e, log

from analysis.numbers import level, number, p_clause, p_value, points, seconds
from analysis.report.comparison import Comparison, PairSummary, TestScores
from analysis.report.summary import ApproachSummary, StudySummary
from analysis.statistics.crossed import ROUNDING
from analysis.statistics.losses import CLIP, one_hot_losses
from analysis.statistics.paired import Difference
from analysis.statistics.power import POWER

MOST_CLASS_DIFFERENCES = 12  # to list in the page
VERDICTS = {
    "a_better": "{a} is better",
    "b_better": "{b} is better",
    "equivalent": "equivalent within the margin",
    "undecided": "not enough evidence",
}


def verdict_sentence(compared: Comparison | None, study: StudySummary | None = None) -> str:
    """The answer in one paragraph that can be quoted: who won, by how much, how sure that is.

    Plain text, without a line break, in every state of a study: no final run yet, a single approach, a tie.

    Args:
        compared: what the test predictions say; None before the first final run.
        study: the study they belong to; None for a bare table of predictions.
    """
    if compared is None:
        return "No final run has been evaluated, so nothing can be said about test accuracy yet."
    best, *others = compared.ranked
    sentences = [_leader(compared, study), *(_against(compared, best, other) for other in others)]
    if study is not None:
        sentences += [f"{a.name} has no test result: {a.problem}." for a in study.approaches if a.problem]
        sentences += [f"{a.name} ran out of configurations before its budget." for a in study.approaches if _ran_out(a)]
    return " ".join(sentences)


def predictions_sentence(compared: Comparison) -> str:
    """What a bare table of predictions holds."""
    approaches = f"{len(compared.approaches)} approach{'es' if len(compared.approaches) != 1 else ''}"
    return f"Predictions of {approaches} on {compared.images:,} images of {len(compared.classes)} classes."


def omnibus_sentence(compared: Comparison) -> str | None:
    """Whether the approaches differ at all; None with a single one."""
    found, alpha = compared.omnibus, compared.design.alpha
    if found is None:
        return None
    if found.note:
        return f"Are the approaches different at all? p = {p_value(found.p)}: {found.note}."
    p = f"F({found.df1:.1f}, {found.df2:.1f}) = {found.f:.2f}, {p_clause(found.p)}"
    answer = "They are not all equally accurate" if found.p < alpha else "There is not enough evidence that they differ"
    q = f"Cochran's Q on the majority of each approach's {compared.design.unit}s, which leaves the seeds out,"
    return (
        f"Are the approaches different at all? {answer} ({p}, {compared.design.unit}s and images crossed). {q}"
        f" gives Q = {found.q:.1f} on {found.q_df} df, {p_clause(found.q_p)}."
    )


def pair_name(difference: Difference) -> str:
    """What a difference is of, as in `fine_tune − better_cnn`."""
    return f"{difference.a} − {difference.b}"


def pair_verdict(pair: PairSummary) -> str:
    """The verdict of one pair in a few words."""
    return VERDICTS[pair.verdict].format(a=pair.difference.a, b=pair.difference.b)


def variance_sentence(pair: PairSummary) -> str:
    """Where the uncertainty of one difference comes from."""
    d = pair.difference
    if d.se == 0:
        return "no variance could be estimated"
    c = d.components
    parts = (c.image, c.seed_a, c.seed_b, c.seed_a + c.seed_b + c.matched)
    image, seed_a, seed_b, seeds = (f"{100 * part / d.se**2:.0f} %" for part in parts)
    if d.matched:
        return f"{image} of the variance comes from the images, {seeds} from the seeds, which are matched"
    return (
        f"{image} of the variance comes from the images, {seed_a} from the seeds of {d.a}, {seed_b} from those of {d.b}"
    )


def pair_sentences(compared: Comparison) -> list[str]:
    """For each pair, where its uncertainty comes from and what its test leaves out."""
    noted = ((pair, pair.difference.note) for pair in compared.pairs)
    return [
        f"{pair_name(pair.difference)}: {variance_sentence(pair)}.{f' Note: {note}.' if note else ''}"
        for pair, note in noted
    ]


def detectable_sentence(compared: Comparison) -> str:
    """What the columns of the table of differences mean, and what they do not."""
    return (
        f"Detectable: the smallest true difference that this study had an {100 * POWER:.0f} % chance to find. A p-value"
        f" above {compared.design.alpha} says that the evidence is not enough, never that there is no difference;"
        " “equivalent” is said only where the data exclude a difference of the margin or more."
    )


def needed_sentence(compared: Comparison, pair: PairSummary) -> str | None:
    """What it would take to settle an open pair; None where it is settled or nothing can be said."""
    if pair.verdict != "undecided" or not pair.needed:
        return None
    units, unit = ("groups of images" if compared.grouped else "images"), f"{compared.design.unit}s"
    ways = []
    for need in pair.needed:
        same = abs(need.effect - abs(pair.difference.difference)) < ROUNDING
        what = f"{100 * need.effect:.1f} points{', as seen here,' if same else ', the margin,'}"
        images = (
            f"{need.units:,} test {units} at these {unit}" if need.units else f"no number of {units} at these {unit}"
        )
        if need.seeds:
            seeds = f", or {need.seeds:,} {unit} at these {units}"
        else:
            seeds = f", and no number of {unit} at these {units}" if any(s.df for s in pair.difference.seeds) else ""
        ways.append(f"a true difference of {what} takes {images}{seeds}")
    return f"To have an 80 % chance to find it, {'; '.join(ways)}."


def settling_sentences(compared: Comparison) -> list[str]:
    """For each open pair, what it would take to settle it."""
    nothing = "no variance could be estimated, so nothing can be planned."
    return [
        f"{pair_name(pair.difference)}: {needed_sentence(compared, pair) or nothing}"
        for pair in compared.pairs
        if pair.verdict == "undecided"
    ]


def class_sentences(compared: Comparison) -> list[str]:
    """On which classes approaches differ, after correction for all classes and pairs."""
    tested, alpha = compared.class_differences, compared.design.alpha
    if not tested:
        return []
    found = sorted((one for one in tested if one.p_fdr < alpha), key=lambda one: one.p_fdr)
    opening = f"Of {len(tested)} differences (all pairs, classes with two or more test images), {len(found)}"
    sentences = [
        f"{opening} {'is' if len(found) == 1 else 'are'} found at a false-discovery rate of {100 * alpha:g} %."
    ]
    for one in found[:MOST_CLASS_DIFFERENCES]:
        d = one.difference
        winner, loser = (d.a, d.b) if d.difference > 0 else (d.b, d.a)
        by = points(abs(d.difference)).lstrip("+")
        where, p = compared.classes[one.label], p_clause(one.p_fdr)
        sentences.append(f"{where}: {winner} is {by} points better than {loser} ({p}).")
    left_out = len(found) - MOST_CLASS_DIFFERENCES
    return [*sentences, f"{left_out} more are in report.json."] if left_out > 0 else sentences


def hard_decision_sentence(name: str, accuracy: float, classes: int) -> str:
    """Why a one-hot loss looks bad, and what it is made of."""
    as_logits, clipped = one_hot_losses(accuracy, classes)
    return (
        f"A hard decision claims certainty, so every error of {name} costs the maximum, however close the call, and the"
        f" loss depends on its accuracy and on the convention alone: at accuracy {accuracy:.3f} with {classes} classes"
        f" it is {as_logits:.3f} where one-hot vectors are read as logits (ln(e + {classes - 1}) − accuracy, so"
        f" {log(e + classes - 1) - 1:.3f} without a single error), and {clipped:.3f} where they are clipped at"
        f" {CLIP}. Neither says how good its probabilities are."
    )


def no_probabilities_sentence(name: str) -> str:
    """What follows where an approach only decides."""
    return (
        f"{name} gives no probabilities, so it has no log-loss, no Brier score and no calibration; its decisions are"
        " scored by named conventions instead."
    )


def _leader(compared: Comparison, study: StudySummary | None) -> str:
    best, *others = compared.ranked
    opening = best.name
    if study is not None:
        spent = next(a.spending for a in study.approaches if a.name == best.name)
        opening = f"Given {seconds(spent.budget_s)} of charged search time for each approach, {best.name}"
    if not others:
        standing = f"{opening} is the only approach with test results"
    elif all(compared.pair(best.name, other.name)[0].verdict in ("a_better", "b_better") for other in others):
        standing = f"{opening} won"
    else:
        standing = f"{opening} has the highest test accuracy, but it is not shown to be better than every other"
    return f"{standing}: {_accuracy(compared, best)}."


def _accuracy(compared: Comparison, test: TestScores) -> str:
    e, unit = test.accuracy, compared.design.unit
    runs = len(e.per_seed)
    groups = f" in {compared.units:,} groups" if compared.grouped else ""
    return (
        f"accuracy {number(e.estimate)} ({level(compared.design.alpha)} interval {number(e.low)} to {number(e.high)},"
        f" {compared.images:,} test images{groups}, {runs} {unit}{'s' if runs != 1 else ''})"
    )


def _against(compared: Comparison, best: TestScores, other: TestScores) -> str:
    pair, sign = compared.pair(best.name, other.name)
    d = pair.difference
    low, high = sorted((sign * pair.interval.low, sign * pair.interval.high))
    ends = f"{points(low)} to {points(high)}"
    if pair.interval.ends_at_zero:
        ends = f"above 0 to {points(high)}" if low > 0 else f"{points(low)} to below 0"
    interval = f"{level(compared.design.alpha)} interval {ends}, " if d.se else ""
    figures = f"{interval}{'corrected ' if len(compared.pairs) > 1 else ''}{p_clause(pair.p_adjusted)}"
    by = f"{points(sign * d.difference)} points"
    if pair.verdict in ("a_better", "b_better"):
        return f"It beats {other.name} by {by.lstrip('+')} ({figures}): the difference is significant."
    if pair.verdict == "equivalent":
        return f"It and {other.name} are equivalent within {_margin(compared)} ({by}, {figures})."
    if pair.detectable is None:
        missed = "it is the same on every test image, and there are too few of them to settle the question"
    else:
        missed = f"a true one below {100 * pair.detectable:.1f} points could easily have been missed"
    return (
        f"There is not enough evidence that it differs from {other.name} ({by}, {figures}): the difference is not"
        f" significant, and {missed}."
    )


def _margin(compared: Comparison) -> str:
    points = 100 * compared.design.margin
    return f"{points:g} point{'s' if points != 1 else ''}"


def _ran_out(approach: ApproachSummary) -> bool:
    return approach.spending.exhausted is not None
