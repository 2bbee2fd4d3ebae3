"""What cannot stand in a study's records, whatever happened while it ran: found before anything rests on them.

A killed driver leaves trials without an end, a full disk a torn last record, a clock that is set back times that fall.
A record that is missing in the middle, a copy of one, a trial of another study or seconds that nobody can have worked
are no trace of a fault that a study survives: somebody has changed the files since.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from analysis.records.damage import sums
from analysis.records.damage.trials import OTHER_STUDY, Complaint, trial_complaints
from analysis.records.files import NOT_OURS, is_own, number_of
from analysis.records.parsing import RESTORE
from analysis.records.schema import DataInfo, FeatureCost, LookEvent, PhaseEvent, StudySettings, TrialEvent
from analysis.records.trials import uses_features


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """What a study's files say, by their names, numbered ones in order.

    Attributes:
        predicted: names of the files of predictions.
        look_digests: what the name of each look must hold.
        digests: SHA-256 of the files that were read.
        known: of those that the last report read (see sums.py).
    """

    settings: StudySettings
    data: DataInfo | None
    events: Mapping[str, TrialEvent]
    phases: Mapping[str, PhaseEvent]
    features: Mapping[str, FeatureCost]
    looks: Mapping[str, LookEvent]
    predicted: tuple[str, ...]
    look_digests: Mapping[str, str]
    digests: Mapping[str, str]
    known: Mapping[str, str]


def complaints(study: Parsed) -> Iterator[Complaint]:
    """Everything that cannot be, the simplest causes first; later rules take for granted what earlier ones say."""
    tried = {event.approach for event in study.events.values()}
    yield from data_complaints(study.data, needed=any(event.event == "evaluated" for event in study.events.values()))
    yield from feature_complaints(study.features, study.settings, tried)
    yield from trial_complaints(study.events, study.settings, tuple(study.features.values()))
    yield from phase_complaints(study.phases, study.settings)
    yield from look_complaints(study.looks, study.look_digests)
    yield from prediction_complaints(study.predicted, study.events.values())
    yield from sums.changed(study.known, study.digests)


def file_complaints(names: Iterable[str]) -> Iterator[Complaint]:
    """Files that the program would not have called so."""
    yield from ((name, NOT_OURS) for name in names if not is_own(name))


def phase_complaints(phases: Mapping[str, PhaseEvent], settings: StudySettings) -> Iterator[Complaint]:
    """What cannot be in the records of phases; by the names of their files, in order."""
    for number, (name, event) in enumerate(phases.items()):
        if number_of(name) != number:
            yield name, f"phase record {number} is missing before it, or there twice; {RESTORE}"
        if not name.endswith(f"-{event.phase}-{event.event}.json"):
            yield name, f"holds {event.phase}-{event.event}, which is not what its name says; {RESTORE}"
        if event.time <= 0:
            yield name, f"its time is {event.time:g}; {RESTORE}"
        if event.approach is not None and event.approach not in settings.approaches:
            yield name, f"of an approach that study.yaml does not have: {OTHER_STUDY}"


def look_complaints(looks: Mapping[str, LookEvent], digests: Mapping[str, str]) -> Iterator[Complaint]:
    """What cannot be in the records of looks; by the names of their files, in order. Two may share a number: see Store.

    Args:
        digests: what the name of a look that counts these runs must hold, by name.
    """
    before: LookEvent | None = None
    number_before: float | None = None
    for number, (name, look) in enumerate(looks.items(), 1):
        if number_of(name) not in (number, number_before):
            yield name, f"look {number} is missing before it, or there twice; {RESTORE}"
        if before is not None and sorted(before.counted) == sorted(look.counted):
            yield name, f"counts the runs that the look before it counts; {RESTORE}"
        if not name.endswith(f"-{digests[name]}.json"):
            yield name, f"counts other final runs than its name says; {RESTORE}"
        before, number_before = look, number_of(name)


def feature_complaints(
    features: Mapping[str, FeatureCost], settings: StudySettings, tried: Collection[str] = ()
) -> Iterator[Complaint]:
    """What cannot be in the records of features, by the names of their files.

    Args:
        tried: approaches with trials on record, which began when the cost of their features was known.
    """
    paid: set[str] = set()
    for name, cost in features.items():
        if name != f"features/{cost.key}.json":
            yield name, f"holds the features {cost.key!r:.40}, which is not what its name says; {RESTORE}"
        if not settings.approaches.keys() >= set(cost.approaches):
            yield name, f"for an approach that study.yaml does not have: {OTHER_STUDY}"
        if twice := paid & set(cost.approaches):
            yield name, f"charges {min(twice):.40}, as another file of features does; {RESTORE}"
        paid |= set(cost.approaches)
    for approach, section in settings.approaches.items():
        if approach in tried and approach not in paid and uses_features(section):
            yield "features", f"no cost of the frozen features that {approach:.40} uses; {RESTORE}"


def data_complaints(data: DataInfo | None, *, needed: bool = False) -> Iterator[Complaint]:
    """What cannot be in data.json; it is written before anything runs, and `needed` where test images were read."""
    if data is None:
        if needed:
            yield "data.json", f"missing, and final runs were evaluated; {RESTORE}"
        return
    if min(data.train, data.valid, data.test) < 0:
        yield "data.json", f"a split of fewer than 0 images; {RESTORE}"
    for split, counts in data.counts.items():
        size = getattr(data, split, None) if split in ("train", "valid", "test") else None
        if size is None or len(counts) != len(data.classes) or sum(counts) != size or min(counts, default=0) < 0:
            yield "data.json", f"counts of {split:.20} that do not fit its size or the classes; {RESTORE}"


def prediction_complaints(names: Iterable[str], events: Iterable[TrialEvent]) -> Iterator[Complaint]:
    """Files of predictions that belong to no final run."""
    runs = {event.trial for event in events if event.phase == "final"}
    yield from (
        (name, f"of no final run on record; {NOT_OURS}") for name in names if PurePosixPath(name).stem not in runs
    )
