"""The best validated trial, and what had been found after how many charged seconds."""

import pandas as pd

from analysis.records.schema import TrialEvent
from analysis.records.trials import trial_table
from analysis.search.incumbents import best_trial, incumbent_curve, incumbents
from tests.analysis.report.summaries import approach, summary


def search_event(
    trial: str, order: int, time: float, charged: float, best: float | None, event: str = "validated"
) -> dict[str, object]:
    fixed = {"approach": "a", "phase": "search", "index": 0}
    made = TrialEvent(trial=trial, order=order, event=event, time=time, charged_s=charged, best_accuracy=best, **fixed)
    return made.model_dump()


def test_the_incumbent_is_the_best_validated_trial_and_when_it_was_found(study_dir):
    (incumbent,) = approach(summary(study_dir), "feature_svm").incumbents
    assert (incumbent.trial, incumbent.valid_accuracy) == ("feature_svm-r0-0000", 0.9)
    assert incumbent.params == {"C": 1.0, "gamma": "scale"}
    assert incumbent.at_s == 10 + 2.5  # the features, then half of the trial


def test_of_two_equal_trials_the_first_started_is_the_incumbent():
    trials = pd.DataFrame({"trial": ["x", "y", "z"], "best_accuracy": [0.5, 0.7, 0.7], "status": "finished"})
    best = best_trial(trials)
    assert best is not None
    assert best.trial == "y"


def test_a_failed_trial_is_never_the_incumbent():
    trials = pd.DataFrame({"trial": ["x", "y"], "best_accuracy": [0.5, 0.7], "status": ["cut", "failed"]})
    best = best_trial(trials)
    assert best is not None
    assert best.trial == "x"


def test_the_curve_adds_the_charges_of_interleaved_trials_in_the_order_of_time():
    events = pd.DataFrame(
        [
            search_event("x", 0, 1.0, 2.0, 0.5),
            search_event("y", 0, 2.0, 3.0, 0.4),
            search_event("x", 1, 3.0, 6.0, 0.6),
            search_event("y", 1, 4.0, 4.0, 0.6),
        ]
    )
    curve = incumbent_curve(events, replicate=0, start_s=10.0)
    assert curve.seconds == (12.0, 19.0, 20.0)
    assert curve.accuracy == (0.5, 0.6, 0.6)
    assert curve.trial == ("x", "x", "x")


def test_seconds_lost_to_a_crash_and_done_again_count_once_and_the_curve_never_runs_backwards():
    events = pd.DataFrame(
        [
            search_event("x", 0, 1.0, 5.0, 0.5),
            search_event("x", 1, 2.0, 9.0, 0.5),
            search_event("x", 2, 3.0, 4.0, 0.5, "lost"),
            search_event("y", 0, 4.0, 2.0, 0.6),
            search_event("x", 3, 5.0, 7.0, 0.7),
            search_event("x", 4, 6.0, 12.0, 0.8, "finished"),
        ]
    )
    curve = incumbent_curve(events, replicate=0)
    assert curve.seconds == (5.0, 9.0 + 2.0, 9.0 + 2.0, 12.0 + 2.0, 12.0 + 2.0)
    assert curve.accuracy == (0.5, 0.6, 0.7, 0.8, 0.8)


def test_what_a_failed_trial_had_reached_is_not_on_the_curve_but_its_seconds_are():
    events = pd.DataFrame(
        [
            search_event("x", 0, 1.0, 5.0, 0.99),
            search_event("x", 1, 2.0, 6.0, 0.99, "failed"),
            search_event("y", 0, 3.0, 3.0, 0.6, "finished"),
        ]
    )
    curve = incumbent_curve(events, replicate=0)
    assert (curve.seconds, curve.accuracy, curve.trial) == ((9.0, 9.0), (0.6, 0.6), ("y", "y"))


def test_an_incumbent_whose_accuracy_another_trial_reached_first_has_that_time():
    events = pd.DataFrame(
        [
            search_event("x", 0, 1.0, 5.0, 0.5),
            search_event("y", 0, 2.0, 5.0, 0.7),
            search_event("x", 1, 3.0, 9.0, 0.7, "finished"),
        ]
    ).assign(params=[{}, {}, {}])
    curve = incumbent_curve(events, replicate=0)
    (incumbent,) = incumbents(trial_table(events), "a", [curve])
    assert (incumbent.trial, incumbent.at_s) == ("x", 10.0)


def test_a_curve_without_validation_is_empty():
    assert incumbent_curve(pd.DataFrame([search_event("x", 0, 1.0, 2.0, None)]), replicate=0).seconds == ()
