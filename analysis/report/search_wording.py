"""The sentences about a study and its search, in plain text."""

from __future__ import annotations

from analysis.numbers import points, seconds
from analysis.report.summary import StudySummary
from analysis.search.accounts import Search
from analysis.search.delivery import Choice
from analysis.search.overtaking import Overtaking


def study_sentence(study: StudySummary) -> str:
    """What was compared on which images, and for how long each approach searched."""
    settings, data = study.records.settings, study.records.data
    opening = "The data have not been read yet."
    if data is not None:
        splits = f"train {data.train:,}, valid {data.valid:,}, test {data.test:,} images"
        opening = f"{data.source}: {len(data.classes)} classes; {splits}."
    times = f", {settings.replicates} times" if settings.replicates > 1 else ""
    each = f"{seconds(settings.budget.search_seconds)} of charged time each{times}"
    sentence = f"{opening} {len(settings.approaches)} approaches, {each}."
    return f"{sentence} {scope}" if (scope := scope_sentence(study)) else sentence


def scope_sentence(study: StudySummary) -> str | None:
    """Which other images the intervals speak of, where the test images are all of one day; else None."""
    data = study.records.data
    if data is None or data.test_days is None or len(data.test_days) != 1:
        return None
    return (
        f"All test images were taken on {data.test_days[0]}: the intervals speak of other images of that day, not of"
        " other days."
    )


def exhausted_sentences(study: StudySummary) -> list[str]:
    """Which approaches ran out of configurations, and why."""
    reasons = ((approach.name, approach.spending.exhausted) for approach in study.approaches)
    return [f"{name} ran out of configurations before its budget: {why}." for name, why in reasons if why]


def search_sentence(study: StudySummary) -> str:
    """How long the search took, and how much of the machine and of the budget was used."""
    search = study.search
    sentence = f"The search took {seconds(search.wall_seconds)} of wall time{slots_used(search)}"
    if search.utilisation is not None:
        sentence += f", {100 * search.utilisation:.0f} % of it charged"
    if search.charged_spread is not None:
        spread = f"{100 * search.charged_spread:.1f} % of the budget, those left out that ran out of configurations"
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
    interval = ""
    if choice.low_s is not None and choice.high_s is not None:
        interval = f" (interval {seconds(choice.low_s)} to {seconds(choice.high_s)})"
    sentence = f"The more accurate of {choice.a} and {choice.b} on the test split, {choice.better}, is to be had from"
    sentence += f" {seconds(choice.from_s)} on{interval}"
    if choice.until_then is None or choice.since_s is None:
        return f"{sentence}, before the other."
    return f"{sentence}; before that, from {seconds(choice.since_s)} on, there is {choice.until_then}."


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
    gaps = {a.name: a.gap for a in study.approaches if a.gap is not None}
    if not gaps:
        return None
    largest = max(gaps, key=lambda name: abs(gaps[name]))
    gap = gaps[largest]
    sentence = f"The largest gap between validation and test accuracy is {points(gap)} points ({largest})."
    if gap > 0.03:
        return (
            f"{sentence} Validation was optimistic: the search chose its incumbents on that split, or the test images"
            " differ from it (another day, another source). Only the test figures speak about new images."
        )
    if gap < -0.03:
        return f"{sentence} The test split was easier than the validation split, so the search may have been misled."
    return f"{sentence} That is small: validation accuracy was a fair guide to test accuracy here."
