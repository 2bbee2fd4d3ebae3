"""What is left of a study's search, final runs and report, done with Ray Tune.

Search and final runs are one Tune run, so that the processes of the search go on with the final runs: to make new ones
takes seconds, in which no slot has anything to do. Nothing of Tune's own state is kept or restored. What was done
stands in the records, and a resumed study starts a new Tune run with what is left to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.records.files import predictions_name
from analysis.records.reading import predictions_of
from analysis.records.schema import DataInfo, PhaseEvent, TrialEvent
from analysis.records.storage import Storage
from analysis.records.trials import event_table
from study.extend import mark_finished
from study.listeners import History, Listener
from study.phases import Phases
from study.place import StudyError
from study.predictions import write_predictions
from study.search.finals import final_turns
from study.search.ledger import Account, open_ledger
from study.search.stages import Stages
from study.search.turns import EqualTimeTurns, ListedTurns
from study.session.checkpoints import Checkpoints
from study.session.inputs import final_inputs
from study.session.ready import Ready
from study.tune.searcher import TurnSearcher, run_trials
from study.tune.supply import Supply, TrialPhase
from trainables.checkpoints import CheckpointStore
from trainables.spec import Deliver, Pace, Supplies

if TYPE_CHECKING:
    from analysis.report.write import ReportPaths


class Session:
    """One sitting of a study: from wherever its records end to the report.

    Args:
        ready: the study.
        history: what is on record; among the listeners.
        listeners: told of all that happens, in turn.
    """

    def __init__(self, ready: Ready, history: History, listeners: tuple[Listener, ...]) -> None:
        self.ready, self.history, self.listeners = ready, history, listeners
        self.phases = Phases(listeners, ready.count_slots)

    def to_the_end(self) -> ReportPaths:
        """Whatever is left to do of search, final runs and report."""
        self._run(self._stages())
        from analysis.report.write import write_report  # with SciPy and Matplotlib, which nothing before this needs

        with self.phases.during("report"):
            report = write_report(self.ready.store.location)
        mark_finished(self.ready.store)
        return report

    def _stages(self) -> Iterator[EqualTimeTurns | ListedTurns]:
        """The search, unless it is over, and then the final runs that are left; each is over when it is asked on."""
        search = self._search()
        if not search.finished:
            with self.phases.during("search"):
                yield search
        for event in _exhaustions(search.exhausted, self.history.phases):
            self.phases.announce(event)
        _refuse_nothing_found(self.ready, self.history.trials)
        finals = self._final_runs()
        if finals.finished:
            self._close_final_runs()
            return
        with self.phases.during("final"):
            yield finals

    def _search(self) -> EqualTimeTurns:
        ready, earlier = self.ready, self.history.trials
        config = ready.config
        ledger = open_ledger(config.approaches, config.replicates, config.budget, ready.prepared.owed_s)
        turns = EqualTimeTurns(config.approaches, ledger, config.seed, ready.count_slots(), ready.prepared.precharged_s)
        turns.resume(earlier)
        ready.progress.search(ledger, turns.exhausted, earlier)
        return turns

    def _final_runs(self) -> ListedTurns:
        ready = self.ready
        predicted = {Path(name).stem for name in ready.store.own("predictions")}
        lost = self._lost_predictions()
        turns = final_turns(ready.config, self.history.trials, predicted, ready.prepared.precharged_s, lost)
        ready.progress.final(len(turns))
        return ListedTurns(turns)

    def _lost_predictions(self) -> Mapping[str, str]:
        """Final runs to be done again, as what they predicted is gone or damaged: by trial, with what is wrong."""
        store = self.ready.store
        events = event_table(self.history.trials)
        lost = predictions_of(store, events, store.read_record("data.json", DataInfo)).lost
        for run, problem in lost.items():
            self.ready.progress.say(f"{store.path(predictions_name(run))}: {problem}; this run is done again")
        store.forget_predictions(lost)
        return lost

    def _close_final_runs(self) -> None:
        """Whoever was killed after the last of them has not said that they are finished."""
        known = [event.event for event in self.history.phases if event.phase == "final"]
        if known and known[-1] != "finished":
            self.phases.announce(PhaseEvent(phase="final", event="finished"))

    def _run(self, stages: Iterable[EqualTimeTurns | ListedTurns]) -> None:
        turns = Stages(stages)
        if turns.finished:
            return
        ready = self.ready
        place = ready.store.absolute
        checkpoints = Checkpoints(Storage(place))
        in_passing = Checkpoints(Storage(place, patience_s=0.0))  # one that stays is harmless, and removed in the end
        checkpoints.drop_pickles(ready.progress.say)
        with Supply(partial(_supplies, ready)) as supply:
            searcher = TurnSearcher(
                turns,
                slots=self.phases.slots,
                listeners=self.listeners,
                earlier=self.history.trials,
                supplied=supply.of_phase,
                idle=partial(supply.gather_ahead, "final"),
                settled=lambda trial: CheckpointStore(in_passing, trial).delete(),
            )
            run_trials(
                searcher,
                ready.slot,
                checkpoints=checkpoints,
                pace=Pace(ready.config.pace.heartbeat_seconds, ready.config.pace.checkpoint_seconds),
            )
        checkpoints.clear()


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


def _refuse_nothing_found(ready: Ready, events: list[TrialEvent]) -> None:
    searched = [event for event in events if event.phase == "search"]
    if any(event.best_accuracy is not None for event in searched):
        return
    reasons = [event.reason for event in searched if event.reason]
    why = f"the last one failed: {reasons[-1]}" if reasons else "none came as far as its first validation"
    raise StudyError(
        f"{ready.store.location}: no trial of any approach has a result; {why}; "
        f"mend that, or raise budget.trial_seconds ({ready.config.budget.trial_seconds:g} s)"
    )


def _supplies(ready: Ready, phase: TrialPhase) -> Supplies:
    """What the trials of a phase need. The test split is opened here alone, and for final runs alone.

    It is read into this process as soon as a slot is idle while the last trials of the search run; no other process has
    it before the search is over.
    """
    if phase == "search":
        return Supplies(ready.search_inputs)
    inputs = final_inputs(ready.config, ready.dataset, ready.prepared.frozen)
    return Supplies(ready.sharing.inputs(inputs), _deliver(ready))


def _deliver(ready: Ready) -> Deliver:
    """Called where a final run ran, with what it predicted."""
    test = ready.dataset.splits["test"]
    return partial(
        write_predictions, location=ready.store.absolute, ids=test.ids, groups=test.groups, labels=test.labels
    )
