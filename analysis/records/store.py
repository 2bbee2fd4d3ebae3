"""The files of a study: writing them, and reading them back one by one; for a whole study see reading.py.

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
import unicodedata
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import PurePosixPath
from typing import TypeVar

import pandas as pd

from analysis.records.damage.sums import SUMS, digest, parse_sums, sums_text
from analysis.records.errors import RecordsError
from analysis.records.files import SUFFIXES, in_order, is_stray, linked_folder, number_of, predictions_name
from analysis.records.parsing import RESTORE, parse_record, parse_settings
from analysis.records.predictions import parquet_of
from analysis.records.schema import FeatureCost, LookEvent, PhaseEvent, Record, TrialEvent
from analysis.records.storage import Storage

R = TypeVar("R", bound=Record)
SINGLE = ("data.json", "environment.json")  # written once, when the study began
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
        if (path := self.file(name)) is not None:
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

        Nor is one written that came after more readings of the test split: this report had read the study before that,
        and what it counts may not count any more.

        Two that write at the same moment write the same file, or, where one had read the study before it went on, two
        files of one number.
        """
        known = self.looks()
        if any(set(look.counted) <= set(one.counted) or look.test_reads < one.test_reads for one in known):
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

    @cached_property
    def _keeps_names(self) -> bool:
        """A study of before names were composed may have begun with an approach in NFD: its records say it so too."""
        with suppress(RecordsError):  # whoever reads the study file says what is wrong with it
            settings = parse_settings(self.path("study.yaml"), self.read_whole("study.yaml"))
            return not all(unicodedata.is_normalized("NFC", name) for name in settings.approaches)
        return False

    def forget_predictions(self, runs: Iterable[str]) -> None:
        """These runs are done again: what the last report read of them need not be there any more."""
        known, gone = self.sums(), {predictions_name(run) for run in runs}
        if known.keys() & gone:
            self.write_bytes(SUMS, sums_text({name: seen for name, seen in known.items() if name not in gone}))


def in_time(events: Iterable[TrialEvent]) -> list[TrialEvent]:
    """Trial events in the order in which they were written; those of one trial by number, whatever clocks say."""
    moments: dict[str, float] = {}  # by trial: the latest time so far
    dated = []
    for event in sorted(events, key=lambda event: event.order):
        moments[event.trial] = max(event.time, moments.get(event.trial, event.time))
        dated.append((moments[event.trial], event.trial, event.order, event))
    return [event for *_, event in sorted(dated, key=lambda one: one[:3])]


def look_digest(look: LookEvent) -> str:
    """What the name of a look says of the runs that it counts."""
    return hashlib.sha256("\n".join(sorted(look.counted)).encode()).hexdigest()[:8]
