"""What keeps an approach from a fair comparison, on trials and predictions of which that is known."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.records.reading import read_study
from analysis.records.trials import trial_table
from analysis.search.health import (
    Budgets,
    Finding,
    final_findings,
    prediction_findings,
    search_findings,
    study_findings,
)
from tests.support.synthetic_study import write_study

BUDGETS = Budgets(search_s=75.0, trial_s=15.0)


def trials(statuses: list[str], *, approach: str = "tuned", phase: str = "search", **columns: Any) -> pd.DataFrame:
    """Trials of one approach that ended so."""
    usual = {
        "replicate": 0,
        "params": [{"epochs": 10}] * len(statuses),
        "allowance_s": 15.0,
        "charged_s": 15.0,
        "epoch": 10.0,
        "steps": 100,
        "reason": None,
    }
    return pd.DataFrame({"approach": approach, "phase": phase, "status": statuses, **usual | columns})


def found(table: pd.DataFrame, *, over: bool = True, **more: Any) -> dict[str, Finding]:
    """By kind, what is found about the one approach of these trials."""
    return {one.kind: one for one in search_findings(table, ["tuned"], more.pop("budgets", BUDGETS), over=over, **more)}


def test_the_starved_approaches_of_the_busy_machine_are_found():
    """Measured: photographs of six classes, 75 s budgets, 15 s trials; all 14 trials and 10 final runs cut so."""
    starved: dict[str, Any] = {
        "steps": [1, 4, 2, 3, 2, 1, 2],
        "epoch": [0.01, 0.04, 0.02, 0.03, 0.02, 0.01, 0.02],
    }
    finals: dict[str, Any] = {name: values[:5] for name, values in starved.items()}
    table = pd.concat(
        [
            part
            for name in ("scratch", "tuned")
            for part in (
                trials(["cut"] * 7, approach=name, **starved),
                trials(["cut"] * 5, approach=name, phase="final", **finals),
            )
        ]
        + [trials(["finished"] * 12, approach="svm", charged_s=2.0)]
    )
    names = ["scratch", "tuned", "svm"]
    searched = search_findings(table, names, BUDGETS, over=True)
    finished = final_findings(table, names)
    assert [(one.approach, one.kind) for one in searched] == [
        ("scratch", "starved"),
        ("scratch", "few_trials"),
        ("tuned", "starved"),
        ("tuned", "few_trials"),
    ]
    assert [(one.approach, one.kind) for one in finished] == [("scratch", "final_cut"), ("tuned", "final_cut")]
    assert searched[0].seen == "had all 7 search trials cut by the allowance after 1 to 4 steps"
    assert finished[0].seen == "had all 5 final runs cut by the allowance after 1 to 4 steps"
    assert searched[0].details == finished[0].details == "0.01 to 0.04 of 10 epochs"
    assert "budget.trial_seconds (15 s" in searched[0].sentence
    assert "final.trial_seconds (15 s" in finished[0].sentence


def test_what_would_have_sufficed_is_reckoned_from_the_pace_of_the_trials():
    """15 s for 0.02 epochs are 7500 s for 10."""
    starved = found(trials(["cut"] * 5, steps=2, epoch=0.02))["starved"]
    assert "takes about 2.1 h" in starved.mend_details


def test_an_approach_without_epochs_is_told_of_the_allowance_alone():
    starved = found(trials(["cut"] * 5, params=[{"C": 1.0}] * 5, epoch=1.0, steps=1))["starved"]
    assert (starved.mend, starved.mend_details) == ("raise budget.trial_seconds", "15 s")
    assert starved.details == "1 epochs"


@pytest.mark.parametrize(("finished", "starved"), [(0, True), (1, True), (2, False), (10, False)])
def test_under_a_fifth_is_starved(finished, starved):
    statuses = ["finished"] * finished + ["cut"] * (10 - finished)
    assert ("starved" in found(trials(statuses))) is starved


@pytest.mark.parametrize(("ended", "evident"), [(4, False), (5, True)])
def test_while_the_search_goes_on_five_cut_configurations_make_it_evident(ended, evident):
    lengths: list[dict[str, int] | None] = [{"epochs": n} for n in range(ended)]
    table = trials(["cut"] * ended + ["running"] * 3, params=[*lengths, None, None, None])
    assert ("starved" in found(table, over=False)) is evident
    assert "starved" in found(table, over=True)


def test_the_published_configuration_of_every_replicate_is_one_configuration():
    assert found(trials(["cut"] * 5), over=False) == {}


def test_a_trial_that_failed_was_not_cut_and_is_not_counted_among_those():
    seen = found(trials(["cut"] * 3 + ["failed", "diverged"]))["starved"].seen
    assert seen.startswith("had all 3 search trials that did not fail or diverge cut")


def test_an_approach_half_of_whose_trials_fail_is_named_with_the_last_reason():
    reasons = [None] * 5 + ["out of memory"] * 5
    failing = found(trials(["finished"] * 5 + ["failed"] * 5, reason=reasons))["failing"]
    assert failing.seen == "had 5 of its 10 search trials fail or diverge"
    assert failing.details == "the last: out of memory"
    assert "approaches.tuned.space" in failing.mend_details
    assert "failing" not in found(trials(["finished"] * 6 + ["failed"] * 4))


@pytest.mark.parametrize("tried", [9, 10])
def test_fewer_than_ten_configurations_are_few_in_the_smallest_search(tried):
    table = pd.concat([trials(["finished"] * 30), trials(["finished"] * tried, replicate=1)])
    few = found(table, budgets=Budgets(search_s=75.0, trial_s=15.0, replicates=2)).get("few_trials")
    assert (few is not None) is (tried < 10)
    if few is not None:
        assert few.seen == "tried only 9 configurations in one of its 2 searches"
        assert "budget.search_seconds (75 s; 10 trials take about 2.5 min)" in few.sentence


@pytest.mark.parametrize(
    ("tried", "seen"),
    [
        ([7, 7, 7], "tried only 7 configurations in each of its 3 searches"),
        ([7, 9, 8], "tried only 7 to 9 configurations in each of its 3 searches"),
        ([7, 9, 12], "tried only 7 to 9 configurations in 2 of its 3 searches"),
        ([1, 12, 12], "tried only 1 configuration in one of its 3 searches"),
        ([7, 9], "tried only 7 to 9 configurations in both its searches"),
    ],
)
def test_it_is_said_in_how_many_of_its_searches_they_were_few(tried, seen):
    table = pd.concat([trials(["finished"] * count, replicate=index) for index, count in enumerate(tried)])
    budgets = Budgets(search_s=75.0, trial_s=15.0, replicates=len(tried))
    assert found(table, budgets=budgets)["few_trials"].seen == seen


def test_who_limits_its_own_trials_is_told_of_that_limit_and_nobody_else():
    """Of two searches one reached max_trials, or had tried all there was; the other one ran out of time."""
    budgets = Budgets(search_s=75.0, trial_s=15.0, replicates=2)
    table = pd.concat([trials(["finished"] * count, replicate=index) for index, count in enumerate([12, 7])])
    reached, spent = ({("tuned", 0): reason} for reason in ("max_trials: 12", "all 12 configurations were tried"))
    assert found(table, budgets=budgets, exhausted=reached)["few_trials"].mend == "raise budget.search_seconds"
    assert found(table, budgets=budgets, exhausted=spent)["few_trials"].mend == "raise budget.search_seconds"
    few = pd.concat([trials(["finished"] * count, replicate=index) for index, count in enumerate([8, 8])])
    both = {("tuned", index): "max_trials: 8" for index in range(2)}
    assert found(few, budgets=budgets, exhausted=both)["few_trials"].mend == "raise approaches.tuned.max_trials"


def test_a_search_without_any_trial_counts_as_none_tried():
    assert found(trials([]))["few_trials"].seen == "tried only 0 configurations in its search"


def test_few_are_not_lamented_while_the_search_goes_on_nor_where_the_space_has_no_more():
    table = trials(["finished"] * 4)
    assert found(table, over=False) == {}
    assert found(table, exhausted={("tuned", 0): "all 4 configurations of its space were tried"}) == {}
    assert (
        found(table, exhausted={("tuned", 0): "max_trials: 4"})["few_trials"].mend
        == "raise approaches.tuned.max_trials"
    )


def test_one_final_run_that_finished_is_enough_not_to_call_all_cut():
    assert final_findings(trials(["cut", "finished"], phase="final"), ["tuned"]) == ()


def test_a_final_run_that_failed_is_named():
    (failing,) = final_findings(trials(["finished", "diverged"], phase="final"), ["tuned"])
    assert failing.seen == "had 1 of its 2 final runs fail or diverge"


def test_a_sound_study_gives_nothing_to_find():
    table = pd.concat([trials(["finished"] * 12), trials(["finished"] * 5, phase="final")])
    assert found(table) == {}
    assert final_findings(table, ["tuned"]) == ()


def test_a_study_on_disk_tells_of_its_own_budgets_and_of_who_ran_out(tmp_path):
    """Its trials: three, four and two; the SVM ran out of configurations with two."""
    records = read_study(write_study(tmp_path))
    kinds = [(one.approach, one.kind) for one in study_findings(records, trial_table(records.events))]
    assert kinds == [("better_cnn", "few_trials"), ("fine_tune", "few_trials")]


LABELS = np.repeat([0, 1, 2], [50, 30, 20])
CLASSES = ("ferry", "gondola", "barge")


def predicted(*accuracies: float) -> np.ndarray:
    """Runs that are right on the first so many hundredths of shuffled images, (S, 100)."""
    order = np.random.default_rng(0).permutation(100)
    return np.stack([np.where(order < round(100 * a), LABELS, (LABELS + 1) % 3) for a in accuracies]).astype(np.int32)


def on_predictions(runs: np.ndarray) -> dict[str, str]:
    return {one.kind: one.seen for one in prediction_findings(LABELS, {"svm": runs}, classes=CLASSES)}


def test_three_runs_that_name_one_class_for_every_image_have_collapsed():
    """Measured: all three runs of an approach named one class for every image."""
    assert on_predictions(np.full((3, 100), 1, dtype=np.int32)) == {
        "collapsed": "named the class 'gondola' for every image in all its 3 runs"
    }


def test_runs_that_name_different_classes_for_every_image_have_collapsed_too():
    runs = np.stack([np.full(100, c, dtype=np.int32) for c in (0, 1)])
    assert on_predictions(runs)["collapsed"] == (
        "named one class (not always the same) for every image in both its runs"
    )


def test_one_run_of_three_that_collapsed_is_counted():
    runs = np.concatenate([predicted(0.9, 0.9), np.zeros((1, 100), dtype=np.int32)])
    found = on_predictions(runs)
    assert found["collapsed"] == "named the class 'ferry' for every image in 1 of its 3 runs"
    assert found["far_run"] == "reached 0.500 in one of its 3 runs, but 0.900 in the others"


def test_where_the_test_images_are_of_one_class_naming_it_is_right():
    assert prediction_findings(np.zeros(9, dtype=np.int64), {"svm": np.zeros((3, 9), dtype=np.int32)}) == ()


def test_no_better_than_the_largest_class_by_the_sign_test():
    """Naming the largest class is right on 50 images; a run right on 55, both on 25 of them: 30 against 25.

    P(X >= 30) for X ~ Binomial(55, 1/2) is 0.295; 40 against 25 of 65 would have 0.041.
    """
    run = np.where(np.arange(100) < 25, 1, LABELS).astype(np.int32)  # wrong on 25 of the largest, then right
    run[80:] = 0  # and wrong on 20 of the rest: 30 gained, 25 lost
    assert on_predictions(run[None]) == {
        "largest_class": "is not shown to be better than always naming the class 'ferry' in its run"
    }
    (found,) = prediction_findings(LABELS, {"svm": run[None]}, classes=CLASSES)
    assert found.details == "accuracy 0.550, against 0.500; sign test of each run at 0.05"
    run[80:90] = 2  # 40 gained, 25 lost
    assert on_predictions(run[None]) == {}


@pytest.mark.parametrize(
    ("accuracies", "far"),
    [
        ((0.90, 0.91, 0.89, 0.90, 0.31), True),
        ((0.90, 0.91, 0.31), True),
        ((0.90, 0.91), False),  # from three runs on
        ((0.90, 0.91, 0.92, 0.87), False),  # nearer than five points
        ((0.70, 0.80, 0.90, 0.60, 0.99), False),  # they all scatter
    ],
)
def test_a_run_far_from_the_others_is_told_with_what_the_others_reached(accuracies, far):
    found = on_predictions(predicted(*accuracies))
    assert ("far_run" in found) is far
    if len(accuracies) == 5 and far:
        assert found["far_run"] == "reached 0.310 in one of its 5 runs, but 0.890 to 0.910 in the others"


@given(st.permutations(range(5)), st.lists(st.floats(0.55, 1.0), min_size=5, max_size=5))
def test_the_order_of_the_runs_changes_nothing(order, accuracies):
    runs = predicted(*accuracies)
    assert on_predictions(runs) == on_predictions(runs[order])
