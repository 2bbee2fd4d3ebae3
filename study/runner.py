"""The phases of a study: prepare, search, final runs, report. And resuming one, which is reading its records.

Ray Tune runs the trials; nothing of Tune's own state is kept or restored. What was done stands in the records, and a
resumed study starts a new Tune run with what is left to do.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import ray

from analysis.records.schema import DataInfo, FeatureCost, PhaseEvent, TrialEvent
from analysis.records.storage import Storage
from analysis.records.store import Store, existing_study
from analysis.records.trials import feature_charges
from analysis.report.write import ReportPaths, write_report
from study import prepare
from study.cluster.nodes import Slots, connected, first_slot, nodes
from study.cluster.sharing import Sharing, room
from study.config.models import SlotConfig, StudyConfig
from study.config.study_file import parse_config
from study.lease import Lease, alone
from study.phases import Phases
from study.predictions import write_predictions
from study.provenance import environment
from study.search.finals import final_turns
from study.search.ledger import Account, Ledger
from study.search.turns import EqualTimeTurns, ListedTurns
from study.show.curves import Boards
from study.show.event_files import EventFiles
from study.show.progress import Progress
from study.tune.searcher import Listener, Turns, TurnSearcher, run_trials
from trainables.checkpoints import CheckpointStore
from trainables.data.dataset import Dataset, open_dataset
from trainables.errors import InputError
from trainables.spec import Deliver, Inputs, Pace


class StudyError(InputError):
    """A study that cannot be run or continued; the message is one line with the mend."""


@dataclass(frozen=True)
class Outcome:
    """What a finished study left, and where."""

    directory: str
    report: ReportPaths


def run(config: StudyConfig, directory: str, *, address: str | None, progress: Progress) -> Outcome:
    """Run a study from the start.

    Args:
        config: the study.
        directory: where it is kept; created.
        address: of a Ray cluster (`auto` for the one this machine belongs to), or None for this machine alone.
        progress: what the user sees meanwhile.

    Raises:
        InputError: the data, weights or settings cannot be used, or the directory cannot be written.
    """
    store = Store(directory)
    _refuse_another_study(store)
    dataset = open_checked(config)
    with connected(address):
        return _Session(config, store, dataset, progress).run()


def resume(directory: str, *, address: str | None, progress: Progress) -> Outcome:
    """Continue a study where its records end. Nothing that is finished runs again.

    Raises:
        InputError: it is no study directory, or its data has changed since.
    """
    store = existing_study(directory)
    config = parse_config(store.read_bytes("study.yaml").decode(), name=store.path("study.yaml"))
    dataset = open_checked(config)
    with connected(address):
        return _Session(config, store, dataset, progress).resume()


class _Session:
    """One sitting of a study: from wherever its records end to the report."""

    def __init__(self, config: StudyConfig, store: Store, dataset: Dataset, progress: Progress) -> None:
        self.config, self.store, self.dataset, self.progress = config, store, dataset, progress
        self.slot = first_slot(config, progress.say)
        self.count_slots = Slots(self.slot)
        self.sharing = Sharing(Storage(store.absolute), room(nodes()))
        self.phases = Phases(self._record_phase, self.count_slots, progress)
        self.events: list[TrialEvent] = []

    def run(self) -> Outcome:
        """From the beginning."""
        costs = self._prepare()
        with alone(self.store) as lease:
            _refuse_another_study(self.store)  # one may have begun here meanwhile
            self._write_beginning(self.info, costs)
            return self._to_the_end(lease)

    def resume(self) -> Outcome:
        """From where the records end."""
        self._prepare()
        with alone(self.store) as lease:
            self.events = self.store.trial_events()
            return self._to_the_end(lease)

    def _to_the_end(self, lease: Lease | None) -> Outcome:
        self.lease = lease
        with EventFiles(Storage(f"{self.store.absolute}/tensorboard")) as files:
            self.boards = Boards(files, self.owed)
            self.boards.replay(self.events)
            self._search()
            self._refuse_nothing_found()
            self._final_runs()
        with self.phases.during("report"):
            return Outcome(self.store.location, write_report(self.store.location))

    def _prepare(self) -> list[FeatureCost]:
        """Get everything ready and write nothing, so that a study which is refused leaves no trace.

        But for images that Ray's object store has no room for: they travel through the storage.
        """
        self.progress.phase("prepare", self.count_slots())
        prepare.rehearse(self.config, self.dataset)
        self.info = prepare.data_info(self.config, self.dataset)
        self._refuse_other_data(self.info)
        self.frozen = prepare.freeze(self.config, self.dataset, self.slot, self.sharing)
        # What the features cost when the study began is what is charged, also after resuming.
        costs = self.store.feature_costs() or prepare.feature_costs(self.frozen)
        self.owed = feature_charges(costs, self.config.feature_cost)
        self.precharged = prepare.precharged(self.config.feature_cost, costs)
        self._refuse_too_little()
        return costs

    def _write_beginning(self, info: DataInfo, costs: list[FeatureCost]) -> None:
        about = environment(seed=self.config.seed, slots=self.count_slots(), cluster=dict(ray.cluster_resources()))
        self.store.write_record("data.json", info)
        self.store.write_bytes("environment.json", json.dumps(about, indent=2).encode())
        for cost in costs:
            self.store.write_record(f"features/{cost.key}.json", cost)
        # Last, because it makes the directory a study; with the slot that `auto` came to, so that resuming keeps it.
        slot = SlotConfig(cpus=self.slot.cpus, gpus=self.slot.gpus)
        resolved = self.config.model_copy(update={"slot": slot})
        self.store.write_bytes("study.yaml", resolved.to_yaml().encode())

    def _refuse_other_data(self, info: DataInfo) -> None:
        if not self.store.exists("study.yaml"):  # else what is there was left by a driver that died at the beginning
            return
        if self.store.read_record("data.json", DataInfo).fingerprint != info.fingerprint:
            raise StudyError(
                f"{self.store.location}: the data has changed since the study began (fingerprint "
                f"{info.fingerprint[:12]}); restore it, or start a new study"
            )

    def _refuse_too_little(self) -> None:
        budget_s, trial_s = self.config.budget.search_seconds, self.config.budget.trial_seconds
        for name, cost_s in self.owed.items():
            if cost_s + trial_s > budget_s:
                raise StudyError(
                    f"budget.search_seconds: {budget_s:g} s is too small for one trial of {name}: its frozen features "
                    f"cost {cost_s:.1f} s, a trial up to {trial_s:g} s; raise it to at least {cost_s + trial_s:.0f}"
                )
        for name, cost_s in self.precharged.items():
            if cost_s >= trial_s:
                raise StudyError(
                    f"budget.trial_seconds: {trial_s:g} s is too small for one trial of {name}: with feature_cost: "
                    f"every_trial its frozen features alone take {cost_s:.1f} s of it; raise it"
                )

    def _search(self) -> None:
        accounts = [Account(name, r) for r in range(self.config.replicates) for name in self.config.approaches]
        ledger = Ledger(tuple(accounts), self.config.budget.search_seconds, self.config.budget.trial_seconds)
        for name, seconds in self.owed.items():  # once per study, so in the first replicate
            ledger.charge(Account(name), seconds)
        turns = EqualTimeTurns(
            self.config.approaches,
            ledger,
            self.config.seed,
            self.count_slots(),
            self.precharged,
        )
        turns.resume(self.events)
        self.progress.search(ledger, turns.exhausted, self.events)
        if not turns.finished:
            inputs = prepare.search_inputs(self.config, self.dataset, self.frozen)
            with self.phases.during("search"):
                self._run(turns, inputs)
        self._record_exhaustion(turns)
        self.events = self.store.trial_events()

    def _record_exhaustion(self, turns: EqualTimeTurns) -> None:
        known = {(it.approach, it.replicate) for it in self.store.phase_events() if it.event == "exhausted"}
        for account, reason in turns.exhausted.items():
            if (account.approach, account.replicate) in known:
                continue
            self._record_phase(
                PhaseEvent(
                    phase="search",
                    event="exhausted",
                    approach=account.approach,
                    replicate=account.replicate,
                    reason=reason,
                )
            )

    def _refuse_nothing_found(self) -> None:
        searched = [event for event in self.events if event.phase == "search"]
        if any(event.best_accuracy is not None for event in searched):
            return
        reasons = [event.reason for event in searched if event.reason]
        why = f"the last one failed: {reasons[-1]}" if reasons else "none came as far as its first validation"
        raise StudyError(
            f"{self.store.location}: no trial of any approach has a result; {why}; "
            f"mend that, or raise budget.trial_seconds ({self.config.budget.trial_seconds:g} s)"
        )

    def _final_runs(self) -> None:
        predicted = {Path(name).stem for name in self.store.names("predictions", ".parquet")}
        turns = final_turns(self.config, self.events, predicted, self.precharged)
        self.progress.final(len(turns))
        if not turns:
            return
        parts = self.dataset.splits["test"]
        deliver = partial(
            write_predictions,
            location=self.store.absolute,
            ids=parts.ids,
            groups=parts.groups,
            labels=parts.labels,
        )
        inputs = prepare.final_inputs(self.config, self.dataset, self.frozen)
        with self.phases.during("final"):
            self._run(ListedTurns(turns), inputs, deliver)
        self.events = self.store.trial_events()

    def _run(self, turns: Turns, inputs: Mapping[str, Inputs], deliver: Deliver | None = None) -> None:
        listeners: tuple[Listener, ...] = (self._record, self.boards, self.progress)
        checkpoints = Storage(f"{self.store.absolute}/checkpoints")
        in_passing = Storage(checkpoints.absolute, patience_s=0.0)  # one that stays is harmless, and removed in the end
        searcher = TurnSearcher(
            turns,
            slots=self.phases.slots,
            listeners=listeners,
            earlier=self.events,
            settled=lambda trial: CheckpointStore(in_passing, trial).delete(),
        )
        try:
            run_trials(
                searcher,
                self.sharing.inputs(inputs),
                self.slot,
                checkpoints=checkpoints,
                deliver=deliver,
                pace=Pace(self.config.pace.heartbeat_seconds, self.config.pace.checkpoint_seconds),
            )
        finally:
            self.boards.close()
        for name in checkpoints.names(""):  # nothing runs any more
            checkpoints.delete(name)

    def _record(self, event: TrialEvent) -> None:
        self._check_lease()
        self.store.write_trial_event(event)

    def _record_phase(self, event: PhaseEvent) -> None:
        self._check_lease()
        self.store.write_phase_event(event)

    def _check_lease(self) -> None:
        if self.lease is not None:
            self.lease.check()


def _refuse_another_study(store: Store) -> None:
    if store.exists("study.yaml"):
        raise StudyError(f"{store.location}: holds a study already; resume it, or choose another directory")


def open_checked(config: StudyConfig) -> Dataset:
    """The data set of a study, refused if no fair comparison can be made on it."""
    dataset = open_dataset(config.data)
    dataset.check()
    return dataset
