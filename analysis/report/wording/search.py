"""The sentences about a study and its search, in plain text."""

from __future__ import annotations

from analysis.numbers import counted, in_words, level, points, points_interval, seconds
from analysis.report.summary import ApproachSummary, StudySummary
from analysis.search.accounts import Search
from analysis.search.delivery import Choice
from analysis.search.overtaking import Overtaking

SMALL_GAP = 0.03  # between validation and test accuracy; no decision rests on it


def study_sentence(study: StudySummary) -> str:
    """What was compared on which images, and for how long each approach searched."""
    settings, data = study.records.settings, study.records.data
    opening = "The data have not been read yet."
    if data is not None:
        splits = f"train {data.train:,}, valid {data.valid:,}, test {data.test:,} images"
        opening = f"{data.source}: {len(data.classes)} classes; {splits}."
    approaches = counted(len(settings.approaches), "approach", "approaches")
    one, R = settings.budget.search_seconds, settings.replicates
    if R == 1:
        return f"{opening} {approaches}, one search each of {seconds(one)} of charged time."
    total = f"{seconds(one * R)} in all for each approach"
    return f"{opening} {approaches}, {in_words(R)} searches each of {seconds(one)} of charged time: {total}."


def reads_sentence(study: StudySummary) -> str:
    """How often the test split has been read."""
    looks = f", and its results looked at {counted(len(study.looks), 'time')}" if len(study.looks) > 1 else ""
    return f"The test split has been read {counted(study.test_reads, 'time')}, once for each final run{looks}."


def ended_early(approach: ApproachSummary) -> str | None:
    """Why an approach did not spend its budget, in words that follow its name; None where it did."""
    reasons = filter(None, (approach.spending.exhausted or "").split("; "))
    return ", and ".join(map(_ending, reasons)) or None


def _ending(reason: str) -> str:
    """`reason` as the search recorded it: a limit of the study file, an empty space, or a row of failures."""
    if reason.startswith("max_trials"):
        return f"reached {reason.replace(': ', ' (')}{')' if ':' in reason else ''} before its budget was spent"
    if "failed" in reason:
        return f"was stopped before its budget was spent: {reason}"
    return f"ran out of configurations before its budget was spent: {reason}"


def exhausted_sentences(study: StudySummary) -> list[str]:
    """Which approaches did not spend their budget, and why."""
    return [f"{approach.name} {why}." for approach in study.approaches if (why := ended_early(approach))]


def search_sentence(study: StudySummary) -> str:
    """How long the search took, and how much of the machine and of the budget was used."""
    search = study.search
    sentence = f"The search took {seconds(search.wall_seconds)} of wall time{slots_used(search)}"
    if search.utilisation is not None:
        sentence += f", {100 * search.utilisation:.0f} % of it charged"
    if search.charged_spread is not None:
        spread = f"{100 * search.charged_spread:.1f} % of the budget, those left out that ended before it"
        sentence += f"; the approaches' charged time differs by {spread}"
    return f"{sentence}."


def overtaking_sentences(study: StudySummary) -> list[str]:
    """From which budget on one approach is expected to lead another, pair by pair."""
    return [sentence for found in study.best_of_budget.overtakings if (sentence := overtaking_sentence(found))]


def choice_sentences(study: StudySummary) -> list[str]:
    """From which budget on the more accurate approach is to be had, pair by pair."""
    return [sentence for found in study.choices if (sentence := choice_sentence(found))]


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


def choice_sentence(choice: Choice) -> str | None:
    """Which of two approaches to run for a given budget; None where they are equally accurate."""
    if choice.better is None or choice.from_s is None:
        return None
    other = choice.b if choice.better == choice.a else choice.a
    known = [choice.note] if choice.note else []
    if choice.low_s is not None and choice.high_s is not None:
        known.insert(0, f"interval {seconds(choice.low_s)} to {seconds(choice.high_s)}")
    sentence = f"{choice.better}, more accurate than {other} on the test split, is to be had from"
    sentence += f" {seconds(choice.from_s)} on"
    if known:
        sentence += f" ({'; '.join(known)})"
    if choice.until_then is None or choice.since_s is None:
        return f"{sentence}, before the other."
    return f"{sentence}. Before that, from {seconds(choice.since_s)} on, there is {choice.until_then}."


def attribution_sentences(study: StudySummary) -> list[str]:
    """How much of the spread of validation accuracy is the approach, how much the learning rate and the rest."""
    found, alpha = study.attribution, study.records.settings.significance.alpha
    sentences = []
    if found.parts:
        parts = ", ".join(f"{part.name} {100 * part.share:.0f} %" for part in found.parts)
        sentences.append(f"Of the variance of the trials' validation accuracy: {parts}.")
    if found.omega2 is not None and found.low is not None and found.high is not None:
        sentences.append(
            f"The share of the approach has the {100 * (1 - alpha):g} % interval {100 * found.low:.0f} to"
            f" {100 * found.high:.0f} % (bootstrap over trials)."
        )
    if found.note:
        sentences.append(f"{found.note[0].upper()}{found.note[1:]}.")
    return sentences


def slots_used(search: Search) -> str:
    """` on 2 slots`; the average where the cluster grew or shrank; nothing before the search."""
    if search.slots is None:
        return ""
    if search.mean_slots is None or round(search.mean_slots, 1) == search.slots:
        return f" on {search.slots} slot{'s' if search.slots != 1 else ''}"
    return f" on {search.mean_slots:.1f} slots on average"


def gap_sentence(study: StudySummary) -> str | None:
    """What the distance between validation and test accuracy means, or None without test results."""
    gaps = [(a.name, a.gap_test) for a in study.approaches if a.gap_test is not None]
    if not gaps:
        return None
    name, found = max(gaps, key=lambda named: abs(named[1].difference))
    interval = f"{level(found.alpha)} interval {points_interval(found.low, found.high)}"
    figures = f"{points(found.difference)} points ({name}, {interval})"
    sentence = f"The largest gap between validation and test accuracy is {figures}."
    if found.low > 0:
        return (
            f"{sentence} Validation was optimistic: the search chose its incumbents on that split, or the test images"
            " differ from it (another day, another source). Only the test figures speak about new images."
        )
    if found.high < 0:
        return f"{sentence} The test split was easier than the validation split, so the search may have been misled."
    if max(-found.low, found.high) <= SMALL_GAP:
        return f"{sentence} That is small: validation accuracy was a fair guide to test accuracy here."
    return f"{sentence} With so few images that may be chance: it shows neither a large gap nor that there is none."
