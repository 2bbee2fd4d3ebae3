"""The phases of a study: prepare, search, final runs, report. And resuming one, which is reading its records.

Ray Tune runs the trials; nothing of Tune's own state is kept or restored. What was done stands in the records, and a
resumed study starts a new Tune run with what is left to do.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

# Tune reads these when it is imported: no loggers, snapshots, signal handlers or progress display of its own.
os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
os.environ.setdefault("TUNE_DISABLE_SIGINT_HANDLER", "1")
os.environ.setdefault("TUNE_GLOBAL_CHECKPOINT_S", "86400")
os.environ.setdefault("TUNE_MAX_PENDING_TRIALS_PG", "1000000")  # the dispatcher alone decides how many wait
os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")

import numpy as np
import optuna
import pandas as pd
import ray
from ray import tune

from analysis.ledger import best_trial
from analysis.records import (
    DataInfo,
    FeatureCost,
    HyperparameterValue,
    Phase,
    PhaseEvent,
    Store,
    TrialEvent,
    feature_charges,
    trial_table,
)
from analysis.report import ReportPaths, write_report
from study import prepare
from study.budget import Account, Ledger
from study.config import StudyConfig, parse_config
from study.dispatch import Dispatcher, Listener, Turns
from study.progress import Progress
from study.provenance import environment
from study.search import EqualTimeTurns, ListedTurns, Turn, derived_seed, turn_of
from study.tensorboard import Boards
from trainables.approach import Predictions, Probabilities
from trainables.data import Dataset, cache_dir, open_dataset
from trainables.errors import InputError
from trainables.trainable import ApproachTrainable, Inputs, Slot, TrialSpec

MAX_FAILURES = 2  # a trial whose process dies is started again so often; after that it has failed


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
    if store.exists("study.yaml"):
        raise StudyError(f"{directory}: holds a study already; resume it, or choose another directory")
    dataset = open_checked(config)
    with connected(address):
        return _Session(config, store, dataset, progress).run()


def resume(directory: str, *, address: str | None, progress: Progress) -> Outcome:
    """Continue a study where its records end. Nothing that is finished runs again.

    Raises:
        InputError: it is no study directory, or its data has changed since.
    """
    store = Store(directory)
    if not store.exists("study.yaml"):
        raise StudyError(f"{directory}: not a study directory (no study.yaml in it); give the directory of a study")
    config = parse_config(store.read_bytes("study.yaml").decode(), name=f"{directory}/study.yaml")
    dataset = open_checked(config)
    with connected(address):
        return _Session(config, store, dataset, progress).run()


def slots_of(cluster: Mapping[str, float], slot: Slot) -> int:
    """How many slots a cluster with these resources has."""
    slots = int(cluster.get("CPU", 0) // slot.cpus)
    return min(slots, int(cluster.get("GPU", 0) / slot.gpus + 1e-9)) if slot.gpus else slots


def slot_for(config: StudyConfig, cluster: Mapping[str, float]) -> Slot:
    """The slot of the study on a cluster with these resources.

    Raises:
        StudyError: the cluster has not even one such slot.
    """
    wanted = config.slot.gpus
    gpus = (1.0 if cluster.get("GPU", 0) >= 1 else 0.0) if wanted == "auto" else float(wanted)
    slot = Slot(config.slot.cpus, gpus)
    if slots_of(cluster, slot) < 1:
        has = f"{cluster.get('CPU', 0):g} CPUs and {cluster.get('GPU', 0):g} GPUs"
        raise StudyError(f"slot: {slot.cpus} CPUs and {gpus:g} GPUs for a trial, but Ray has {has}; ask for less")
    return slot


class _Session:
    """One sitting of a study: from wherever its records end to the report."""

    def __init__(self, config: StudyConfig, store: Store, dataset: Dataset, progress: Progress) -> None:
        self.config, self.store, self.dataset, self.progress = config, store, dataset, progress
        self.slot = slot_for(config, ray.cluster_resources())
        self.events = store.trial_events()

    def run(self) -> Outcome:
        self._prepare()
        self._search()
        self._final_runs()
        with self._phase("report"):
            return Outcome(self.store.location, write_report(self.store.location))

    def _prepare(self) -> None:
        """Get everything ready. A new study is written only when nothing is wrong, so a refused one leaves no trace."""
        cluster = ray.cluster_resources()
        slots = slots_of(cluster, self.slot)
        self.progress.phase("prepare", slots)
        prepare.rehearse(self.config, self.dataset)
        info = prepare.data_info(self.config, self.dataset)
        self._refuse_other_data(info)
        self.frozen = prepare.freeze(self.config, self.dataset, self.slot)
        # What the features cost when the study began is what is charged, also after resuming.
        costs = self.store.feature_costs() or list({it.cost.key: it.cost for it in self.frozen.values()}.values())
        self.owed = feature_charges(costs, self.config.feature_cost)
        self._refuse_too_little()
        if not self.store.exists("study.yaml"):
            about = environment(seed=self.config.seed, slots=slots, cluster=cluster)
            self._write_beginning(info, costs, about)
        self.boards = Boards(Path(self.store.location) / "tensorboard", self.owed)
        self.boards.replay(self.events)

    def _write_beginning(self, info: DataInfo, costs: list[FeatureCost], about: dict[str, Any]) -> None:
        self.store.write_record("data.json", info)
        self.store.write_bytes("environment.json", json.dumps(about, indent=2).encode())
        for cost in costs:
            self.store.write_record(f"features/{cost.key}.json", cost)
        self.store.write_bytes("study.yaml", self.config.to_yaml().encode())  # last: it makes the directory a study

    def _refuse_other_data(self, info: DataInfo) -> None:
        if not self.store.exists("data.json"):
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

    def _search(self) -> None:
        accounts = [Account(name, r) for r in range(self.config.replicates) for name in self.config.approaches]
        ledger = Ledger(tuple(accounts), self.config.budget.search_seconds, self.config.budget.trial_seconds)
        for account in accounts:
            ledger.charge(account, self.owed.get(account.approach, 0.0))
        turns = EqualTimeTurns(
            self.config.approaches,
            ledger,
            self.config.seed,
            slots_of(ray.cluster_resources(), self.slot),
            prepare.precharged(self.config, self.frozen),
        )
        turns.resume(self.events)
        self.progress.search(self.config, ledger, self.events)
        if not turns.finished:
            inputs = prepare.search_inputs(self.config, self.dataset, self.frozen)
            with self._phase("search"):
                self._tune(turns, inputs)
                self._record_exhaustion(turns)
        self.events = self.store.trial_events()

    def _record_exhaustion(self, turns: EqualTimeTurns) -> None:
        for account, reason in turns.exhausted.items():
            self.store.write_phase_event(
                PhaseEvent(
                    phase="search",
                    event="exhausted",
                    approach=account.approach,
                    replicate=account.replicate,
                    reason=reason,
                )
            )

    def _final_runs(self) -> None:
        turns = final_turns(self.config, self.events)
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
        with self._phase("final"):
            self._tune(ListedTurns(turns), inputs, deliver=deliver)
        self.events = self.store.trial_events()

    def _tune(self, turns: Turns, inputs: Mapping[str, Inputs], *, deliver: Callable[..., None] | None = None) -> None:
        listeners: tuple[Listener, ...] = (self.store.write_trial_event, self.boards, self.progress)
        dispatcher = Dispatcher(
            turns,
            slots=lambda: slots_of(ray.cluster_resources(), self.slot),
            listeners=listeners,
            earlier=self.events,
        )
        trainable = tune.with_parameters(
            ApproachTrainable,
            inputs=inputs,
            slot=self.slot,
            checkpoints=f"{self.store.absolute}/checkpoints",
            cache=str(cache_dir()),
            deliver=deliver,
        )
        scratch = tempfile.mkdtemp(prefix="transfer-study-")
        try:
            tune.Tuner(
                tune.with_resources(trainable, {"CPU": self.slot.cpus, "GPU": self.slot.gpus}),
                tune_config=tune.TuneConfig(search_alg=dispatcher, num_samples=-1, reuse_actors=True),
                run_config=tune.RunConfig(
                    name="study",
                    storage_path=scratch,
                    verbose=0,
                    failure_config=tune.FailureConfig(max_failures=MAX_FAILURES),
                ),
            ).fit()
        finally:
            self.boards.close()
            shutil.rmtree(scratch, ignore_errors=True)

    @contextmanager
    def _phase(self, phase: Phase) -> Iterator[None]:
        slots = slots_of(ray.cluster_resources(), self.slot)
        self.progress.phase(phase, slots)
        self.store.write_phase_event(PhaseEvent(phase=phase, event="started", slots=slots))
        yield
        self.store.write_phase_event(PhaseEvent(phase=phase, event="finished"))


def final_turns(config: StudyConfig, events: list[TrialEvent]) -> list[Turn]:
    """The final runs still to do: every incumbent, seed by seed, so that all approaches advance alike."""
    table = trial_table(pd.DataFrame([event.model_dump() for event in events], columns=list(TrialEvent.model_fields)))
    known = {event.trial: event for event in events if event.event == "started"}
    over = {event.trial for event in events if event.event in ("evaluated", "failed", "diverged")}
    turns = []
    for replicate in range(config.replicates):
        incumbents = incumbent_params(table, replicate)
        for seed in range(config.final.seeds):
            for name in config.approaches:
                trial = f"{name}-r{replicate}-seed{seed}"
                if name not in incumbents or trial in over:
                    continue
                if trial in known:
                    turns.append(turn_of(known[trial]))
                    continue
                index = replicate * config.final.seeds + seed
                turns.append(
                    Turn(
                        trial=trial,
                        account=Account(name, replicate),
                        phase="final",
                        index=index,
                        seed=derived_seed(config.seed, "final", index),
                        params=incumbents[name],
                        origin="incumbent",
                        allowance_s=config.final_seconds,
                    )
                )
    return turns


def incumbent_params(trials: pd.DataFrame, replicate: int) -> dict[str, dict[str, HyperparameterValue]]:
    """The best validated configuration of every approach that has one."""
    searched = trials[(trials.phase == "search") & (trials.replicate == replicate)]
    best = {name: best_trial(of_approach) for name, of_approach in searched.groupby("approach")}
    return {str(name): dict(trial.params) for name, trial in best.items() if trial is not None}


def write_predictions(
    spec: TrialSpec,
    predictions: Predictions,
    probabilities: Probabilities,
    *,
    location: str,
    ids: tuple[str, ...],
    groups: tuple[str, ...] | None,
    labels: np.ndarray,
) -> None:
    """Write what one final run predicted for the test split; called where the run is, with what `deliver` passes."""
    frame = pd.DataFrame(
        {
            "approach": spec.approach,
            "seed": spec.index,
            "image": list(ids),
            "group": list(groups) if groups is not None else None,
            "label": labels,
            "prediction": predictions.labels,
        }
    )
    if predictions.probabilities is not None:
        columns = [f"p_{index}" for index in range(predictions.probabilities.shape[1])]
        frame = pd.concat([frame, pd.DataFrame(predictions.probabilities, columns=columns)], axis=1)
    Store(location).write_predictions(spec.trial, frame)


def open_checked(config: StudyConfig) -> Dataset:
    """The data set of a study, refused if no fair comparison can be made on it."""
    dataset = open_dataset(config.data)
    dataset.check()
    return dataset


@contextmanager
def connected(address: str | None) -> Iterator[Mapping[str, float]]:
    """Connect to a cluster, or start Ray on this machine, for as long as the context lasts; its resources."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    if ray.is_initialized():
        yield ray.cluster_resources()
        return
    local = {} if address else {"include_dashboard": False}
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **local)
    except (ConnectionError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise StudyError(f"--address {address}: no Ray cluster there ({reason}); start one or leave it out") from error
    try:
        yield ray.cluster_resources()
    finally:
        ray.shutdown()
