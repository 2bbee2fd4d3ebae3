"""From which budget on a test accuracy is to be had, and which of two approaches to run."""

import pytest
from scipy import stats

from analysis.records.reading import read_study
from analysis.records.trials import trial_table
from analysis.search.delivery import Delivery, choices, delivery, final_costs
from analysis.search.incumbents import curves, incumbents
from tests.support.synthetic_study import write_study


def test_an_approach_delivers_once_its_incumbent_is_found_and_a_final_run_is_paid():
    found = delivery("a", {0: 100.0}, {0: [10.0, 12.0, 14.0]}, 0.9, (0.88, 0.92))
    interval = stats.ttest_1samp([110.0, 112.0, 114.0], 0).confidence_interval(0.95)
    assert (found.from_s, found.low_s, found.high_s) == pytest.approx((112.0, interval.low, interval.high))
    assert "one search" in str(found.note)


def test_with_replicates_the_searches_are_the_sample():
    found = delivery("a", {0: 100.0, 1: 200.0, 2: 50.0}, {0: [10.0, 20.0], 1: [30.0], 2: []}, 0.9, (0.88, 0.92))
    interval = stats.ttest_1samp([115.0, 230.0], 0).confidence_interval(0.95)  # the third had no final run
    assert (found.from_s, found.high_s) == pytest.approx((172.5, interval.high))
    assert found.low_s == max(0.0, interval.low) == 0.0
    assert found.note is None


def test_one_final_run_has_no_interval_and_none_is_no_delivery():
    found = delivery("a", {0: 100.0}, {0: [10.0]}, 0.9, (0.88, 0.92))
    assert (found.from_s, found.low_s, found.high_s) == (110.0, None, None)
    assert "one final run" in str(found.note)
    with pytest.raises(ValueError, match="a: no search with both"):
        delivery("a", {0: 100.0}, {1: [10.0]}, 0.9, (0.88, 0.92))


def delivered(name: str, from_s: float, accuracy: float, note: str | None = None) -> Delivery:
    return Delivery(
        approach=name,
        from_s=from_s,
        low_s=from_s - 1,
        high_s=from_s + 1,
        accuracy=accuracy,
        accuracy_low=accuracy - 0.1,
        accuracy_high=accuracy + 0.1,
        note=note,
    )


def test_until_the_better_one_can_be_delivered_the_other_is_all_there_is():
    (choice,) = choices([delivered("svm", 20, 0.87), delivered("tuned", 90, 0.91)])
    assert (choice.better, choice.from_s, choice.low_s, choice.high_s) == ("tuned", 90, 89, 91)
    assert (choice.until_then, choice.since_s) == ("svm", 20)


def test_a_better_one_that_is_there_first_is_the_only_choice():
    level, sooner, _ = choices([delivered("b", 30, 0.8), delivered("a", 20, 0.9), delivered("c", 5, 0.9)])
    assert (level.better, level.from_s) == (None, None)
    assert (sooner.better, sooner.from_s, sooner.until_then, sooner.since_s) == ("a", 20, None, None)


def test_pairs_stand_in_the_order_of_accuracy_and_keep_what_their_interval_leaves_out():
    found = choices([delivered("b", 30, 0.8), delivered("a", 20, 0.9), delivered("c", 5, 0.85, "one search")])
    assert [(one.a, one.b) for one in found] == [("a", "c"), ("a", "b"), ("c", "b")]
    assert [one.note for one in found] == [None, None, "one search"]


def test_the_deliveries_of_a_study_follow_its_ledger(tmp_path):
    records = read_study(write_study(tmp_path))
    trials = trial_table(records.events)
    paid = final_costs(trials, "fine_tune")
    assert paid == {0: (15.0, 15.0, 15.0)}
    best = incumbents(trials, "fine_tune", curves(records, "fine_tune"))
    found = delivery("fine_tune", {one.replicate: one.at_s for one in best}, paid, 0.85, (0.8, 0.9))
    assert found.from_s == found.low_s == found.high_s == best[0].at_s + 15.0
