"""Final runs: whose configuration, with which seeds, and which of them are still to do."""

import numpy as np
import pandas as pd
import pytest

from analysis.records.schema import TrialEvent
from analysis.records.store import Store
from study.predictions import write_predictions
from study.search.finals import final_turns
from study.search.turns import Turn
from tests.support.study_files import small_config
from trainables.approach import Predictions
from trainables.spec import TrialSpec


def searched(approach: str, index: int, best: float | None, *, replicate: int = 0, ending: str = "finished"):
    trial = f"{approach}-r{replicate}-{index:04d}"
    identity = {"trial": trial, "approach": approach, "phase": "search", "index": index, "replicate": replicate}
    params = {"lr": 0.001 * (index + 1)}
    return [
        TrialEvent(**identity, order=0, event="started", time=index, params=params, origin="suggested"),
        TrialEvent(**identity, order=1, event=ending, time=index + 0.5, charged_s=1.0, best_accuracy=best),
    ]


def final(turn, *kinds: str) -> list[TrialEvent]:
    spec = turn.spec
    identity = {"trial": turn.trial, "approach": spec.approach, "phase": "final", "index": spec.index}
    identity |= {"replicate": turn.replicate}
    more = {"started": {"params": dict(spec.params), "origin": "incumbent", "seed": spec.seed, "allowance_s": 2.0}}
    return [
        TrialEvent(**identity, order=order, event=kind, time=100 + order, **more.get(kind, {}))
        for order, kind in enumerate(kinds)
    ]


def of_approach(name: str, turns: list[Turn]) -> list[Turn]:
    return [turn for turn in turns if turn.account.approach == name]


RUNS_OF_FIVE = ("r0-seed0", "r1-seed0", "r2-seed0", "r0-seed1", "r1-seed1")
SEARCHES = [
    event
    for replicate in range(5)
    for name in ("better_cnn", "fine_tune")
    for event in searched(name, 0, 0.9, replicate=replicate)
]
SEARCH = searched("better_cnn", 0, 0.5) + searched("better_cnn", 1, 0.8) + searched("fine_tune", 0, 0.7)


def test_the_best_validated_configuration_of_a_single_search_has_all_final_runs():
    turns = of_approach("better_cnn", final_turns(small_config(final__runs=3), SEARCH))
    assert [turn.trial for turn in turns] == [f"better_cnn-r0-seed{seed}" for seed in range(3)]
    assert all(turn.spec.params == {"lr": 0.002} for turn in turns)
    assert all(turn.origin == "incumbent" and turn.spec.phase == "final" for turn in turns)


def test_approaches_advance_alike_round_by_round():
    names = [turn.account.approach for turn in final_turns(small_config(), SEARCH)]
    assert names == ["better_cnn", "fine_tune"] * 2


def test_all_approaches_share_the_seeds_and_no_two_runs_of_one_do():
    turns = final_turns(small_config(final__runs=4), SEARCH)
    names = ("better_cnn", "fine_tune")
    seeds = {name: [turn.spec.seed for turn in of_approach(name, turns)] for name in names}
    assert seeds["better_cnn"] == seeds["fine_tune"]
    assert len(set(seeds["better_cnn"])) == 4


def test_an_approach_without_a_validated_trial_has_no_final_runs():
    names = {turn.account.approach for turn in final_turns(small_config(), SEARCH + searched("feature_svm", 0, None))}
    assert names == {"better_cnn", "fine_tune"}


def test_a_failed_trial_is_no_incumbent_even_if_it_validated_well():
    events = SEARCH + searched("better_cnn", 2, 0.99, ending="failed")
    assert final_turns(small_config(), events)[0].spec.params == {"lr": 0.002}


def test_a_cut_trial_can_be_the_incumbent():
    events = SEARCH + searched("better_cnn", 2, 0.99, ending="cut")
    assert final_turns(small_config(), events)[0].spec.params == {"lr": 0.003}


def test_final_runs_have_an_allowance_of_their_own():
    assert {turn.spec.allowance_s for turn in final_turns(small_config(final__trial_seconds=9), SEARCH)} == {9.0}


def test_replicates_have_incumbents_and_seeds_of_their_own():
    events = SEARCH + searched("better_cnn", 0, 0.9, replicate=1)
    turns = of_approach("better_cnn", final_turns(small_config(replicates=2, final__runs=4), events))
    assert [(turn.account.replicate, turn.spec.params["lr"]) for turn in turns] == [(0, 0.002), (1, 0.001)] * 2
    assert [turn.spec.index for turn in turns] == [0, 1, 2, 3]
    assert len({turn.spec.seed for turn in turns}) == 4


def test_runs_are_spread_over_the_replicates_round_by_round():
    turns = of_approach("better_cnn", final_turns(small_config(replicates=3, final__runs=5), SEARCHES))
    assert [turn.trial for turn in turns] == [f"better_cnn-{run}" for run in RUNS_OF_FIVE]


@pytest.mark.parametrize(("replicates", "runs"), [(3, 7), (3, 9), (4, 6), (5, 8)])
def test_more_replicates_or_runs_only_add_to_the_runs_there_are(replicates, runs):
    """What is planned at once and what is added to three replicates with five runs are the same runs."""
    first = final_turns(small_config(replicates=3, final__runs=5), SEARCHES)
    done = [event for turn in first for event in final(turn, "started", "finished", "evaluated")]
    wanted = small_config(replicates=replicates, final__runs=runs)
    added, at_once = final_turns(wanted, SEARCHES + done), final_turns(wanted, SEARCHES)
    assert len(added) == len(at_once) - len(first)
    assert {(turn.trial, turn.spec.seed) for turn in first + added} == {
        (turn.trial, turn.spec.seed) for turn in at_once
    }
    assert sorted(turn.spec.index for turn in of_approach("better_cnn", first + added)) == list(range(runs))


@pytest.mark.parametrize(("before", "replicates", "runs"), [(1, 3, 7), (2, 4, 6), (2, 3, 8)])
def test_the_runs_on_record_are_among_those_there_are_in_all(before, replicates, runs):
    """A single search with five final runs, or two with four together, more than their share of those in all."""
    first = final_turns(small_config(replicates=before, final__runs=5 if before == 1 else 4), SEARCHES)
    done = [event for turn in first for event in final(turn, "started", "finished", "evaluated")]
    added = final_turns(small_config(replicates=replicates, final__runs=runs), SEARCHES + done)
    every = of_approach("better_cnn", first + added)
    assert len(every) == runs
    assert sorted(turn.spec.index for turn in every) == list(range(runs))
    assert {turn.account.replicate for turn in every} == set(range(replicates))


@pytest.mark.parametrize("begun", range(11))
def test_every_run_keeps_its_number_and_seed_wherever_an_addition_was_interrupted(begun):
    first = final_turns(small_config(replicates=3, final__runs=5), SEARCHES)
    done = SEARCHES + [event for turn in first for event in final(turn, "started", "finished", "evaluated")]
    wanted = small_config(replicates=5, final__runs=8)
    added = final_turns(wanted, done)
    some = [event for turn in reversed(added[:begun]) for event in final(turn, "started")]
    again = final_turns(wanted, done + some)
    names = [(turn.trial, turn.spec.index, turn.spec.seed) for turn in again]
    assert names == [(turn.trial, turn.spec.index, turn.spec.seed) for turn in added]


def test_the_runs_of_an_earlier_version_keep_their_numbers():
    """It counted on over the replicates: seeds 0 and 1 of the first were 0 and 1, those of the second 2 and 3."""
    config = small_config(replicates=2, final__runs=4)
    turns = {turn.trial: turn for turn in final_turns(config, SEARCHES)}
    old = {"better_cnn-r0-seed0": 0, "better_cnn-r0-seed1": 1, "better_cnn-r1-seed0": 2}
    events = [
        event.model_copy(update={"index": index})
        for trial, index in old.items()
        for event in final(turns[trial], "started", "finished", "evaluated")
    ]
    (left,) = of_approach("better_cnn", final_turns(config, SEARCHES + events))
    assert (left.trial, left.spec.index) == ("better_cnn-r1-seed1", 3)


@pytest.mark.parametrize("kinds", [("started", "finished", "evaluated"), ("started", "failed"), ("started", "cut")])
def test_a_run_that_is_over_is_not_run_again(kinds):
    first, *others = final_turns(small_config(), SEARCH)
    assert final_turns(small_config(), SEARCH + final(first, *kinds)) == others


def test_an_interrupted_run_is_taken_up_as_it_was_started():
    first = final_turns(small_config(), SEARCH)[0]
    again = final_turns(small_config(), SEARCH + final(first, "started", "validated"))[0]
    assert (again.trial, again.spec.seed, again.spec.params) == (first.trial, first.spec.seed, first.spec.params)
    assert again.spec.allowance_s == 2.0


def test_a_run_interrupted_between_its_predictions_and_its_record_runs_again():
    first = final_turns(small_config(), SEARCH)[0]
    events = SEARCH + final(first, "started", "finished")
    assert first.trial in [turn.trial for turn in final_turns(small_config(), events, predicted=[first.trial])]


def test_a_run_whose_predictions_are_lost_is_done_again_under_its_name_and_number():
    first, *others = final_turns(small_config(), SEARCH)
    events = SEARCH + final(first, "started", "finished", "evaluated")
    again, *rest = final_turns(small_config(), events, lost=[first.trial])
    assert (again.trial, again.spec) == (first.trial, first.spec)
    assert rest == others
    assert final_turns(small_config(), events) == others


@pytest.mark.parametrize("since", [("lost",), ("lost", "validated"), ("lost", "validated", "finished")])
def test_a_run_that_is_done_again_and_interrupted_goes_on(since):
    """Its records say that it was evaluated, once; its predictions are not there yet, or not evaluated."""
    first, *others = final_turns(small_config(), SEARCH)
    events = SEARCH + final(first, "started", "finished", "evaluated", *since)
    predicted = [first.trial] if "finished" in since else []
    assert [turn.trial for turn in final_turns(small_config(), events, predicted)] == [
        turn.trial for turn in (first, *others)
    ]
    over = SEARCH + final(first, "started", "finished", "evaluated", "lost", "finished", "evaluated")
    assert final_turns(small_config(), over, [first.trial]) == others


def written(tmp_path, probabilities: np.ndarray | None, groups=None):
    spec = TrialSpec(trial="svm-r1-seed0", approach="svm", phase="final", index=2, params={}, seed=99, allowance_s=1.0)
    write_predictions(
        spec,
        Predictions(np.array([0, 1]), probabilities),
        "softmax",
        location=str(tmp_path),
        ids=("test/a.png", "test/b.png"),
        groups=groups,
        labels=np.array([0, 0]),
    )
    assert Store(str(tmp_path)).names("predictions", ".parquet") == ["predictions/svm-r1-seed0.parquet"]
    return pd.read_parquet(tmp_path / "predictions" / "svm-r1-seed0.parquet")


def test_predictions_are_written_with_a_column_for_each_class(tmp_path):
    probabilities = np.array([[0.75, 0.25], [0.5, 0.5]], dtype=np.float32)
    frame = written(tmp_path, probabilities, groups=("g", "h"))
    assert list(frame.columns) == ["approach", "seed", "image", "group", "label", "prediction", "p_0", "p_1"]
    assert frame.iloc[0].to_dict() == {
        "approach": "svm",
        "seed": 2,
        "image": "test/a.png",
        "group": "g",
        "label": 0,
        "prediction": 0,
        "p_0": 0.75,
        "p_1": 0.25,
    }


def test_hard_decisions_are_written_without_probabilities(tmp_path):
    frame = written(tmp_path, None)
    assert list(frame.columns) == ["approach", "seed", "image", "group", "label", "prediction"]
    assert frame.group.isna().all()


def test_a_search_that_went_on_and_found_better_has_its_new_incumbent_run_and_no_other_run_again():
    config = small_config(final__runs=2)
    first = final_turns(config, SEARCH)
    done = SEARCH + [event for turn in first for event in final(turn, "started", "finished", "evaluated")]
    assert final_turns(config, done) == []
    found = done + searched("better_cnn", 2, 0.9)
    turns = final_turns(config, found)
    assert [(turn.trial, turn.spec.index) for turn in turns] == [
        ("better_cnn-r0-seed0-2", 2),
        ("better_cnn-r0-seed1-2", 3),
    ]
    assert all(turn.spec.params == {"lr": 0.003} for turn in turns)
    begun = found + final(turns[1], "started")
    assert [(turn.trial, turn.spec.index) for turn in final_turns(config, begun)] == [
        (turn.trial, turn.spec.index) for turn in turns
    ]
    over = found + [event for turn in turns for event in final(turn, "started", "finished", "evaluated")]
    assert final_turns(config, over) == []


def test_an_extension_on_a_machine_whose_clock_is_behind_runs_its_new_incumbent_to_the_end():
    """Records are read in the order of their times: those of the later session come first."""
    config = small_config(final__runs=2)
    first = final_turns(config, SEARCH)
    done = SEARCH + [event for turn in first for event in final(turn, "started", "finished", "evaluated")]
    found = done + searched("better_cnn", 2, 0.9)
    new = final_turns(config, found)
    begun = final(new[0], "started", "finished", "evaluated") + found
    assert [turn.trial for turn in final_turns(config, begun)] == ["better_cnn-r0-seed1-2"]
