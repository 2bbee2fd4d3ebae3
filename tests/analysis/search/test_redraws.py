"""What is drawn anew: the ended search trials of each replicate."""

import json
from dataclasses import asdict
from math import inf, nan

import numpy as np
import pandas as pd
import pytest

from analysis.records.reading import read_study
from analysis.records.trials import feature_charges, trial_table
from analysis.search.redraws import TrialSet, trial_sets
from tests.analysis.search.budgets import compute, values
from tests.support.synthetic_study import StudyWriter, write_study


@pytest.mark.parametrize(
    ("costs", "accuracies", "start", "message"),
    [
        ([1, 2], [0.5], 0, "one of each per trial"),
        ([-1], [0.5], 0, r"a cost of -1\.0 s"),
        ([nan], [0.5], 0, "a cost of nan s"),
        ([1], [0.5], inf, "a cost of inf s"),
        ([1], [87.2], 0, r"an accuracy of 87\.2; give values in \[0, 1\]"),
    ],
)
def test_unusable_trials_are_named(costs, accuracies, start, message):
    with pytest.raises(ValueError, match=message):
        TrialSet(costs, accuracies, start)


def test_the_sets_of_a_study_are_its_ended_search_trials(tmp_path):
    records = read_study(write_study(tmp_path))
    trials = trial_table(records.events)
    owed = feature_charges(records.features, records.settings.feature_cost)
    (svm,) = trial_sets(trials, "feature_svm", start_s=owed["feature_svm"])
    assert (values(svm.cost_s), values(svm.accuracy), svm.start_s) == ([5.0, 5.0], [0.90, 0.85], 10.0)
    (cnn,) = trial_sets(trials, "better_cnn")
    np.testing.assert_array_equal(cnn.accuracy, [0.55, nan, 0.65])  # the second diverged
    found = compute({"feature_svm": svm, "better_cnn": cnn}, records.settings.budget.search_seconds)
    assert (found.curves[0].begins_s, found.curves[1].begins_s) == (15.0, 35.0)
    assert found.overtakings[0].leader == "feature_svm"
    json.dumps(asdict(found), allow_nan=False)


def test_what_a_failed_trial_had_reached_is_left_out_and_replicates_stay_apart(tmp_path):
    writer = StudyWriter(tmp_path)
    writer.trial("a", 0, "finished", 10.0, 0.5)
    writer.trial("a", 1, "failed", 4.0, 0.9, reason="out of memory")
    writer.trial("a", 0, "cut", 20.0, 0.7, replicate=1)
    writer.event("a-r1-0001", 0, "started", approach="a", phase="search", index=1, replicate=1)  # still running
    events = [event.model_dump() for event in writer.store.trial_events()]
    first, second = trial_sets(trial_table(pd.DataFrame(events)), "a")
    np.testing.assert_array_equal(first.accuracy, [0.5, nan])
    assert (values(first.cost_s), values(second.cost_s), values(second.accuracy)) == ([10.0, 4.0], [20.0], [0.7])
