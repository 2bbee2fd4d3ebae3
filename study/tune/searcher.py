"""Between turns and Ray Tune: hands Tune the next trial's configuration, and turns what comes back into records.

All that happens passes here as trial events, in the driver's process alone. Everybody who wants to follow the study
(the records, the curves, the progress display) is a listener.
"""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, Protocol

from ray import tune
from ray.tune.search import Searcher

from analysis.records.errors import RecordsError, StorageError
from analysis.records.schema import TrialEvent
from analysis.records.slugs import visible
from study.place import StudyError
from study.scratch import scratch
from study.search.turns import Turn
from study.tune.averages import AveragesForgotten
from study.tune.deaths import deaths_borne
from study.tune.failures import MAX_FAILURES, Failures, cause_of
from study.tune.keys import keys_kept_out
from study.tune.scheduler import Handover
from study.tune.supply import TrialPhase
from study.variables import variables
from trainables.checkpoints import Files
from trainables.errors import UnreachableError
from trainables.spec import DEFAULT_PACE, DeliveryError, Pace, Slot, Stored
from trainables.trainable import ApproachTrainable

Listener = Callable[[TrialEvent], None]
# Handed out beyond the slots, to wait for a process. A trial that ends leaves its slot to this one at once, and Tune
# asks for the next meanwhile (a suggestion takes tens of milliseconds). And as long as one waits for which no process
# is being made, Tune gives no free process to a trial that has one coming (see scheduler.py).
AHEAD = 1
EVALUATION = frozenset({"test_accuracy", "probabilities"})
# Tune reads these when it runs: no loggers, snapshots, signal handlers, tracebacks or progress display of its own.
TUNE_SETTINGS = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_GLOBAL_CHECKPOINT_S": "1e9",
    "TUNE_MAX_PENDING_TRIALS_PG": "1000000",  # the searcher alone decides how many wait
    "RAY_AIR_NEW_OUTPUT": "0",
}
_WHY = {"evaluated": "its predictions were gone or damaged"}  # of a loss, by the last that had happened
RESULT_FIELDS = frozenset(TrialEvent.model_fields) - {"trial", "time", "params"} - EVALUATION


class Turns(Protocol):
    """Who decides what runs next: see EqualTimeTurns, ListedTurns and Stages."""

    @property
    def finished(self) -> bool: ...
    def next(self) -> Turn | None: ...
    def ended(self, trial: str, event: TrialEvent) -> None: ...


class TurnSearcher(Searcher):  # type: ignore[misc]
    """A Ray Tune searcher that takes its trials from `turns` and tells the listeners what happens to them.

    Args:
        turns: what to run.
        slots: how many trials can run at this moment (one more is handed out, to wait for a process); asked each time
            that Tune asks for a trial, as a cluster may grow.
        listeners: called with every event, in order.
        earlier: events of an earlier session, for trials that go on from there.
        supplied: says where what the trials of a phase need is to be fetched; see supply.py. Asked before a trial has
            started: it may fail, and take a while.
        idle: called when a slot has nothing to do and no trial is left for it just now, as at the end of the search.
        settled: called with the name of each trial whose end is on record, so that its checkpoint is needed no more (if
            its process deleted it, a crash between the two would send the trial back to its beginning).
    """

    def __init__(
        self,
        turns: Turns,
        *,
        slots: Callable[[], int],
        listeners: Iterable[Listener],
        earlier: Iterable[TrialEvent] = (),
        supplied: Callable[[TrialPhase], Stored | None] = lambda phase: None,
        idle: Callable[[], None] = lambda: None,
        settled: Callable[[str], None] = lambda trial: None,
    ) -> None:
        super().__init__()
        self._turns = turns
        self._slots = slots
        self._listeners = tuple(listeners)
        self._supplied, self._idle, self._settled = supplied, idle, settled
        self.broken_by: Exception | None = None  # what the study cannot go on after: records not written, for example
        self.failures = Failures()
        self._running: dict[str, Turn] = {}  # by Tune's own id
        self._most = 0  # trials that were out at a time
        self._last: dict[str, TrialEvent] = {}  # by trial
        for event in sorted(earlier, key=lambda event: event.order):
            self._last[event.trial] = event
            self.failures.note_event(event.event)
        self._uncharged_before: dict[str, float] = {}  # by trial: seconds of attempts before this one

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """Tune asks for a trial: its configuration, None for "not now", or FINISHED."""
        self._stop_if_broken()
        if len(self._running) >= self._slots() + AHEAD:
            return None
        with self._noting_what_breaks():  # the search may end here, and the final runs begin
            turn = self._turns.next()
            if turn is None:
                if self._turns.finished:
                    finished: str = Searcher.FINISHED
                    return finished
                if len(self._running) < self._slots():
                    self._idle()
                return None
            supplies = self._supplied(turn.spec.phase)
            self._running[trial_id] = turn
            self._most = max(self._most, len(self._running))
            if turn.trial not in self._last:
                self._announce(_started(turn))
            return asdict(turn.spec) | {"supplies": supplies}

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """An intermediate report of a trial."""
        self._stop_if_broken()
        with self._noting_what_breaks():
            self.failures.note_event(result["event"])
            turn = self._running[trial_id]
            self._note_loss(turn, trial_id, result)
            self._announce(self._event(turn, result))

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """The last report of a trial, or the news that its process died for good."""
        self._stop_if_broken()
        with self._noting_what_breaks():
            if error or result is None:
                result = {"event": "failed", "reason": self._reason(trial_id)}
            else:
                self.failures.note_event(result["event"])
            turn = self._running.pop(trial_id)
            self._note_loss(turn, trial_id, result)
            self.failures.forget(trial_id)
            event = self._event(turn, result)
            self._announce(event)
            scores = {name: result[name] for name in EVALUATION & result.keys()}
            if scores:
                self._announce(event.model_copy(update=scores | {"event": "evaluated", "order": event.order + 1}))
            self._turns.ended(turn.trial, event)
            self._settled(turn.trial)

    def __getstate__(self) -> dict[str, object]:
        """Nothing travels when Tune pickles its searcher for a snapshot: the records are the state."""
        return {}

    def save(self, checkpoint_path: str) -> None:
        """Nothing to save: the records are the state."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing to restore: see `save`."""

    @contextmanager
    def _noting_what_breaks(self) -> Iterator[None]:
        """Remember what goes wrong here: Tune would take it for a failure of the trial and run that again."""
        try:
            yield
        except Exception as error:
            self.broken_by = error
            raise

    def _stop_if_broken(self) -> None:
        if self.broken_by is None and self.failures.unreachable is not None:  # the other trials would wait in vain too
            self.broken_by = StorageError(str(self.failures.unreachable))
        if self.broken_by is None and (why := self.failures.hopeless(self._most)):
            self.broken_by = StudyError(why)
        if self.broken_by is not None:
            raise self.broken_by

    def _reason(self, trial_id: str) -> str:
        """Why a trial failed for good.

        Raises:
            RecordsError: it could not reach the storage, or hand its predictions over. That says nothing about the
                trial: the study stops, and when it is resumed the trial goes on.
        """
        error = self.failures.error_of(trial_id)
        cause = getattr(error, "cause", None) or error
        if isinstance(cause, UnreachableError | DeliveryError):
            raise RecordsError(str(cause))
        return f"it was started {MAX_FAILURES + 1} times and failed each time; the last time: {cause_of(error)}"

    def _note_loss(self, turn: Turn, trial_id: str, result: Mapping[str, Any]) -> None:
        """When a trial goes on in a new process, what it had done since its last checkpoint is lost, not charged."""
        resumed_at_s, last = result.get("resumed_at_s"), self._last[turn.trial]
        error = self.failures.error_of(trial_id) if resumed_at_s is not None else None
        if resumed_at_s is None or (last.event == "started" and error is None):
            return
        self._uncharged_before[turn.trial] = last.uncharged_s
        why = cause_of(error) if error is not None else _WHY.get(last.event, "the study was interrupted")
        self._announce(
            last.model_copy(
                update={
                    "order": last.order + 1,
                    "event": "lost",
                    "time": time.time(),
                    "charged_s": min(last.charged_s, resumed_at_s),
                    "lost_s": last.lost_s + max(0.0, last.charged_s - resumed_at_s),
                    **_share_of_cpu(last, resumed_at_s),
                    **dict.fromkeys(EVALUATION),
                    "reason": f"{visible(why)}; the trial went on from {resumed_at_s:.1f} charged seconds",
                }
            )
        )

    def _event(self, turn: Turn, result: Mapping[str, Any]) -> TrialEvent:
        last = self._last[turn.trial]
        known = {name: _plain(result[name]) for name in RESULT_FIELDS & result.keys()}
        if "uncharged_s" in result:  # of this attempt alone
            known["uncharged_s"] = result["uncharged_s"] + self._uncharged_before.get(turn.trial, 0.0)
        kept = {name: getattr(last, name) for name in ("charged_s", "cpu_s", "waited_s", "uncharged_s", "lost_s")}
        return TrialEvent.model_validate(turn.identity | kept | known | {"order": last.order + 1})

    def _announce(self, event: TrialEvent) -> None:
        self._last[event.trial] = event
        for listener in self._listeners:
            listener(event)


def run_trials(
    searcher: TurnSearcher,
    slot: Slot,
    *,
    checkpoints: Files,
    pace: Pace = DEFAULT_PACE,
    reuse_actors: bool = True,
) -> None:
    """Run everything that a searcher hands out, as one Ray Tune run.

    Args:
        slot: what each trial holds.
        checkpoints: where running trials keep their checkpoints; all nodes must reach it.
        pace: how often trials report and save.
        reuse_actors: go on with the process of a trial that has ended; False only to measure what that saves.
    """
    trainable = tune.with_parameters(ApproachTrainable, slot=slot, checkpoints=checkpoints, pace=pace)
    with _settled_tune(), scratch("tune") as folder:
        tuner = tune.Tuner(
            tune.with_resources(trainable, {"CPU": slot.cpus, "GPU": slot.gpus}),
            tune_config=tune.TuneConfig(
                search_alg=searcher, scheduler=Handover(), num_samples=-1, reuse_actors=reuse_actors
            ),
            run_config=tune.RunConfig(
                name="study",
                storage_path=str(folder),
                verbose=0,
                callbacks=[searcher.failures, AveragesForgotten()],
                failure_config=tune.FailureConfig(max_failures=MAX_FAILURES),
            ),
        )
        try:
            tuner.fit()
        except Exception as error:
            raise (searcher.broken_by or error) from None
    if searcher.broken_by is not None:
        raise searcher.broken_by


@contextmanager
def _settled_tune() -> Iterator[None]:
    """Have Tune do what a study needs, unless the user's environment says otherwise, and say nothing by itself."""
    logger = logging.getLogger("ray.tune.tune")
    before = logger.level
    logger.setLevel(logging.CRITICAL)  # which trials failed stands in the records
    try:
        settings = {name: value for name, value in TUNE_SETTINGS.items() if name not in os.environ}
        with variables(settings), keys_kept_out(), deaths_borne():
            yield
    finally:
        logger.setLevel(before)


def _started(turn: Turn) -> TrialEvent:
    return TrialEvent(
        **turn.identity,
        order=0,
        event="started",
        params=dict(turn.spec.params),
        origin=turn.origin,
        conditioned_on=turn.conditioned_on,
        charged_s=min(turn.spec.precharged_s, turn.spec.allowance_s),
    )


def _share_of_cpu(last: TrialEvent, kept_s: float) -> dict[str, float | None]:
    """Of the seconds of CPU and of waiting, the part that goes with the charged seconds that were not lost."""
    share = min(1.0, kept_s / last.charged_s) if last.charged_s > 0 else 1.0
    known = {"cpu_s": last.cpu_s, "waited_s": last.waited_s}
    return {name: None if seconds is None else share * seconds for name, seconds in known.items()}


def _plain(value: object) -> object:
    """None for numbers that are not finite: a record holds no NaN. Texts as UTF-8 can hold them."""
    if isinstance(value, str):
        return visible(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value
