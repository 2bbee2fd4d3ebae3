"""Between turns and Ray Tune: what Tune is handed, and what stands in the records afterwards."""

import json
import logging
import math
import os
import pickle
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Literal, cast
from unittest.mock import create_autospec

import pytest
from ray import tune
from ray.tune.search import Searcher

from analysis.records.errors import RecordsError, StorageError
from analysis.records.schema import TrialEvent
from study.place import StudyError
from study.search.turns import ListedTurns, Turn
from study.tune.searcher import AHEAD, TurnSearcher, run_trials
from trainables.errors import UnreachableError
from trainables.spec import DeliveryError, Slot, Stored, TrialSpec


def turn(index: int, *, phase: Literal["search", "final"] = "search", precharged_s: float = 0.0) -> Turn:
    spec = TrialSpec(
        trial=f"cnn-r0-{index:04d}",
        approach="cnn",
        phase=phase,
        index=index,
        params={"lr": 1e-3},
        seed=100 + index,
        allowance_s=20.0,
        precharged_s=precharged_s,
    )
    return Turn(spec=spec, origin="suggested" if phase == "search" else "incumbent")


class Turns(ListedTurns):
    """Listed turns that note how trials ended."""

    def __init__(self, *turns: Turn) -> None:
        super().__init__(list(turns))
        self.ends: dict[str, TrialEvent] = {}

    def ended(self, trial: str, event: TrialEvent) -> None:
        super().ended(trial, event)
        self.ends[trial] = event


class Case:
    """A searcher over some turns, and the events that it announced."""

    def __init__(self, *turns: Turn, slots: int = 2, earlier: tuple[TrialEvent, ...] = ()) -> None:
        self.turns = Turns(*turns)
        self.events: list[TrialEvent] = []
        self.on_record_when_settled: list[list[str]] = []
        self.idle: list[int] = []
        self.slots = slots
        self.searcher = TurnSearcher(
            self.turns,
            slots=lambda: self.slots,
            listeners=[self.events.append],
            earlier=earlier,
            supplied=lambda phase: cast(Stored, f"those of the {phase}"),
            idle=lambda: self.idle.append(len(self.events)),
            settled=lambda trial: self.on_record_when_settled.append(self.names),
        )

    def ask(self, name: str = "a") -> object:
        return self.searcher.suggest(name)

    def report(self, name: str = "a", event: str = "validated", **result: object) -> None:
        self.searcher.on_trial_result(name, {"event": event, "resumed_at_s": None, **result})

    def end(self, name: str = "a", event: str = "finished", **result: object) -> None:
        self.searcher.on_trial_complete(name, {"event": event, "resumed_at_s": None, **result})

    @property
    def names(self) -> list[str]:
        return [event.event for event in self.events]


def test_a_trial_is_handed_out_with_all_that_its_process_needs():
    assert Case(turn(3, precharged_s=2.5)).ask() == {
        "supplies": "those of the search",
        "trial": "cnn-r0-0003",
        "approach": "cnn",
        "phase": "search",
        "replicate": 0,
        "index": 3,
        "params": {"lr": 1e-3},
        "seed": 103,
        "allowance_s": 20.0,
        "precharged_s": 2.5,
    }


def test_a_final_run_is_told_where_what_final_runs_need_is():
    told = Case(turn(0, phase="final")).ask()
    assert isinstance(told, dict)
    assert told["supplies"] == "those of the final"


def test_a_run_has_not_started_while_what_it_needs_is_gathered():
    """A final run was on record as started, and never ran, where a test image could not be read."""
    case = Case(turn(0, phase="final"))

    def supplied(phase: str) -> Stored:
        assert case.events == []
        raise RecordsError("test/a.jpg: not an image")

    case.searcher._supplied = supplied
    with pytest.raises(RecordsError):
        case.ask()
    assert case.events == []
    assert isinstance(case.searcher.broken_by, RecordsError)


def test_a_slot_is_idle_where_no_trial_is_left_for_it_and_others_run():
    case = Case(*map(turn, range(2)), slots=2)
    for name in ("a", "b", "c"):
        case.ask(name)
    assert case.idle == [], "both slots have work"
    case.end("a", charged_s=1.0)
    case.ask("c")
    assert len(case.idle) == 1
    case.end("b", charged_s=1.0)
    assert case.ask("c") == Searcher.FINISHED
    assert len(case.idle) == 1


def test_what_goes_wrong_between_search_and_final_runs_ends_the_study():
    """Tune itself would only say that its searcher failed."""
    case = Case()
    case.searcher._turns = turns = create_autospec(ListedTurns, instance=True)
    turns.next.side_effect = StudyError("no trial of any approach has a result")
    with pytest.raises(StudyError):
        case.ask()
    assert isinstance(case.searcher.broken_by, StudyError)


def test_no_more_trials_are_handed_out_than_slots_and_one_to_wait():
    case = Case(*map(turn, range(9)), slots=2)
    assert all(case.ask(str(index)) for index in range(2 + AHEAD))
    assert case.ask("next") is None
    case.end("0", charged_s=1.0)
    assert case.ask("next") is not None


def test_a_growing_cluster_gets_more_trials_at_once():
    case = Case(*map(turn, range(9)), slots=1)
    assert [case.ask(str(index)) is None for index in range(3)] == [False, False, True]
    case.slots = 2
    assert case.ask("2") is not None


def test_tune_is_told_that_all_is_finished_only_when_nothing_runs():
    case = Case(turn(0))
    case.ask()
    assert case.ask("b") is None
    case.end(charged_s=1.0)
    assert case.ask("b") == Searcher.FINISHED


def test_the_events_of_a_trial_are_numbered_in_order():
    case = Case(turn(0))
    case.ask()
    case.report(charged_s=1.0, resumed_at_s=0.0)
    case.report(event="heartbeat", charged_s=2.0)
    case.end(charged_s=3.0)
    assert case.names == ["started", "validated", "heartbeat", "finished"]
    assert [event.order for event in case.events] == [0, 1, 2, 3]


def test_every_event_says_whose_it_is():
    case = Case(turn(4))
    case.ask()
    case.end(charged_s=1.0)
    assert {(event.trial, event.approach, event.index, event.seed, event.allowance_s) for event in case.events} == {
        ("cnn-r0-0004", "cnn", 4, 104, 20.0)
    }
    assert case.events[0].params == {"lr": 1e-3}


def test_results_are_recorded_as_reported():
    case = Case(turn(0))
    case.ask()
    case.end(event="cut", charged_s=20.0, overshoot_s=0.25, epoch=1.5, best_accuracy=0.9, host="node7", done=True)
    last = case.events[-1]
    assert (last.event, last.charged_s, last.overshoot_s, last.epoch) == ("cut", 20.0, 0.25, 1.5)
    assert (last.best_accuracy, last.host) == (0.9, "node7")
    assert case.turns.ends["cnn-r0-0000"] == last


def test_a_trial_that_owes_for_its_features_has_charged_them_when_it_starts():
    case = Case(turn(0, precharged_s=4.0))
    case.ask()
    assert case.events[0].charged_s == 4.0


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_never_reaches_a_record(value):
    case = Case(turn(0))
    case.ask()
    case.end(event="diverged", charged_s=1.0, train_loss=value, valid_loss=value)
    assert case.events[-1].train_loss is None
    assert "nan" not in case.events[-1].model_dump_json().lower()
    assert "inf" not in case.events[-1].model_dump_json(exclude={"reason"}).lower()


@pytest.mark.parametrize("event", ["failed", "lost"])
def test_a_text_that_no_file_can_hold_is_written_out_in_a_record(event, monkeypatch):
    """Half a character, as Python keeps a byte of a path that is no UTF-8."""
    case = Case(turn(0))
    case.ask()
    case.report(event="validated", charged_s=1.0, host="caf\udce9")
    if event == "failed":
        case.end(event="failed", charged_s=1.0, reason="no caf\udce9")
    else:
        monkeypatch.setattr(case.searcher.failures, "error_of", lambda _: OSError("no caf\udce9"))
        case.report(event="validated", charged_s=1.0, resumed_at_s=0.5)
    written = [one for one in case.events if one.event == event]
    assert written[0].reason is not None
    assert r"no caf\udce9" in written[0].reason
    assert all(json.loads(one.model_dump_json())["host"] in (None, r"caf\udce9") for one in case.events)


def test_what_is_no_field_of_a_record_is_left_out():
    case = Case(turn(0))
    case.ask()
    case.end(charged_s=1.0, training_iteration=7, time_total_s=3.0, config={"trial": "x"})
    assert case.names == ["started", "finished"]


def test_work_lost_when_a_process_dies_is_recorded_and_not_charged():
    case = Case(turn(0))
    case.ask()
    case.report(charged_s=5.0, resumed_at_s=0.0)
    case.report(charged_s=9.0)
    case.report(charged_s=6.0, resumed_at_s=4.0)  # again, from a checkpoint made at 4 s
    case.end(charged_s=8.0)
    assert case.names == ["started", "validated", "validated", "lost", "validated", "finished"]
    lost = case.events[3]
    assert (lost.charged_s, lost.lost_s) == (4.0, 5.0)
    assert lost.reason == "the study was interrupted; the trial went on from 4.0 charged seconds"
    assert (case.events[-1].charged_s, case.events[-1].lost_s) == (8.0, 5.0)
    assert [event.order for event in case.events] == list(range(6))


def test_work_lost_twice_adds_up():
    case = Case(turn(0))
    case.ask()
    case.report(charged_s=5.0, resumed_at_s=0.0)
    case.report(charged_s=3.0, resumed_at_s=0.0)
    case.end(charged_s=2.0, resumed_at_s=0.0)
    assert case.names == ["started", "validated", "lost", "validated", "lost", "finished"]
    assert case.events[-1].lost_s == 5.0 + 3.0


def test_seconds_of_cpu_stay_with_the_charged_seconds_they_belong_to():
    case = Case(turn(0))
    case.ask()
    case.report(charged_s=10.0, cpu_s=6.0, waited_s=4.0, resumed_at_s=0.0)
    case.report(charged_s=6.0, cpu_s=3.5, waited_s=2.5, resumed_at_s=5.0)
    case.searcher.on_trial_complete("a", None, error=True)
    assert case.names == ["started", "validated", "lost", "validated", "failed"]
    assert [(event.cpu_s, event.waited_s) for event in case.events] == [
        (None, None),
        (6.0, 4.0),
        (3.0, 2.0),
        (3.5, 2.5),
        (3.5, 2.5),
    ]


def test_what_an_attempt_spent_uncharged_stays_spent():
    case = Case(turn(0))
    case.ask()
    case.report(charged_s=5.0, resumed_at_s=0.0, uncharged_s=2.0)
    case.report(charged_s=5.0, resumed_at_s=0.0, uncharged_s=1.0)
    case.searcher.on_trial_complete("a", None, error=True)
    assert [event.uncharged_s for event in case.events] == [0.0, 2.0, 2.0, 3.0, 3.0]


def test_a_trial_resumed_in_another_session_goes_on_in_its_records():
    earlier = Case(turn(0))
    earlier.ask()
    earlier.report(charged_s=5.0, resumed_at_s=0.0)
    case = Case(turn(0), earlier=tuple(earlier.events))
    case.ask()
    assert case.events == [], "it has started already"
    case.end(charged_s=7.0, resumed_at_s=0.0)
    assert case.names == ["lost", "finished"]
    assert [event.order for event in case.events] == [2, 3]
    assert case.events[-1].lost_s == 5.0


def test_a_final_run_that_was_evaluated_and_is_done_again_says_why_and_has_its_own_accuracy():
    earlier = Case(turn(0, phase="final"))
    earlier.ask()
    earlier.end(charged_s=7.0, resumed_at_s=0.0, test_accuracy=0.8, probabilities="softmax")
    case = Case(turn(0, phase="final"), earlier=tuple(earlier.events))
    case.ask()
    case.end(charged_s=6.0, resumed_at_s=0.0, test_accuracy=0.75, probabilities="softmax")
    assert earlier.names == ["started", "finished", "evaluated"]
    assert case.names == ["lost", "finished", "evaluated"]
    assert [event.test_accuracy for event in case.events] == [None, None, 0.75]
    assert case.events[0].reason == "its predictions were gone or damaged; the trial went on from 0.0 charged seconds"
    assert (case.events[-1].charged_s, case.events[-1].lost_s) == (6.0, 7.0)


def test_a_trial_resumed_where_it_stopped_has_lost_nothing():
    earlier = Case(turn(0))
    earlier.ask()
    earlier.report(charged_s=5.0, resumed_at_s=0.0)
    case = Case(turn(0), earlier=tuple(earlier.events))
    case.ask()
    case.end(charged_s=7.0, resumed_at_s=5.0)
    assert case.events[-1].lost_s == 0.0


@pytest.mark.parametrize("reported", [None, {"event": "validated", "charged_s": 3.0}])
def test_a_trial_whose_process_died_for_good_has_failed_and_keeps_what_it_charged(reported):
    case = Case(turn(0))
    case.ask()
    case.report(charged_s=3.0, resumed_at_s=0.0)
    case.searcher.on_trial_complete("a", reported, error=True)
    failed = case.events[-1]
    assert (failed.event, failed.charged_s) == ("failed", 3.0)
    assert failed.reason.startswith("it was started 3 times and failed each time")
    assert case.turns.finished


def test_a_failure_is_recorded_with_its_reason():
    case = Case(turn(0))
    case.ask()
    case.end(event="failed", charged_s=1.0, reason="OutOfMemoryError: no memory left")
    assert case.events[-1].reason == "OutOfMemoryError: no memory left"


def test_a_final_run_is_evaluated_after_it_has_ended():
    case = Case(turn(0, phase="final"))
    case.ask()
    case.end(event="cut", charged_s=20.0, best_accuracy=0.8, test_accuracy=0.75, probabilities="softmax")
    assert case.names == ["started", "cut", "evaluated"]
    ended, evaluated = case.events[1:]
    assert ended.test_accuracy is None
    assert (evaluated.test_accuracy, evaluated.probabilities, evaluated.order) == (0.75, "softmax", 2)
    assert (evaluated.charged_s, evaluated.best_accuracy) == (20.0, 0.8)


def test_a_trial_is_settled_once_its_end_is_on_record():
    case = Case(turn(0, phase="final"))
    case.ask()
    case.report(charged_s=1.0)
    assert case.on_record_when_settled == []
    case.end(charged_s=2.0, test_accuracy=0.75)
    assert case.on_record_when_settled == [["started", "validated", "finished", "evaluated"]]


def test_a_final_run_that_could_not_hand_its_predictions_over_has_not_failed_but_stops_the_study(monkeypatch):
    """A full disk says nothing about the run: it is done again when the study is resumed."""
    case = Case(turn(0, phase="final"))
    case.ask()
    error = DeliveryError("cnn-r0-0000: predictions not written (OSError: no space left)")
    monkeypatch.setattr(case.searcher.failures, "error_of", {"a": error}.get)
    with pytest.raises(RecordsError, match="predictions not written"):
        case.searcher.on_trial_complete("a", None, error=True)
    assert case.names == ["started"]
    with pytest.raises(RecordsError, match="predictions not written"):
        case.ask("b")


def test_a_trial_that_waited_in_vain_for_the_storage_stops_the_study(monkeypatch):
    """All others would wait in vain too, each for as long; nothing says that any of them has failed."""
    case = Case(turn(0), turn(1))
    case.ask()
    error = UnreachableError("cnn-r0-0000: checkpoint not read (no route to the store)")
    monkeypatch.setattr(case.searcher.failures, "error_of", {"a": error}.get)
    case.searcher.failures.on_trial_recover(0, [], SimpleNamespace(trial_id="a"))
    for _ in range(2):
        with pytest.raises(StorageError, match="checkpoint not read"):
            case.ask("b")
    assert case.names == ["started"]


def test_a_study_whose_every_process_dies_at_its_start_is_stopped_and_no_trial_has_failed(monkeypatch):
    case = Case(turn(0), turn(1), slots=1)
    for name in "ab":
        case.ask(name)
    monkeypatch.setattr(case.searcher.failures, "error_of", lambda name: ValueError("no room"))
    for name in "aba":
        case.searcher.failures.on_trial_recover(0, [], SimpleNamespace(trial_id=name))
        assert case.ask("c") is None
    case.searcher.failures.on_trial_recover(0, [], SimpleNamespace(trial_id="b"))
    for _ in range(2):
        with pytest.raises(
            StudyError, match=r"^no trial comes to a result: 4 processes .* ValueError: no room; mend that"
        ):
            case.ask("c")
    assert case.names == ["started", "started"]


def test_a_trial_whose_process_dies_at_once_is_known_to_have_been_started_again(monkeypatch):
    case = Case(turn(0))
    case.ask()
    error = ValueError("no room")
    monkeypatch.setattr(case.searcher.failures, "error_of", {"a": error}.get)
    case.report(charged_s=1.0, resumed_at_s=0.0)
    assert case.names == ["started", "lost", "validated"]
    assert case.events[1].reason == "ValueError: no room; the trial went on from 0.0 charged seconds"


def test_a_death_before_the_only_report_of_a_trial_is_on_record_with_its_cause(tmp_path):
    """As of a trial of one step: by then its error had been forgotten, and that it had been lost was not recorded."""
    case, trial = Case(turn(0)), SimpleNamespace(trial_id="a", pickled_error_file=str(tmp_path / "error.pkl"))
    Path(trial.pickled_error_file).write_bytes(pickle.dumps(ValueError("no room")))
    case.ask()
    case.searcher.failures.on_trial_recover(0, [], trial)
    case.end(charged_s=1.0, resumed_at_s=0.0)
    assert case.names == ["started", "lost", "finished"]
    assert case.events[1].reason == "ValueError: no room; the trial went on from 0.0 charged seconds"
    assert case.searcher.failures.error_of("a") is None


def test_a_final_run_that_failed_is_not_evaluated():
    case = Case(turn(0, phase="final"))
    case.ask()
    case.end(event="failed", charged_s=1.0, reason="ValueError: no")
    assert case.names == ["started", "failed"]


def test_trials_that_run_side_by_side_do_not_mix():
    case = Case(turn(0), turn(1))
    case.ask("a")
    case.ask("b")
    case.report("a", charged_s=5.0, resumed_at_s=0.0)
    case.end("b", charged_s=1.0, resumed_at_s=0.0)
    case.end("a", charged_s=6.0)
    orders = {event.trial: [e.order for e in case.events if e.trial == event.trial] for event in case.events}
    assert orders == {"cnn-r0-0000": [0, 1, 2], "cnn-r0-0001": [0, 1]}
    times = [event.time for event in case.events]
    assert all(a <= b for a, b in pairwise(times))


def test_tune_may_pickle_its_searcher_at_any_time():
    """Listeners hold open files; a snapshot must neither fail on them nor carry them."""
    case = Case(turn(0))
    case.ask()
    assert pickle.loads(pickle.dumps(case.searcher)).__dict__ == {}


def test_what_tune_is_told_by_the_environment_and_the_log_is_as_before_when_the_trials_have_run(monkeypatch):
    monkeypatch.delenv("TUNE_GLOBAL_CHECKPOINT_S", raising=False)
    monkeypatch.setenv("RAY_AIR_NEW_OUTPUT", "1")
    logger = logging.getLogger("ray.tune.tune")
    before = dict(os.environ), logger.level
    meanwhile = []

    def fitted(tuner: object) -> None:
        meanwhile.extend([os.environ["TUNE_GLOBAL_CHECKPOINT_S"], os.environ["RAY_AIR_NEW_OUTPUT"], logger.level])
        raise RuntimeError("stopped")

    monkeypatch.setattr(tune, "with_parameters", lambda trainable, **given: trainable)
    monkeypatch.setattr(tune.Tuner, "__init__", lambda self, *given, **more: None)
    monkeypatch.setattr(tune.Tuner, "fit", fitted)
    with pytest.raises(RuntimeError, match="stopped"):
        run_trials(Case(turn(0)).searcher, Slot(1, 0.0), checkpoints=SimpleNamespace())
    assert meanwhile == ["1e9", "1", logging.CRITICAL]  # no snapshot in 30 years
    assert (dict(os.environ), logger.level) == before
