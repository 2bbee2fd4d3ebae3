"""The sentences of a report, in plain text: what may be said, and no more.

"Not enough evidence" stands wherever neither a difference nor equivalence is shown; a large p-value is never called
"no difference".
"""

from __future__ import annotations

from analysis.report.comparison import Comparison, PairSummary, TestScores
from analysis.report.summary import ApproachSummary, StudySummary
from analysis.search.accounts import Search
from analysis.search.delivery import Choice
from analysis.search.overtaking import Overtaking
from analysis.statistics.crossed import ROUNDING
from analysis.statistics.losses import hard_decision_sentence, no_probabilities_sentence

MOST_CLASS_DIFFERENCES = 12  # to list in the page
FEWEST_MATCHED_SEEDS = 5  # with fewer, Holm's family-wise rate was above 6 % in simulation
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


def omnibus_sentence(compared: Comparison) -> str | None:
    """Whether the approaches differ at all; None with a single one."""
    found, alpha = compared.omnibus, compared.design.alpha
    if found is None:
        return None
    if found.note:
        return f"Are the approaches different at all? p = {p_value(found.p)}: {found.note}."
    p = f"F({found.df1:.1f}, {found.df2:.1f}) = {found.f:.2f}, {_p(found.p)}"
    said = "They are not all equally accurate" if found.p < alpha else "There is not enough evidence that they differ"
    q = f"Cochran's Q on the majority of each approach's {compared.design.unit}s, which leaves the seeds out,"
    return (
        f"Are the approaches different at all? {said} ({p}, {compared.design.unit}s and images crossed). {q}"
        f" gives Q = {found.q:.1f} on {found.q_df} df, {_p(found.q_p)}."
    )


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


def few_matched_seeds_sentence(compared: Comparison) -> str | None:
    """A warning where the correction over the pairs cannot be trusted; see benchmarks/README.md. Else None."""
    seeds = min(len(test.accuracy.per_seed) for test in compared.approaches)
    if not compared.design.matched or len(compared.pairs) < 2 or not 1 < seeds < FEWEST_MATCHED_SEEDS:
        return None
    return (
        f"{seeds} matched {compared.design.unit}s are too few for several pairs: in simulation, three let Holm's"
        f" corrected tests err in up to 13 % of studies in place of 5 %. Use at least {FEWEST_MATCHED_SEEDS}."
    )


def needed_sentence(compared: Comparison, pair: PairSummary) -> str | None:
    """What it would take to settle an open pair; None where it is settled or nothing can be said."""
    if pair.verdict != "undecided" or not pair.needed:
        return None
    units, unit = ("groups of images" if compared.grouped else "images"), f"{compared.design.unit}s"
    said = []
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
        said.append(f"a true difference of {what} takes {images}{seeds}")
    return f"To have an 80 % chance to find it, {'; '.join(said)}."


def overtaking_sentence(found: Overtaking) -> str | None:
    """From which budget on one approach leads another; None where neither has found anything."""
    if found.leader is None or found.from_s is None:
        level = f"At the full budget {found.a} and {found.b} are expected to have found equally good configurations."
        return level if found.outcome == "level" else None
    other = found.b if found.leader == found.a else found.a
    if found.outcome == "ahead_throughout":
        return f"{found.leader} is expected to be ahead of {other} at every budget up to the full one."
    low = "the start" if found.low_s is None else seconds(found.low_s)
    high = "beyond the budget" if found.high_s is None else seconds(found.high_s)
    times = f"; the lead changes {found.crossings} times, and this is the last" if found.crossings > 1 else ""
    return (
        f"{found.leader} is expected to overtake {other} at {seconds(found.from_s)} of charged time"
        f" (most orders of the trials: {low} to {high}{times})."
    )


def attribution_sentences(study: StudySummary) -> list[str]:
    """How much of the spread of validation accuracy is the approach, how much the learning rate and the rest."""
    found, alpha = study.attribution, study.records.settings.significance.alpha
    said = []
    if found.parts:
        parts = ", ".join(f"{part.name} {100 * part.share:.0f} %" for part in found.parts)
        said.append(f"Of the variance of the trials' validation accuracy: {parts}.")
    if found.omega2 is not None and found.low is not None and found.high is not None:
        said.append(
            f"The share of the approach has the {100 * (1 - alpha):g} % interval {100 * found.low:.0f} to"
            f" {100 * found.high:.0f} % (bootstrap over trials)."
        )
    if found.note:
        said.append(f"{found.note[0].upper()}{found.note[1:]}.")
    return said


def choice_sentence(choice: Choice) -> str | None:
    """Which of two approaches to run for a given budget; None where they are equally accurate."""
    if choice.better is None or choice.from_s is None:
        return None
    interval = ""
    if choice.low_s is not None and choice.high_s is not None:
        interval = f" (interval {seconds(choice.low_s)} to {seconds(choice.high_s)})"
    said = f"The more accurate of {choice.a} and {choice.b} on the test split, {choice.better}, is to be had from"
    said += f" {seconds(choice.from_s)} on{interval}"
    if choice.until_then is None or choice.since_s is None:
        return f"{said}, before the other."
    return f"{said}; before that, from {seconds(choice.since_s)} on, there is {choice.until_then}."


def small_classes_clause(compared: Comparison) -> str:
    """What the balanced accuracy suffers from where classes have a single test image."""
    single = sum(count == 1 for count in compared.counts)
    if not single:
        return ""
    classes = "one of which has a single test image" if single == 1 else f"{single} of which have a single test image"
    return f", {classes} and so no visible variance: its interval is too narrow"


def hard_decision_sentences(compared: Comparison) -> list[str]:
    """Why one-hot losses look bad, for the approaches that decide without probabilities of their own."""
    C = len(compared.classes)
    without = [test for test in compared.ranked if test.probabilities in ("none", "calibrated_on_validation")]
    said = [hard_decision_sentence(test.name, test.accuracy.estimate, C) for test in without]
    return said + [no_probabilities_sentence(test.name) for test in without if test.losses is None]


def class_sentences(compared: Comparison) -> list[str]:
    """On which classes approaches differ, after correction for all classes and pairs."""
    tested, alpha = compared.class_differences, compared.design.alpha
    if not tested:
        return []
    found = sorted((it for it in tested if it.p_fdr < alpha), key=lambda it: it.p_fdr)
    opening = f"Of {len(tested)} differences (all pairs, classes with two or more test images), {len(found)}"
    said = [f"{opening} {'is' if len(found) == 1 else 'are'} found at a false-discovery rate of {100 * alpha:g} %."]
    for it in found[:MOST_CLASS_DIFFERENCES]:
        d = it.difference
        winner, loser = (d.a, d.b) if d.difference > 0 else (d.b, d.a)
        by = points(abs(d.difference)).lstrip("+")
        said.append(f"{compared.classes[it.label]}: {winner} is {by} points better than {loser} ({_p(it.p_fdr)}).")
    left_out = len(found) - MOST_CLASS_DIFFERENCES
    return [*said, f"{left_out} more are in report.json."] if left_out > 0 else said


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


def mcnemar_range(pair: PairSummary) -> str:
    """The smallest and the largest mid-p of two single runs, as in `0.034 to 0.210`."""
    p = [runs.test.p_mid for runs in pair.seeds]
    return f"{p_value(min(p))} to {p_value(max(p))}"


def mcnemar_below(compared: Comparison, pair: PairSummary) -> str:
    """For how many pairs of runs that mid-p is below the level, as in `2 of 5`."""
    below = sum(runs.test.p_mid < compared.design.alpha for runs in pair.seeds)
    return f"{below} of {len(pair.seeds)}"


def superiority_interval(pair: PairSummary) -> str:
    """The bootstrap interval of P(A > B), or a dash where single runs leave none."""
    found = pair.superiority
    return "–" if found.low is None else f"{number(found.low, 2)} to {number(found.high, 2)}"


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


def slots_used(search: Search) -> str:
    """` on 2 slots`; the average where the cluster grew or shrank; nothing before the search."""
    if search.slots is None:
        return ""
    if search.mean_slots is None or round(search.mean_slots, 1) == search.slots:
        return f" on {search.slots} slot{'s' if search.slots != 1 else ''}"
    return f" on {search.mean_slots:.1f} slots on average"


def level(compared: Comparison) -> str:
    """The confidence level of the intervals, as in `95 %`."""
    return f"{100 * (1 - compared.design.alpha):g} %"


def _leader(compared: Comparison, study: StudySummary | None) -> str:
    best, *others = compared.ranked
    opening = best.name
    if study is not None:
        account = next(a.account for a in study.approaches if a.name == best.name)
        opening = f"Given {seconds(account.budget_s)} of charged search time for each approach, {best.name}"
    if not others:
        said = f"{opening} is the only approach with test results"
    elif all(compared.pair(best.name, other.name)[0].verdict in ("a_better", "b_better") for other in others):
        said = f"{opening} won"
    else:
        said = f"{opening} has the highest test accuracy, but it is not shown to be better than every other"
    return f"{said}: {_accuracy(compared, best)}."


def _accuracy(compared: Comparison, test: TestScores) -> str:
    e, unit = test.accuracy, compared.design.unit
    runs = len(e.per_seed)
    groups = f" in {compared.units:,} groups" if compared.grouped else ""
    return (
        f"accuracy {number(e.estimate)} ({level(compared)} interval {number(e.low)} to {number(e.high)},"
        f" {compared.images:,} test images{groups}, {runs} {unit}{'s' if runs != 1 else ''})"
    )


def _against(compared: Comparison, best: TestScores, other: TestScores) -> str:
    pair, sign = compared.pair(best.name, other.name)
    d = pair.difference
    low, high = sorted((sign * d.low, sign * d.high))
    interval = f"{level(compared)} interval {points(low)} to {points(high)}, " if d.se else ""
    figures = f"{interval}Holm-corrected {_p(pair.p_holm)}"
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


def _p(p: float) -> str:
    return f"p {p_value(p)}" if p < 0.001 else f"p = {p_value(p)}"


def _ran_out(approach: ApproachSummary) -> bool:
    return approach.account.exhausted is not None
