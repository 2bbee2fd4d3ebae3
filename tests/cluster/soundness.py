"""What must hold of a study after any fault: what `check` verifies, and what the diaries of its trials say."""

from __future__ import annotations

import json
from collections import Counter
from itertools import groupby
from pathlib import Path

import pytest
import yaml

from analysis.checking.accounts import charges
from analysis.checking.check import check_study
from analysis.checking.reading import read_plain
from analysis.records.reading import StudyRecords, read_study
from analysis.records.schema import ENDINGS, TrialEvent
from analysis.records.storage import Storage
from analysis.records.store import Store
from analysis.records.trials import trial_table
from analysis.search.accounts import spending
from tests.cluster.pretenders import Note, read_diaries


def assert_sound(location: str | Path, diary: Path | None, *, disk_was_full: bool = False) -> None:
    """Check a study, finished or not, on a disk or in an object store.

    Its approaches kept diaries as far as they could; without them, its records are all that is checked.

    `transfer-study check` finds nothing: see analysis/checking. Beyond that, of every trial: it ended at most once, its
    steps follow each other without a gap; each attempt went on from the last checkpoint of those before; and all its
    work, but for a heartbeat in each interrupted attempt, is on record as charged or lost. The ledger of reports is
    that of `check`. Where there is a report, it has all that a report has. On a disk that was full, checkpoints may
    have been made and not written.
    """
    assert check_study(str(location)).findings == ()
    store = Store(str(location))
    study = read_study(store.location)
    file = yaml.safe_load(store.read_bytes("study.yaml"))
    heartbeat_s = file["pace"]["heartbeat_seconds"]
    events = [TrialEvent.model_validate(row) for row in _rows(study)]
    histories = {trial: list(of) for trial, of in groupby(events, key=lambda event: event.trial)}
    notes_of_all = sorted(read_diaries(diary), key=_by_trial) if diary else []
    diaries = {key: list(of) for key, of in groupby(notes_of_all, key=_trial_of)}
    for history in histories.values():
        _assert_whole(history)
        first = history[0]
        notes = diaries.pop((first.seed, tuple(file["approaches"][first.approach]["image_size"])), [])
        if notes:
            _assert_continued(notes, disk_was_full=disk_was_full)
            _assert_accounted_for(history, notes, heartbeat_s)
    assert not diaries, "a trial worked that is not on record"
    _assert_same_ledger(study)
    if store.exists("report/report.json"):
        _assert_reported(store, study, histories)


def _rows(study: StudyRecords) -> list[dict]:
    rows = study.events.sort_values(["trial", "order"]).astype(object)
    return rows.where(rows.notna(), None).to_dict("records")


def _trial_of(note: Note) -> tuple[int, tuple[int, int]]:
    return note.seed, note.size


def _by_trial(note: Note) -> tuple[tuple[int, tuple[int, int]], float]:
    return _trial_of(note), note.time


def _assert_whole(history: list[TrialEvent]) -> None:
    """A trial ended once at most: `check` allows a final run to be done again, and no fault asks for that."""
    names = [event.event for event in history]
    assert sum(name in ENDINGS for name in names) <= 1, (history[0].trial, names)
    assert all(event.charged_s <= event.allowance_s for event in history), history[0].trial
    assert all(event.reason for event in history if event.event == "lost"), history[0].trial


def _assert_continued(notes: list[Note], *, disk_was_full: bool) -> None:
    """Each attempt of one trial took its first step where the last checkpoint before it stood."""
    saved: list[int] = [0]
    at: dict[int, int] = {}  # by process: a trial that is interrupted goes on in another one
    for note in notes:
        if note.did == "saved":
            saved.append(note.steps)
        elif note.did == "loaded":
            # The very last one may not have reached the disk.
            assert note.steps in (saved if disk_was_full else saved[-2:]), (note, saved)
            at[note.pid] = note.steps
        elif note.did == "step":
            if note.pid not in at:
                assert len(saved) <= 2 or disk_was_full, f"{note} begins anew in spite of the checkpoints at {saved}"
                at[note.pid] = 0
            assert note.steps == at[note.pid] + 1, note
            at[note.pid] = note.steps


def _assert_accounted_for(history: list[TrialEvent], notes: list[Note], heartbeat_s: float) -> None:
    """One trial worked no more after its end, and its work is on record but for a heartbeat of each broken attempt."""
    last = history[-1]
    ended = next((event for event in history if event.event in ENDINGS), None)
    late = [note for note in notes if note.did == "step" and ended is not None and note.time > ended.time]
    assert not late, f"{last.trial} had ended, but ran again: {late[0]}"
    work = [note for note in notes if note.did in ("step", "validation")]
    if last.event == "evaluated":
        work.pop()  # of the test split, which is not charged
    interrupted = len({note.pid for note in notes}) - (ended is not None and ended.reason is None)
    longest_s = sum(max(it.seconds for it in work if it.did == did) for did in {it.did for it in work})
    unrecorded_s = sum(note.seconds for note in work) - (last.charged_s + last.lost_s + last.overshoot_s)
    assert unrecorded_s <= interrupted * (heartbeat_s + longest_s) + 1e-3, (last, unrecorded_s)


def _assert_same_ledger(study: StudyRecords) -> None:
    """What reports say that an approach was charged is what `check` reads, over all its searches."""
    charged = charges(read_plain(Storage(study.location)))
    for name, account in spending(study, trial_table(study.events)).items():
        searches = range(study.settings.replicates)
        assert account.charged_s == pytest.approx(sum(charged[name, replicate] for replicate in searches))
        assert account.charged_s <= account.budget_s


def _assert_reported(store: Store, study: StudyRecords, histories: dict[str, list[TrialEvent]]) -> None:
    report = json.loads(store.read_bytes("report/report.json"))
    table = trial_table(study.events)
    ledger = spending(study, table)
    assert report["approaches"].keys() == study.settings.approaches.keys()
    for name, approach in report["approaches"].items():
        assert approach["charged_seconds"] == pytest.approx(ledger[name].charged_s)
        assert bool(approach["problem"]) == (approach["accuracy"] is None), name
    tested = [name for name, it in report["approaches"].items() if not it["problem"]]
    assert len(report["pairs"]) == len(tested) * (len(tested) - 1) // 2
    assert report["verdict"]
    assert 0 < report["search"]["utilisation"] <= 1, report["search"]
    runs = Counter(of[0].approach for of in histories.values() if of[-1].event == "evaluated")
    assert {name: len(it["final_runs"]) for name, it in report["approaches"].items() if it["final_runs"]} == runs
    assert {Path(name).stem for name in store.names("predictions", ".parquet")} == {
        trial for trial, of in histories.items() if of[-1].event == "evaluated"
    }
