"""What cannot stand in the records of trials: see complaints.py, which asks."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from analysis.records.files import number_of
from analysis.records.parsing import RESTORE
from analysis.records.schema import FeatureCost, StudySettings, TrialEvent
from analysis.records.trials import feature_charges

Complaint = tuple[str, str]
"""The name of a file, and what is wrong with it."""
History = Sequence[tuple[str, TrialEvent]]
"""The records of one trial in order, each with the name of its file."""
OTHER_STUDY = "a record of another study, or another study.yaml; restore what belongs here"
ROUNDING_S = 1e-6
MEASURED = ("cpu_s", "waited_s")  # differences of two clocks, which may fall below zero by a hair
SECONDS = ("allowance_s", "charged_s", "overshoot_s", "uncharged_s", "lost_s", "best_at_s", *MEASURED)
ACCURACIES = ("valid_accuracy", "best_accuracy", "test_accuracy")
IDENTITY = ("approach", "phase", "replicate", "index", "seed")


def trial_complaints(
    events: Mapping[str, TrialEvent],
    settings: StudySettings,
    features: Sequence[FeatureCost],
) -> Iterator[Complaint]:
    """What cannot be in the records of trials; `events` by the names of their files, those of a trial in order."""
    trials: dict[str, list[tuple[str, TrialEvent]]] = defaultdict(list)
    for name, event in events.items():
        trials[name.split("/")[1]].append((name, event))
    for folder, history in trials.items():
        yield from _order_complaints(folder, history)
        yield from _identity_complaints(history, settings)
        yield from _number_complaints(history)
    yield from _set_complaints(trials, settings, features)


def _order_complaints(folder: str, history: History) -> Iterator[Complaint]:
    """The events of one trial are all there, each once, and are what their names say."""
    for number, (name, event) in enumerate(history):
        found = f"records/{event.trial}/{event.order:04d}-{event.event}.json"
        if number_of(name) != number:
            yield name, f"record {number} of its trial is missing before it, or there twice; {RESTORE}"
        elif found != name:
            yield name, f"holds {event.order}-{event.event} of {event.trial:.60}, not what its name says; {RESTORE}"
        elif (event.event == "started") != (number == 0):
            yield name, f"a trial starts once, with its first record, but this is number {number}; {RESTORE}"


def _identity_complaints(history: History, settings: StudySettings) -> Iterator[Complaint]:
    """One trial is of one approach of this study, and started with all that its search varies."""
    first_name, first = history[0]
    if first.approach not in settings.approaches:
        yield first_name, f"of the approach {first.approach!r:.40}, which study.yaml does not have: {OTHER_STUDY}"
        return
    if first.replicate >= settings.replicates:
        yield first_name, f"of replicate {first.replicate}, and study.yaml has {settings.replicates}: {OTHER_STUDY}"
    if not _called_so(first):
        yield first_name, f"{first.trial:.60} is not what trial {first.index} of its search is called; {RESTORE}"
    for name, event in history:
        if other := next((field for field in IDENTITY if getattr(event, field) != getattr(first, field)), None):
            yield name, f"its {other} differs from that of its trial's first record; {RESTORE}"
    if lacking := varied(settings.approaches[first.approach]) - (first.params or {}).keys():
        yield first_name, f"lacks the hyperparameter {min(lacking)!r:.60}, which the search varies; {RESTORE}"


def _number_complaints(history: History) -> Iterator[Complaint]:
    """Seconds and accuracies that somebody can have measured. Times may fall: clocks are set back, or differ."""
    allowance_s = history[0][1].allowance_s
    for name, event in history:
        for field in SECONDS:
            seconds = getattr(event, field)
            if seconds is not None and seconds < (-1.0 if field in MEASURED else 0.0):
                yield name, f"{field} is {seconds:g}, and seconds are not negative; {RESTORE}"
        if event.charged_s > allowance_s * (1 + ROUNDING_S) + ROUNDING_S:
            yield name, f"charged {event.charged_s:g} s of an allowance of {allowance_s:g} s; {RESTORE}"
        for field in ACCURACIES:
            accuracy = getattr(event, field)
            if accuracy is not None and not 0 <= accuracy <= 1:
                yield name, f"{field} is {accuracy:g}, and an accuracy lies in [0, 1]; {RESTORE}"
        if event.time <= 0:
            yield name, f"its time is {event.time:.0f}, before the study began; {RESTORE}"


def _set_complaints(
    trials: Mapping[str, History], settings: StudySettings, features: Sequence[FeatureCost]
) -> Iterator[Complaint]:
    """The trials of each search are all there, and were charged no more than it may charge."""
    searches: dict[tuple[str, int], list[tuple[str, TrialEvent, TrialEvent]]] = defaultdict(list)
    finals: set[tuple[str, int]] = set()
    for history in trials.values():
        (name, first), (_, last) = history[0], history[-1]
        if first.phase == "search":
            searches[first.approach, first.replicate].append((name, first, last))
        elif (first.approach, first.index) in finals:
            yield name, f"a second final run {first.index} of {first.approach:.60}; {RESTORE}"
        else:
            finals.add((first.approach, first.index))
    budget_s = settings.budget.search_seconds
    for (approach, replicate), found in searches.items():
        charged_s = feature_charges(features, settings.feature_cost, replicate).get(approach, 0.0)
        for number, (name, first, last) in enumerate(sorted(found, key=lambda trial: trial[1].index)):
            charged_s += last.charged_s
            if first.index != number:
                yield name, f"trial {number} of its search is missing before it; {RESTORE}"
                break
            if charged_s > budget_s * (1 + ROUNDING_S) + ROUNDING_S:
                yield name, f"with it {approach:.60} was charged {charged_s:.6g} s of {budget_s:g} s; {RESTORE}"
                break


def varied(approach: Mapping[str, object]) -> set[str]:
    """The hyperparameters that the search of an approach varies: in a study file, those that are not constants."""
    space = approach.get("space")
    return (
        {str(name) for name, given in space.items() if isinstance(given, Mapping)} if isinstance(space, dict) else set()
    )


def _called_so(first: TrialEvent) -> bool:
    """Whether a trial has the name that the program gives it: see study/search/turns.py and finals.py."""
    search = f"{first.approach}-r{first.replicate}-"
    if first.phase == "search":
        return first.trial == f"{search}{first.index:04d}"
    return re.fullmatch(re.escape(search) + r"seed\d{1,9}(-\d{1,9})?", first.trial) is not None
