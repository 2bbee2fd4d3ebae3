"""The files of a study: writing them, reading them back, checking them.

A study directory is the truth. Every event of every trial is one small JSON object of its own, written once and
never appended to, so that the directory may lie on a disk, on NFS or in an object store. The ledger and the report
are derived from these files alone; this module knows neither torch nor Ray.

    study.yaml               the study file, complete and resolved
    data.json                DataInfo
    code.zip                 code of approaches from outside the program, where there are any
    environment.json         free-form: commit, versions, hardware, seeds
    environments/<n>.json    the same of a later session, where it was another
    features/<key>.json      FeatureCost, one for each frozen backbone used
    phases/<n>-....json      PhaseEvent
    finished.yaml            study.yaml as it was when all it asks for had last been done
    looks/<n>-....json       LookEvent, one for each look at the results of finished final runs
    records/<trial>/<n>-<event>.json   TrialEvent
    predictions/<run>.parquet          one final run: approach, seed, image, group, label, prediction, p_0 ... p_<C-1>
    SHA256SUMS               what the last report was made from
"""

from __future__ import annotations

import hashlib
import os
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import pandas as pd

from analysis.records.damage.complaints import Parsed, complaints, file_complaints
from analysis.records.damage.evaluated import Evaluated, evaluated_runs, joined, read_evaluated
from analysis.records.damage.sums import SUMS, digest, parse_sums, sums_text
from analysis.records.damage.trials import Complaint
from analysis.records.errors import RecordsError
from analysis.records.files import (
    OWN_NAMES,
    SUFFIXES,
    in_order,
    is_of_a_run,
    is_stray,
    linked_folder,
    number_of,
    predictions_name,
)
from analysis.records.parsing import RESTORE, parse_environment, parse_record, parse_settings
from analysis.records.predictions import PREDICTION_COLUMNS, parquet_of
from analysis.records.schema import (
    DataInfo,
    FeatureCost,
    LookEvent,
    PhaseEvent,
    Record,
    StudySettings,
    TrialEvent,
)
from analysis.records.storage import Storage
from analysis.records.trials import event_table

R = TypeVar("R", bound=Record)
SINGLE = ("data.json", "environment.json")  # written once, when the study began
ATTEMPTS = 3  # to read a study that is written to meanwhile, when something seems to be missing
LARGEST = 1 << 26  # bytes; records have some hundreds, the longest lists of files some millions
LARGEST_SUMS = 1 << 30  # bytes of SHA256SUMS, which has a line a record
LEAVE_OUT = "delete it, and its trial goes on from the record before it"


class Store(Storage):
    """The files of one study, written and read as what they are."""

    def write_record(self, name: str, record: Record) -> None:
        """Write one record, if it can be read back.

        Raises:
            RecordsError: it could not: a number in it is not finite, or of another kind than belongs there.
        """
        content = record.model_dump_json(exclude_none=True).encode()
        parse_record(
            self.path(name), content, type(record), "it is not written; please report this as a fault of the program"
        )
        self.write_bytes(name, content)

    def read_record(self, name: str, kind: type[R], *, mend: str = RESTORE) -> R:
        """Read one record; `mend` says what to do where it is damaged.

        Raises:
            RecordsError: it is missing, cannot be read, is no such record, or one of a later schema version.
        """
        return parse_record(self.path(name), self.read_whole(name), kind, mend)

    def read_whole(self, name: str) -> bytes:
        """Read one file of a study that may be anybody's: never a pipe or a device, nor one that is far too large.

        Raises:
            RecordsError: it is one of these, missing, or cannot be read.
        """
        if self.folder is not None:
            path = self.folder / name
            if path.exists() and not path.is_file():
                raise RecordsError(f"{self.path(name)}: no file that could be read; {RESTORE}")
            if path.is_file() and path.stat().st_size > (LARGEST_SUMS if name == SUMS else LARGEST):
                raise RecordsError(f"{self.path(name)}: {path.stat().st_size:,} bytes, which no record has; {RESTORE}")
        return self.read_bytes(name)

    def own(self, folder: str) -> list[str]:
        """Names of the files in one of a study's folders, in order; what is clearly none of its own is passed over."""
        if self.folder is not None and (linked := linked_folder(self.folder / folder)):
            raise RecordsError(f"{self.path(folder)}/{linked}: a link to a folder, which no study has; take it out")
        sizes = {name: size for name, size in self.sizes(folder).items() if name.endswith(SUFFIXES[folder])}
        names = in_order(name for name in sizes if not is_stray(name))
        if large := next((name for name in names if sizes[name] > LARGEST and folder != "predictions"), None):
            raise RecordsError(f"{self.path(large)}: {sizes[large]:,} bytes, which no record has; {RESTORE}")
        return names

    def write_trial_event(self, event: TrialEvent) -> None:
        self.write_record(f"records/{event.trial}/{event.order:04d}-{event.event}.json", event)

    def write_phase_event(self, event: PhaseEvent) -> None:
        number = len(self.own("phases"))
        self.write_record(f"phases/{number:04d}-{event.phase}-{event.event}.json", event)

    def write_look(self, look: LookEvent) -> None:
        """Write a look, unless one on record counted all its runs: another report may have written that just now.

        Two that write at the same moment write the same file, or, where one had read the study before it went on, two
        files of one number.
        """
        known = self.looks()
        if any(set(look.counted) <= set(one.counted) for one in known):
            return
        self.write_record(f"looks/{len(known) + 1:04d}-{look_digest(look)}.json", look)

    def trial_events(self) -> list[TrialEvent]:
        """All trial events, in the order they were written.

        Raises:
            RecordsError: one is damaged; a trial's last record may be deleted, as if it had not been written yet.
        """
        return in_time(self.parsed_events(self.contents("records")).values())

    def phase_events(self) -> list[PhaseEvent]:
        return list(self.parsed(self.contents("phases"), PhaseEvent).values())

    def looks(self) -> list[LookEvent]:
        return list(self.parsed_looks(self.contents("looks")).values())

    def feature_costs(self) -> list[FeatureCost]:
        return list(self.parsed(self.contents("features"), FeatureCost).values())

    def contents(self, folder: str) -> dict[str, bytes]:
        """The files in one of a study's folders, by name and in order."""
        names = self.own(folder)
        return dict(zip(names, self.read_many(names), strict=True))

    def parsed(self, contents: Mapping[str, bytes], kind: type[R]) -> dict[str, R]:
        """Records of one kind, by the names of their files."""
        return {name: parse_record(self.path(name), content, kind) for name, content in contents.items()}

    def parsed_events(self, contents: Mapping[str, bytes]) -> dict[str, TrialEvent]:
        """Trial events by the names of their files; a torn one that is the last of its trial may be left out."""
        last = {PurePosixPath(name).parent: name for name in contents}  # in order, so the last of each trial stays
        mends = dict.fromkeys(last.values(), LEAVE_OUT)
        return {
            name: parse_record(self.path(name), content, TrialEvent, mends.get(name, RESTORE))
            for name, content in contents.items()
        }

    def parsed_looks(self, contents: Mapping[str, bytes]) -> dict[str, LookEvent]:
        """Looks by the names of their files, in order; of two with one number the one at more runs is the later."""
        looks = self.parsed(contents, LookEvent)
        return dict(sorted(looks.items(), key=lambda one: (number_of(one[0]), len(one[1].counted))))

    def write_predictions(self, run: str, predictions: pd.DataFrame) -> None:
        """Write the predictions of one final run, checked first (see `check_predictions`)."""
        self.write_bytes(predictions_name(run), parquet_of(predictions))

    def sums(self) -> dict[str, str]:
        """Digests of what the last report was made from, by name; none where there was no report."""
        return parse_sums(self.path(SUMS), self.read_whole(SUMS)) if self.exists(SUMS) else {}

    def write_sums(self, digests: Mapping[str, str]) -> None:
        """Say what a report was made from, and the looks, of which it was one."""
        looks = {name: digest(content) for name, content in self.contents("looks").items()}
        self.write_bytes(SUMS, sums_text({**digests, **looks}))

    def forget_predictions(self, runs: Iterable[str]) -> None:
        """These runs are done again: what the last report read of them need not be there any more."""
        known, gone = self.sums(), {predictions_name(run) for run in runs}
        if known.keys() & gone:
            self.write_bytes(SUMS, sums_text({name: seen for name, seen in known.items() if name not in gone}))


def in_time(events: Iterable[TrialEvent]) -> list[TrialEvent]:
    """Trial events in the order in which they were written."""
    return sorted(events, key=lambda event: (event.time, event.trial, event.order))


def look_digest(look: LookEvent) -> str:
    """What the name of a look says of the runs that it counts."""
    return hashlib.sha256("\n".join(sorted(look.counted)).encode()).hexdigest()[:8]


@dataclass(frozen=True, kw_only=True)
class StudyRecords:
    """Everything a study left, read into memory.

    Attributes:
        events: one row per TrialEvent, its attributes as columns, in the order of `time`.
        predictions: one row per final run that counts (see `trials.superseded`) and test image: approach, seed (the
            `index` of the run's events, its number within the approach over all replicates), image, group, label,
            prediction, p_0 ... p_<C-1> (probabilities; missing where an approach gives none).
        looks: at the test results, in order.
        later_environments: of later sessions, where they were others than that of the first.
        digests: SHA-256 of the files that were read, by their names (see sums.py).
    """

    location: str
    settings: StudySettings
    data: DataInfo | None
    environment: dict[str, Any]
    phases: tuple[PhaseEvent, ...]
    features: tuple[FeatureCost, ...]
    events: pd.DataFrame
    predictions: pd.DataFrame = field(repr=False)
    looks: tuple[LookEvent, ...] = ()
    later_environments: tuple[dict[str, Any], ...] = ()
    digests: Mapping[str, str] = field(default_factory=dict, repr=False)


def existing_study(location: str) -> Store:
    """The files of a study that is there, given as a path, or as that of its study.yaml, or as a URI.

    Raises:
        RecordsError: there is none.
    """
    location = _directory(str(location))
    store = Store(location)
    if "://" not in location and not Path(location).exists():
        raise RecordsError(f"{location}: no such directory; give the directory of a study")
    if not store.exists("study.yaml"):
        raise RecordsError(f"{location}: not a study directory (no study.yaml in it); give the directory of a study")
    return store


def read_study(location: str) -> StudyRecords:
    """Read a study; its location as for `existing_study`.

    Raises:
        RecordsError: it is no study directory, or one of its files is damaged (see damage/); the
            message names the file.
    """
    return _at_rest(existing_study(location), _read_all)


def _read_all(store: Store) -> StudyRecords:
    records = _read(store)
    found = predictions_of(store, records.events, records.data)
    for run, problem in found.lost.items():
        mend = shlex.quote(records.location)
        raise RecordsError(
            f"{store.path(predictions_name(run))}: {problem}; `transfer-study resume {mend}` does that run again"
        )
    digests = {predictions_name(run): found.digests[run] for run in found.tables}
    return replace(records, predictions=joined(found), digests={**records.digests, **digests})


def read_records(location: str) -> StudyRecords:
    """Read a study but for its predictions: there are none in what comes back.

    Raises:
        RecordsError: as `read_study`, but for predictions.
    """
    return _at_rest(existing_study(location), _read)


def _at_rest(store: Store, read: Callable[[Store], StudyRecords]) -> StudyRecords:
    """Read a study that may be written to meanwhile: what seems to be missing may have come since."""
    for _ in range(ATTEMPTS - 1):
        names = _names(store)
        try:
            return read(store)
        except RecordsError:
            if _names(store) == names:
                raise
    return read(store)


def predictions_of(store: Store, events: pd.DataFrame, data: DataInfo | None) -> Evaluated:
    """The predictions of the final runs that were evaluated and count, and what is wrong with them.

    Args:
        events: as in StudyRecords.
        data: as in StudyRecords.
    """
    runs = evaluated_runs(events)
    present = set(store.own("predictions"))
    names = {run: predictions_name(run) for run in runs.trial if predictions_name(run) in present}
    contents = dict(zip(names, store.read_many(list(names.values())), strict=True))
    known = {PurePosixPath(name).stem: seen for name, seen in store.sums().items() if is_of_a_run(name)}
    return read_evaluated(runs, contents, data, known)


def _read(store: Store) -> StudyRecords:
    known = store.sums()  # before the files: what it names is there by then
    settings = parse_settings(store.path("study.yaml"), store.read_whole("study.yaml"))
    if store.exists("finished.yaml"):
        parse_settings(store.path("finished.yaml"), store.read_whole("finished.yaml"))
    _refuse(store, file_complaints(_names(store)))
    single = {name: store.read_whole(name) for name in SINGLE if store.exists(name)}
    contents = {folder: store.contents(folder) for folder in OWN_NAMES if folder != "predictions"}
    data = store.parsed({name: single[name] for name in single if name == "data.json"}, DataInfo)
    environment = parse_environment(store.path("environment.json"), single.get("environment.json", b"{}"))
    later = [parse_environment(store.path(name), content) for name, content in contents["environments"].items()]
    looks = store.parsed_looks(contents["looks"])
    read = {name: content for folder in (single, *contents.values()) for name, content in folder.items()}
    study = Parsed(
        settings=settings,
        data=data.get("data.json"),
        events=store.parsed_events(contents["records"]),
        phases=store.parsed(contents["phases"], PhaseEvent),
        features=store.parsed(contents["features"], FeatureCost),
        looks=looks,
        look_digests={name: look_digest(look) for name, look in looks.items()},
        predicted=tuple(store.own("predictions")),
        digests={name: digest(content) for name, content in read.items()},
        known={name: seen for name, seen in known.items() if not is_of_a_run(name)},
    )
    _refuse(store, complaints(study))
    return StudyRecords(
        location=store.location,
        settings=settings,
        data=study.data,
        environment=environment,
        phases=tuple(study.phases.values()),
        features=tuple(study.features.values()),
        events=event_table(in_time(study.events.values())),
        predictions=pd.DataFrame(columns=list(PREDICTION_COLUMNS)),
        looks=tuple(looks.values()),
        later_environments=tuple(later),
        digests=study.digests,
    )


def _refuse(store: Store, found: Iterator[Complaint]) -> None:
    for name, problem in found:
        raise RecordsError(f"{store.path(name)}: {problem}")


def _names(store: Store) -> list[str]:
    return [name for folder in OWN_NAMES for name in store.own(folder)]


def _directory(location: str) -> str:
    """The study directory that a user means, perhaps by its study.yaml; `~` is the home directory."""
    if "://" in location:
        return location.removesuffix("/study.yaml")
    path = Path(os.path.expanduser(location))
    return str(path.parent if path.name == "study.yaml" and path.is_file() else path)
