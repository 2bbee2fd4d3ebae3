"""The phases of a study: prepare, search, final runs, report. Resuming or extending one is reading its records.

Ray Tune runs the trials; nothing of Tune's own state is kept or restored. What was done stands in the records, and a
resumed study starts a new Tune run with what is left to do.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import ray
from rich.console import Console

from analysis.records.schema import PhaseEvent, TrialEvent
from analysis.records.storage import Storage
from analysis.records.store import Store, existing_study
from analysis.records.trials import costs_by_approach
from analysis.report.write import ReportPaths, write_report
from study import prepare
from study.cluster.code import Code, code_of, keep, search_in_kept
from study.cluster.nodes import Slots, connected, first_slot, nodes
from study.cluster.sharing import Sharing, room
from study.config.models import SlotConfig, StudyConfig
from study.config.study_file import parse_config
from study.extend import More, extended, next_step, refuse_unfinished, settling_sentence
from study.inputs import final_inputs, search_inputs
from study.lease import Lease, alone
from study.listeners import History, Listener, Record
from study.phases import Phases
from study.place import StudyError, new_directory, refuse_another_study, refuse_unwritable
from study.planning.in_slots import time_in_slots
from study.predictions import write_predictions
from study.prepare import Prepared
from study.provenance import environment
from study.search.finals import final_turns
from study.search.ledger import Account, open_ledger
from study.search.turns import EqualTimeTurns, ListedTurns
from study.show.curves import Boards
from study.show.event_files import EventFiles
from study.show.progress import Progress
from study.show.timings import timing_lines
from study.tune.searcher import Turns, TurnSearcher, run_trials
from trainables.checkpoints import CheckpointStore
from trainables.data.dataset import Dataset, open_dataset
from trainables.finding import search_in
from trainables.spec import Deliver, Inputs, Pace, Slot


@dataclass(frozen=True)
class Outcome:
    """What a finished study left.

    Attributes:
        directory: of the study, or its URI.
        report: where the report lies, as HTML, Markdown and JSON.
        verdict: the sentence that the report opens with.
    """

    directory: str
    report: ReportPaths

    @property
    def verdict(self) -> str:
        return self.report.verdict


def run(
    config: StudyConfig,
    directory: str | os.PathLike[str] | None = None,
    *,
    address: str | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Run a study from the start; from a script, a thread or a notebook, and returns when the report is written.

    What is interrupted (KeyboardInterrupt, an error, a crash) is continued by `resume`.

        from study import read_config, run

        outcome = run(read_config("digits", {"budget.search_seconds": 120}), "results/mine")
        print(outcome.verdict, outcome.report.html)

    Args:
        config: the study; see `read_config`.
        directory: where it is kept, a folder or a URI; created. Default: the study's name under its `storage`, with a
            number behind it where that is taken.
        address: of a Ray cluster (`auto` for the one this machine belongs to), or None for this machine alone. Where
            the process is connected to Ray already, that is used, and left as it is.
        progress: what is shown meanwhile. Default: a table in a terminal, a line now and then elsewhere;
            `Progress(Console(quiet=True))` shows nothing.

    Raises:
        InputError: the data, weights or settings cannot be used, or the directory cannot be written.
        RecordsError: the storage failed, or no trial could be run because of it.
    """
    directory = os.fspath(directory) if directory else new_directory(config)
    refuse_unwritable(directory)
    store = Store(directory)
    refuse_another_study(store)
    dataset = open_checked(config)
    code = code_of(config.classes)
    with progress or Progress(Console()) as shown, connected(address, code):
        ready = _get_ready(config, store, dataset, shown)
        _say_what_budgets_buy(ready)
        with alone(store) as lease:
            refuse_another_study(store)  # one may have begun here meanwhile
            _write_beginning(ready, code)
            return _until_settled(ready, History(), lease)


def resume(
    directory: str | os.PathLike[str], *, address: str | None = None, progress: Progress | None = None
) -> Outcome:
    """Continue a study where its records end. Nothing that is finished runs again.

    Args:
        directory: of the study, or its URI.
        address: as for `run`; another cluster than before will do.
        progress: as for `run`.

    Raises:
        InputError: its data has changed since, or another process runs it.
        RecordsError: it is no study directory, or one of its files is damaged.
    """
    store, config = _kept(directory)
    return _go_on(store, config, address, progress)


def extend(
    directory: str | os.PathLike[str],
    more: More,
    *,
    address: str | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Add replicates, final runs or seconds of search to a finished study, and report again: another look at it.

    Nothing that is finished runs again. What is interrupted is continued by `resume`.

    Args:
        directory: of the study, or its URI.
        more: what the study is to come to.
        address: as for `run`; another cluster than before will do.
        progress: as for `run`.

    Raises:
        InputError: it is not finished, nothing would be added, its data has changed since, or another process runs it.
        RecordsError: it is no study directory, or one of its files is damaged.
    """
    store, config = _kept(directory)
    wanted = extended(config, more)
    refuse_unfinished(store, config)
    return _go_on(store, wanted, address, progress, extending=config)


def _kept(directory: str | os.PathLike[str]) -> tuple[Store, StudyConfig]:
    """A study that is there, and its file."""
    store = existing_study(os.fspath(directory))
    search_in(Path.cwd())
    search_in_kept(store)
    return store, parse_config(store.read_bytes("study.yaml").decode(), name=store.path("study.yaml"))


def _go_on(
    store: Store,
    config: StudyConfig,
    address: str | None,
    progress: Progress | None,
    *,
    extending: StudyConfig | None = None,
) -> Outcome:
    """Continue a study on its records; `extending` is its file until now, where `config` asks for more."""
    dataset = open_checked(config)
    code = code_of(config.classes)
    with progress or Progress(Console()) as shown, connected(address, code):
        ready = _get_ready(config, store, dataset, shown)
        with alone(store) as lease:
            if extending is not None:
                refuse_unfinished(store, extending)  # somebody may have extended it meanwhile
                write_report(store.location)  # a study older than the record of looks has been looked at, too
            keep(store, code)
            if extending is not None:
                _write_study_file(ready)
            return _until_settled(ready, History.read(store), lease)


def _until_settled(ready: _Ready, history: History, lease: Lease | None) -> Outcome:
    """To the end, and on from there as long as the study file says so."""
    while True:
        outcome = _Session(ready, history, lease).to_the_end()
        looks = ready.store.looks()
        if told := settling_sentence(ready.config, looks):
            ready.progress.say(told)
        further = next_step(ready.config, looks)
        if further is None:
            return outcome
        ready = replace(ready, config=further)
        _write_study_file(ready)


def open_checked(config: StudyConfig) -> Dataset:
    """The data set of a study, refused if no fair comparison can be made on it."""
    dataset = open_dataset(config.data)
    dataset.check()
    dataset.divisions(config.replicates)  # refuses what cannot be divided anew
    return dataset


@dataclass(frozen=True, kw_only=True)
class _Ready:
    """A study that can begin or go on, with nothing written yet; and where it runs."""

    config: StudyConfig
    store: Store
    dataset: Dataset
    prepared: Prepared
    slot: Slot
    count_slots: Callable[[], int]
    sharing: Sharing
    progress: Progress


def _get_ready(config: StudyConfig, store: Store, dataset: Dataset, progress: Progress) -> _Ready:
    slot = first_slot(config, progress.say)
    count_slots = Slots(slot)
    sharing = Sharing(Storage(store.absolute), room(nodes()))
    progress.phase("prepare", count_slots())
    prepared = prepare.prepare(config, dataset, store, slot, sharing)
    for note in prepared.notes:
        progress.say(note)
    return _Ready(
        config=config,
        store=store,
        dataset=dataset,
        prepared=prepared,
        slot=slot,
        count_slots=count_slots,
        sharing=sharing,
        progress=progress,
    )


def _say_what_budgets_buy(ready: _Ready) -> None:
    """Time a step and a validation of each approach in the slots: whoever sees that they are too few can stop here."""
    inputs = ready.sharing.inputs(search_inputs(ready.config, ready.dataset, ready.prepared.frozen))
    features_s = costs_by_approach(ready.prepared.costs)
    for line in timing_lines(ready.config, time_in_slots(ready.config, inputs, ready.slot, features_s=features_s)):
        ready.progress.say(line)


def _write_beginning(ready: _Ready, code: Code) -> None:
    config, store = ready.config, ready.store
    about = environment(seed=config.seed, slots=ready.count_slots(), cluster=dict(ray.cluster_resources()))
    store.write_record("data.json", ready.prepared.info)
    store.write_bytes("environment.json", json.dumps(about, indent=2).encode())
    for cost in ready.prepared.costs:
        store.write_record(f"features/{cost.key}.json", cost)
    keep(store, code)
    _write_study_file(ready)  # last, because it makes the directory a study


def _write_study_file(ready: _Ready) -> None:
    """With the slot that `auto` came to, so that resuming keeps it."""
    resolved = ready.config.model_copy(update={"slot": SlotConfig(cpus=ready.slot.cpus, gpus=ready.slot.gpus)})
    ready.store.write_bytes("study.yaml", resolved.to_yaml().encode())


class _Session:
    """One sitting of a study: from wherever its records end to the report.

    Args:
        ready: the study.
        history: what is on record.
        lease: this driver's, where the storage has no locks.
    """

    def __init__(self, ready: _Ready, history: History, lease: Lease | None) -> None:
        self.ready, self.history = ready, history
        self.files = EventFiles(Storage(f"{ready.store.absolute}/tensorboard"))
        self.boards = Boards(self.files, ready.prepared.owed_s)
        self.listeners: tuple[Listener, ...] = (Record(ready.store, lease), history, self.boards, ready.progress)
        self.phases = Phases(self.listeners, ready.count_slots)

    def to_the_end(self) -> Outcome:
        """Whatever is left to do of search, final runs and report."""
        with self.files, closing(self.boards):
            self.boards.replay(self.history.trials)
            self._search()
            _refuse_nothing_found(self.ready, self.history.trials)
            self._final_runs()
        location = self.ready.store.location
        with self.phases.during("report"):
            return Outcome(location, write_report(location))

    def _search(self) -> None:
        ready, earlier = self.ready, self.history.trials
        config = ready.config
        ledger = open_ledger(config.approaches, config.replicates, config.budget, ready.prepared.owed_s)
        turns = EqualTimeTurns(config.approaches, ledger, config.seed, ready.count_slots(), ready.prepared.precharged_s)
        turns.resume(earlier)
        ready.progress.search(ledger, turns.exhausted, earlier)
        if not turns.finished:
            inputs = search_inputs(config, ready.dataset, ready.prepared.frozen)
            with self.phases.during("search"):
                self._run(turns, inputs)
        for event in _exhaustions(turns.exhausted, self.history.phases):
            self.phases.announce(event)

    def _final_runs(self) -> None:
        ready = self.ready
        predicted = {Path(name).stem for name in ready.store.names("predictions", ".parquet")}
        turns = final_turns(ready.config, self.history.trials, predicted, ready.prepared.precharged_s)
        ready.progress.final(len(turns))
        if not turns:
            return
        inputs = final_inputs(ready.config, ready.dataset, ready.prepared.frozen)
        with self.phases.during("final"):
            self._run(ListedTurns(turns), inputs, _deliver(ready))

    def _run(self, turns: Turns, inputs: Mapping[str, Inputs], deliver: Deliver | None = None) -> None:
        ready = self.ready
        checkpoints = Storage(f"{ready.store.absolute}/checkpoints")
        in_passing = Storage(checkpoints.absolute, patience_s=0.0)  # one that stays is harmless, and removed in the end
        searcher = TurnSearcher(
            turns,
            slots=self.phases.slots,
            listeners=self.listeners,
            earlier=self.history.trials,
            settled=lambda trial: CheckpointStore(in_passing, trial).delete(),
        )
        run_trials(
            searcher,
            ready.sharing.inputs(inputs),
            ready.slot,
            checkpoints=checkpoints,
            deliver=deliver,
            pace=Pace(ready.config.pace.heartbeat_seconds, ready.config.pace.checkpoint_seconds),
        )
        for name in checkpoints.names(""):  # nothing runs any more
            checkpoints.delete(name)


def _exhaustions(exhausted: Mapping[Account, str], phases: list[PhaseEvent]) -> list[PhaseEvent]:
    """An event for whoever ran out of configurations, and of whom that is not on record yet."""
    known = {(event.approach, event.replicate) for event in phases if event.event == "exhausted"}
    return [
        PhaseEvent(
            phase="search", event="exhausted", approach=account.approach, replicate=account.replicate, reason=reason
        )
        for account, reason in exhausted.items()
        if (account.approach, account.replicate) not in known
    ]


def _refuse_nothing_found(ready: _Ready, events: list[TrialEvent]) -> None:
    searched = [event for event in events if event.phase == "search"]
    if any(event.best_accuracy is not None for event in searched):
        return
    reasons = [event.reason for event in searched if event.reason]
    why = f"the last one failed: {reasons[-1]}" if reasons else "none came as far as its first validation"
    raise StudyError(
        f"{ready.store.location}: no trial of any approach has a result; {why}; "
        f"mend that, or raise budget.trial_seconds ({ready.config.budget.trial_seconds:g} s)"
    )


def _deliver(ready: _Ready) -> Deliver:
    """Called where a final run ran, with what it predicted."""
    test = ready.dataset.splits["test"]
    return partial(
        write_predictions, location=ready.store.absolute, ids=test.ids, groups=test.groups, labels=test.labels
    )
