import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, log_loss

from analysis.predictions import outcomes
from analysis.records.errors import RecordsError
from analysis.records.schema import FeatureCost, TrialEvent
from analysis.records.store import Store, read_study
from analysis.records.trials import trial_table
from analysis.report.search_wording import slots_used
from analysis.report.summary import StudySummary, summarise
from analysis.search.accounts import best_trial, incumbent_curve, incumbents
from tests.support.synthetic_study import IMAGES, StudyWriter, predictions


def summary(location: str) -> StudySummary:
    return summarise(read_study(location))


@pytest.fixture
def growing(tmp_path) -> StudyWriter:
    """A search of 12 s that charged 20 s: 4 s on one slot, 6 s on three, and 2 s on one again."""
    writer = StudyWriter(tmp_path)
    settings = {"name": "n", "approaches": {"a": {}}, "budget": {"search_seconds": 100, "trial_seconds": 20}}
    writer.store.write_bytes("study.yaml", yaml.safe_dump(settings).encode())
    writer.now = 0.0
    writer.phase("search", "started", slots=1)  # at 1
    writer.now = 4.0
    writer.phase("search", "resized", slots=3)  # at 5
    writer.now = 1.0
    writer.trial("a", 0, "finished", 10.0, 0.5)  # ends at 10
    writer.now = 1.0
    writer.trial("a", 1, "finished", 10.0, 0.5)  # ends at 10 too
    writer.phase("search", "resized", slots=1)  # at 11
    writer.now = 12.0
    writer.phase("search", "finished")  # at 13
    return writer


def approach(study: StudySummary, name: str):
    return next(a for a in study.approaches if a.name == name)


def search_event(
    trial: str, order: int, time: float, charged: float, best: float | None, event: str = "validated"
) -> dict[str, object]:
    fixed = {"approach": "a", "phase": "search", "index": 0}
    made = TrialEvent(trial=trial, order=order, event=event, time=time, charged_s=charged, best_accuracy=best, **fixed)
    return made.model_dump()


def test_the_ledger_counts_seconds_and_endings(study_dir):
    account = approach(summary(study_dir), "fine_tune").account
    assert (account.trials, account.finished, account.cut, account.failed) == (4, 2, 1, 1)
    assert (account.charged_s, account.budget_s) == (59.0, 60.0)
    assert account.refunded_s == 0 + 16 + 0 + 5
    assert account.overshoot_s == pytest.approx(0.4)
    assert account.exhausted is None


def test_frozen_features_are_charged_once_to_whoever_uses_them(study_dir):
    study = summary(study_dir)
    assert approach(study, "feature_svm").account.charged_s == 5 + 5 + 10
    assert approach(study, "fine_tune").account.feature_s == 0


def test_who_ran_out_of_configurations_is_named_with_the_reason(study_dir):
    assert approach(summary(study_dir), "feature_svm").account.exhausted == "all 2 grid points were tried"


def test_the_charged_times_of_those_who_did_not_run_out_are_compared(study_dir):
    assert summary(study_dir).search.charged_spread == pytest.approx((59 - 55) / 60)


def test_utilisation_leaves_frozen_features_out(study_dir):
    search = summary(study_dir).search
    assert search.slots == 2
    assert search.utilisation == pytest.approx((55 + 10 + 59) / (2 * search.wall_seconds))


def test_features_charged_to_every_trial_are_in_its_charge_and_no_work_of_the_search(tmp_path):
    writer = StudyWriter(tmp_path)
    budget = {"search_seconds": 100, "trial_seconds": 30}
    settings = {"name": "n", "approaches": {"a": {}, "b": {}}, "budget": budget, "feature_cost": "every_trial"}
    writer.store.write_bytes("study.yaml", yaml.safe_dump(settings).encode())
    cost = FeatureCost(key="k", backbone="b", image_size=(8, 8), cost_s=6.0, cached=False, approaches=("a",))
    writer.store.write_record("features/k.json", cost)
    writer.now = 0.0
    writer.phase("search", "started", slots=1)  # at 1
    writer.trial("a", 0, "finished", 10.0, 0.5)
    writer.trial("a", 1, "cut", 10.0, 0.5)
    writer.trial("a", 2, "failed", 0.0, None, reason="its settings were wrong")  # before it was charged anything
    writer.trial("b", 0, "finished", 9.0, 0.5)
    writer.phase("search", "finished")
    study = summary(str(tmp_path))
    a, b = approach(study, "a").account, approach(study, "b").account
    assert (a.charged_s, a.feature_s) == (20.0, 12.0)
    assert (b.charged_s, b.feature_s) == (9.0, 0.0)
    assert study.search.utilisation == pytest.approx((4 + 4 + 9) / study.search.wall_seconds)


def test_a_session_that_was_killed_ends_with_its_last_trial_event(tmp_path):
    writer = StudyWriter(tmp_path)
    settings = {"name": "n", "approaches": {"a": {}}, "budget": {"search_seconds": 100, "trial_seconds": 10}}
    writer.store.write_bytes("study.yaml", yaml.safe_dump(settings).encode())
    writer.now = 0.0
    writer.phase("search", "started", slots=2)  # at 1
    writer.trial("a", 0, "finished", 8.0, 0.5)  # ends at 10, then the driver dies
    writer.now = 500.0
    writer.phase("search", "started", slots=4)  # at 501
    writer.trial("a", 1, "finished", 8.0, 0.5)
    writer.phase("search", "finished")  # at 511
    search = summary(str(tmp_path)).search
    assert search.wall_seconds == 9 + 10
    assert search.slots == 4
    assert search.utilisation == pytest.approx(16 / (9 * 2 + 10 * 4))


def test_utilisation_counts_the_slots_that_were_there_while_nodes_came_and_went(growing):
    search = summary(growing.store.location).search
    assert search.wall_seconds == 4 + 6 + 2
    assert search.slots == 1
    assert search.mean_slots == pytest.approx((4 * 1 + 6 * 3 + 2 * 1) / 12)
    assert search.utilisation == pytest.approx(20 / (4 * 1 + 6 * 3 + 2 * 1))


def test_a_cluster_without_any_slot_for_a_while_has_nothing_to_use_meanwhile(growing):
    growing.phase("search", "started", slots=1)  # at 14: resumed
    growing.phase("search", "resized", slots=0)  # at 15
    growing.now += 100
    growing.phase("search", "resized", slots=1)  # at 116
    growing.phase("search", "finished")  # at 117
    search = summary(growing.store.location).search
    assert search.wall_seconds == 12 + 1 + 101 + 1
    assert search.utilisation == pytest.approx(20 / (24 + 1 + 1))


def test_a_session_that_was_killed_ends_with_a_resized_that_came_after_its_last_trial_event(growing):
    growing.phase("search", "started", slots=1)  # at 14: resumed
    growing.phase("search", "resized", slots=2)  # at 15
    growing.trial("a", 2, "finished", 3.0, 0.5)  # ends at 24
    growing.now += 50
    growing.phase("search", "resized", slots=1)  # at 75, and then the driver dies
    search = summary(growing.store.location).search
    assert search.wall_seconds == 12 + 1 + 60
    assert search.utilisation == pytest.approx(23 / (24 + 1 * 1 + 60 * 2))


def test_the_report_says_how_many_slots_there_were_on_average(growing):
    assert slots_used(summary(growing.store.location).search) == " on 2.0 slots on average"


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


def test_test_scores_agree_with_scikit_learn(study_dir):
    records = read_study(study_dir)
    test = approach(summarise(records), "fine_tune").test
    rows = records.predictions[records.predictions.approach == "fine_tune"]
    assert test is not None
    assert test.accuracy.estimate == pytest.approx((rows.label == rows.prediction).mean())
    assert test.balanced_accuracy.estimate == pytest.approx(balanced_accuracy_score(rows.label, rows.prediction))
    assert test.losses is not None
    expected = log_loss(rows.label, rows[["p_0", "p_1", "p_2"]])
    assert test.losses.log_loss.estimate == pytest.approx(expected, rel=1e-6)
    np.testing.assert_allclose(test.confusion * 3, confusion_matrix(rows.label, rows.prediction))


def test_calibrated_probabilities_are_named_so(study_dir):
    compared = summary(study_dir).comparison
    assert compared is not None
    assert {test.name: test.probabilities for test in compared.ranked} == {
        "feature_svm": "calibrated_on_validation",
        "fine_tune": "softmax",
        "better_cnn": "softmax",
    }


def test_groups_become_the_unit(make_study):
    alone, grouped = summary(make_study()), summary(make_study(grouped=True))
    assert alone.comparison is not None
    assert grouped.comparison is not None
    assert (alone.comparison.units, grouped.comparison.units) == (IMAGES, IMAGES // 4)
    assert grouped.pairs[0].difference.difference == alone.pairs[0].difference.difference
    assert grouped.pairs[0].difference.se != alone.pairs[0].difference.se


@pytest.mark.parametrize(("grouped", "unit"), [(True, "group of images"), (False, "image")])
def test_a_test_split_that_is_a_single_unit_is_refused_in_one_line(make_study, grouped, unit):
    records = read_study(make_study(grouped=grouped))
    rows = records.predictions
    alone = rows.assign(group="day1") if grouped else rows[rows.image == rows.image.iloc[0]]
    with pytest.raises(RecordsError, match=rf"^.*the test split is one {unit}, .* at least two; give ") as e:
        summarise(replace(records, predictions=alone))
    assert "\n" not in str(e.value)


def test_the_gap_compares_the_same_final_runs(study_dir):
    svm = approach(summary(study_dir), "feature_svm")
    assert svm.test is not None
    assert svm.valid_accuracy == pytest.approx(0.9)
    assert svm.gap == pytest.approx(0.9 - svm.test.accuracy.estimate)


def test_an_approach_whose_every_trial_failed_is_named_and_the_others_are_compared(tmp_path, make_study):
    location = make_study(accuracy={"better_cnn": 0.6, "feature_svm": 0.88})
    store = Store(location)
    for name in store.names("records/fine_tune-r0-0000", "") + store.names("records/fine_tune-r0-0002", ""):
        (tmp_path / "study" / name).unlink()
    for name in store.names("records/fine_tune-r0-0003", ""):
        (tmp_path / "study" / name).unlink()
    study = summary(location)
    assert approach(study, "fine_tune").problem == "every trial failed: out of memory"
    assert [(p.difference.a, p.difference.b) for p in study.pairs] == [("better_cnn", "feature_svm")]


def test_a_study_without_final_runs_has_a_ledger_and_no_verdict(make_study):
    study = summary(make_study(accuracy={}))
    assert study.comparison is None
    assert study.pairs == ()
    assert approach(study, "fine_tune").problem == "no final run has been evaluated"


def test_a_repeated_search_makes_the_replicate_the_unit(tmp_path):
    writer = StudyWriter(tmp_path)
    settings = {"name": "n", "approaches": {"a": {}, "b": {}}, "replicates": 2}
    budget = {"budget": {"search_seconds": 100, "trial_seconds": 10}}
    writer.store.write_bytes("study.yaml", yaml.safe_dump({**settings, **budget}).encode())
    classes = {"classes": ("x", "y", "z"), "counts": {"test": (40, 40, 40)}}
    info = {"source": "s", "fingerprint": "f", "train": 1, "valid": 1, "test": IMAGES, **classes}
    writer.store.write_bytes("data.json", json.dumps(info).encode())
    for name in ("a", "b"):
        for replicate in (0, 1):
            for index in range(3 * replicate, 3 * replicate + 3):
                writer.final(name, index, predictions(name, index, accuracy=0.7), replicate=replicate)
    study = summary(str(tmp_path))
    test = approach(study, "a").test
    assert test is not None
    assert len(test.accuracy.per_seed) == 2
    assert approach(study, "a").account.budget_s == 200
    runs = [run.test_accuracy for run in approach(study, "a").final_runs]
    assert test.accuracy.per_seed == pytest.approx((np.mean(runs[:3]), np.mean(runs[3:])))


def test_the_order_of_rows_does_not_matter():
    rows = pd.concat([predictions("a", seed, accuracy=0.7) for seed in (1, 2)])
    one = outcomes.read_outcomes(rows, grouped=True)
    other = outcomes.read_outcomes(rows.sample(frac=1, random_state=0), grouped=True)
    assert one.runs["a"].correct.mean(axis=1).tolist() == other.runs["a"].correct.mean(axis=1).tolist()


def test_runs_on_different_images_are_refused():
    rows = pd.concat([predictions("a", 1, accuracy=0.7), predictions("b", 1, accuracy=0.7).iloc[1:]])
    with pytest.raises(RecordsError, match=r"predictions of b, seed 1 lack image 'test/0000\.jpg'"):
        outcomes.read_outcomes(rows, grouped=False)


def test_runs_that_disagree_about_a_label_are_refused():
    other = predictions("b", 1, accuracy=0.7).assign(label=lambda rows: (rows.label + 1) % 3)
    with pytest.raises(RecordsError, match="two labels or groups"):
        outcomes.read_outcomes(pd.concat([predictions("a", 1, accuracy=0.7), other]), grouped=False)


def test_an_image_predicted_twice_by_one_run_is_refused():
    rows = predictions("a", 1, accuracy=0.7)
    with pytest.raises(RecordsError, match="hold an image twice"):
        outcomes.read_outcomes(pd.concat([rows, rows]), grouped=False)


def test_a_class_unknown_to_the_data_set_is_refused():
    found = outcomes.read_outcomes(predictions("a", 1, accuracy=0.7), grouped=False)
    with pytest.raises(RecordsError, match="class 2, but the data set has classes 0 to 1"):
        outcomes.confusion(found.runs["a"], found.labels, 2)
