"""Whole searches, simulated: equal time, the same suggestions whatever ends first, resuming, running out."""

import math
import random

import optuna
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.records.schema import TrialEvent
from study.config.space import space_size
from study.search import sampler
from study.search.sampler import grid
from study.search.seeds import derived_seed
from tests.support.fake_tune import Search, accuracy, pace, search
from tests.support.study_files import approach

CONTINUOUS = {"lr": {"loguniform": [1e-4, 1.0]}, "dropout": {"uniform": [0, 0.9]}}
PUBLISHED = {"lr": 1e-3, "dropout": 0.2}
THREE = {name: approach(CONTINUOUS, published=PUBLISHED) for name in ("cnn", "tuned", "svm")}
PACES = st.integers(0, 10_000)
few = settings(max_examples=12)


def agree_where_they_rest_on_the_same_results(one: Search, other: Search) -> int:
    """Check that suggestions are equal up to the first that one search drew with fewer results than the other."""
    compared = 0
    for name in THREE:
        both = zip(one.conditioned_on(name), other.conditioned_on(name), strict=False)
        same = next((index for index, (a, b) in enumerate(both) if a != b), None)
        shared = min(len(one.suggestions(name)), len(other.suggestions(name))) if same is None else same
        assert one.suggestions(name)[:shared] == other.suggestions(name)[:shared]
        compared += shared
    return compared


@pytest.mark.slow
@few
@given(PACES, st.sampled_from([1, 2, 3, 8]), st.integers(1, 2), st.floats(0, 100))
def test_all_approaches_are_charged_the_same_but_for_a_remainder(seed, slots, replicates, owed_s):
    done = search(
        THREE, slots=slots, replicates=replicates, owed_s={"svm": owed_s}, duration=pace(seed), budget_s=300.0
    )
    charged = [done.ledger.charged_s(account) for account in done.ledger.accounts]
    assert max(charged) <= 300
    assert max(charged) - min(charged) <= 0.05 * 300
    assert done.turns.finished
    assert not done.turns.exhausted


@few
@given(PACES, st.sampled_from([1, 2, 8]))
def test_the_records_add_up_to_the_ledger(seed, slots):
    done = search(THREE, slots=slots, duration=pace(seed))
    charged = {account.approach: done.ledger.charged_s(account) for account in done.ledger.accounts}
    assert done.charged() == pytest.approx(charged)


def test_seconds_owed_for_features_leave_fewer_for_trials():
    done = search(THREE, owed_s={"svm": 100.0})
    charged = done.charged()
    assert charged["svm"] == pytest.approx(200, abs=3)
    assert charged["cnn"] == pytest.approx(300, abs=3)


def test_approaches_take_turns_while_they_search():
    """Half way through, nobody is ahead by more than the trials that were under way."""
    done = search(THREE, slots=2, stop_after=30, duration=pace(3))
    charged = done.charged().values()
    assert max(charged) - min(charged) <= 3 * 20


def test_the_published_configuration_is_the_first_trial_of_every_approach():
    firsts = search(THREE, slots=8, stop_after=6).started[:3]
    assert {event.approach for event in firsts} == set(THREE)
    assert all(event.params == PUBLISHED and event.origin == "published" and event.index == 0 for event in firsts)


def test_without_a_published_configuration_the_first_trial_is_suggested():
    first = search({"cnn": approach(CONTINUOUS)}, stop_after=1).started[0]
    assert first.origin == "suggested"


def test_constants_are_part_of_every_configuration():
    done = search({"cnn": approach({**CONTINUOUS, "epochs": 7}, published=PUBLISHED)}, stop_after=5)
    assert [params["epochs"] for params in done.suggestions("cnn")] == [7] * len(done.started)


@pytest.mark.slow
@few
@given(PACES, PACES)
def test_in_one_slot_suggestions_do_not_depend_on_how_long_trials_take(one, other):
    first, second = (search(THREE, duration=pace(seed, 5.0)) for seed in (one, other))
    for name in THREE:
        shared = min(len(first.suggestions(name)), len(second.suggestions(name)))
        assert shared > 10, "the sampler should have begun to learn"
        assert first.suggestions(name)[:shared] == second.suggestions(name)[:shared]


@pytest.mark.slow
@few
@given(PACES, PACES, st.sampled_from([1, 2, 8]))
def test_suggestions_depend_on_earlier_results_alone_and_not_on_which_trial_ends_first(one, other, slots):
    first, second = (search(THREE, slots=slots, duration=pace(seed)) for seed in (one, other))
    # The published configuration and as many suggestions as the sampler may lag behind rest on no result in any search.
    without_results = 1 + math.ceil(slots / len(THREE))
    assert agree_where_they_rest_on_the_same_results(first, second) >= len(THREE) * without_results


@pytest.mark.slow
@few
@given(PACES, st.sampled_from([2, 8]))
def test_a_turn_waits_for_results_while_other_approaches_can_use_the_slot(seed, slots):
    """Between many approaches a suggestion never has to do with fewer results than its lag asks for."""
    many = {f"cnn{index}": approach(CONTINUOUS) for index in range(12)}
    done = search(many, slots=slots, duration=pace(seed, 5.0, 20.0), stop_after=150)
    for name in many:
        assert done.conditioned_on(name) == [max(0, index - 1) for index in range(len(done.suggestions(name)))]


def test_the_same_search_twice_gives_the_same_records():
    one, other = (search(THREE, slots=2, duration=pace(5)) for _ in range(2))
    assert [event.model_dump(exclude={"time"}) for event in one.events] == [
        event.model_dump(exclude={"time"}) for event in other.events
    ]


def test_another_seed_another_replicate_and_another_approach_search_elsewhere():
    here = search(THREE, replicates=2, stop_after=40)
    there = search(THREE, seed=1, stop_after=40)
    by_replicate = [
        [event.params for event in here.started if (event.approach, event.replicate) == ("cnn", r)] for r in (0, 1)
    ]
    assert by_replicate[0][1:3] != by_replicate[1][1:3]
    assert here.suggestions("cnn")[2:5] != here.suggestions("svm")[2:5]
    assert here.suggestions("svm")[2:5] != there.suggestions("svm")[2:5]


def test_the_sampler_learns_where_accuracy_is_high():
    """Later suggestions lie nearer to the best than the first ten, which are drawn at random."""
    done = search({"cnn": approach(CONTINUOUS)}, budget_s=1000.0, duration=lambda _: 10.0)
    reached = [accuracy(params) for params in done.suggestions("cnn")]
    assert sum(reached[-20:]) / 20 > sum(reached[:10]) / 10 + 0.1


@pytest.fixture
def short_memory(monkeypatch):
    """A sampler that forgets after 50 to 100 results what is not among the best 10."""
    monkeypatch.setattr(sampler, "MEMORY", 50)
    monkeypatch.setattr(sampler, "BEST", 10)


def test_a_search_too_long_to_remember_still_learns_where_accuracy_is_high(short_memory):
    done = search({"cnn": approach(CONTINUOUS)}, budget_s=1500.0, duration=lambda _: 10.0)
    reached = [accuracy(params) for params in done.suggestions("cnn")]
    assert len(reached) > 100
    assert sum(reached[-20:]) / 20 > sum(reached[:10]) / 10 + 0.1


@pytest.mark.slow
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PACES, st.integers(15, 130))
def test_a_search_too_long_to_remember_goes_on_as_if_it_had_not_been_interrupted(short_memory, seed, stop_after):
    one = {"cnn": approach(CONTINUOUS, published=PUBLISHED)}
    whole = search(one, budget_s=1500.0, duration=pace(seed, 5.0), accuracy_of=failing_third)
    killed = search(one, budget_s=1500.0, duration=pace(seed, 5.0), accuracy_of=failing_third, stop_after=stop_after)
    resumed = search(one, budget_s=1500.0, duration=pace(seed, 5.0), accuracy_of=failing_third, earlier=killed.events)
    assert len(whole.suggestions("cnn")) > 80
    assert resumed.suggestions("cnn") == whole.suggestions("cnn")


def test_no_suggestion_rests_on_more_results_than_the_memory_holds(short_memory, monkeypatch):
    learned = []
    ask = optuna.Study.ask

    def counted(study, *given, **named):
        learned.append([trial.value for trial in study.get_trials(states=[optuna.trial.TrialState.COMPLETE])])
        return ask(study, *given, **named)

    monkeypatch.setattr(optuna.Study, "ask", counted)
    done = search({"cnn": approach(CONTINUOUS)}, budget_s=1500.0, duration=lambda _: 10.0)
    reached = [accuracy(params) for params in done.suggestions("cnn")]
    assert max(map(len, learned)) < 10 + 2 * 50
    best = [value for value in reached[:50] if value in sorted(reached[:50])[-10:]]
    assert learned[130] == best + reached[50:129]  # with one slot, a suggestion does not wait for the trial before it


def failing_third(params):
    return None if derived_seed(sorted(params.items())) % 3 == 0 else accuracy(params)


@pytest.mark.slow
@few
@given(PACES)
def test_failed_trials_leave_the_sequence_of_suggestions_as_reproducible_as_others(seed):
    first, second = (search(THREE, duration=pace(s, 5.0), accuracy_of=failing_third) for s in (seed, seed + 1))
    assert {"failed", "finished"} <= {event.event for event in first.events}
    for name in THREE:
        shared = min(len(first.suggestions(name)), len(second.suggestions(name)))
        assert first.suggestions(name)[:shared] == second.suggestions(name)[:shared]


def test_failed_trials_are_charged_what_they_used():
    done = search(THREE, accuracy_of=failing_third, duration=pace(1, 5.0))
    assert min(done.charged().values()) > 0.95 * 300
    assert all(event.best_accuracy is None for event in done.events if event.event == "failed")


@pytest.mark.parametrize("slots", [1, 8])
def test_an_approach_whose_trials_fail_at_once_does_not_hold_up_the_others(slots):
    """They charge nothing, so that it would always be its turn."""
    broken = approach({"weight_decay": {"uniform": [0, 1]}})
    done = search(
        {"cnn": THREE["cnn"], "broken": broken},
        slots=slots,
        duration=lambda config: 0.0 if config["approach"] == "broken" else 10.0,
        accuracy_of=lambda params: None if "weight_decay" in params else accuracy(params),
    )
    assert {account.approach: reason for account, reason in done.turns.exhausted.items()} == {
        "broken": "its last 10 trials failed"
    }
    assert done.charged()["cnn"] > 0.95 * 300
    assert len(done.suggestions("broken")) <= 10 + slots


def test_a_small_space_is_tried_once_each_and_is_then_exhausted():
    small = approach({"epochs": {"int": [1, 3]}, "flip": {"categorical": [True, False]}})
    done = search({"cnn": approach(CONTINUOUS), "small": small}, slots=2, duration=pace(2))
    tried = [(params["epochs"], params["flip"]) for params in done.suggestions("small")]
    assert sorted(tried) == [(1, False), (1, True), (2, False), (2, True), (3, False), (3, True)]
    (reason,) = done.turns.exhausted.values()
    assert reason == "all 6 configurations of its space were tried"
    assert done.charged()["cnn"] > 0.95 * 300


@pytest.mark.slow
@few
@given(st.integers(1, 30), st.integers(1, 4), st.integers(0, 1000))
def test_no_configuration_of_a_finite_space_is_tried_twice(widest, choices, seed):
    space = {"epochs": {"logint": [1, widest]}, "batch_size": {"categorical": [8, 16, 32, 64][:choices]}}
    done = search({"cnn": approach(space)}, slots=3, seed=seed, budget_s=1e5, duration=lambda _: 1.0)
    tried = [tuple(params.items()) for params in done.suggestions("cnn")]
    assert len(tried) == len(set(tried)) == widest * choices


def test_an_approach_without_anything_to_vary_is_tried_once():
    done = search({"cnn": approach({"lr": 1e-3}), "tuned": THREE["tuned"]}, duration=pace(4))
    assert done.suggestions("cnn") == [{"lr": 1e-3}]
    assert {account.approach for account in done.turns.exhausted} == {"cnn"}


def test_max_trials_ends_the_search_of_an_approach_and_is_noted():
    limited = approach(CONTINUOUS, max_trials=4)
    done = search({"cnn": limited, "tuned": THREE["tuned"]}, slots=2, duration=pace(4, 1.0, 3.0))
    assert len(done.suggestions("cnn")) == 4
    assert list(done.turns.exhausted.values()) == ["max_trials: 4"]


def test_an_approach_that_reaches_max_trials_with_its_last_second_is_not_called_exhausted():
    done = search({"cnn": approach(CONTINUOUS, max_trials=5)}, budget_s=100.0, duration=lambda _: 30.0)
    assert len(done.suggestions("cnn")) == 5
    assert done.turns.exhausted == {}


@pytest.mark.slow
@few
@given(PACES, st.integers(0, 40), st.sampled_from([1, 2, 8]))
def test_a_resumed_search_goes_on_with_the_suggestions_of_the_uninterrupted_one(seed, stop_after, slots):
    whole = search(THREE, slots=slots, duration=pace(seed, 5.0))
    killed = search(THREE, slots=slots, duration=pace(seed, 5.0), stop_after=stop_after)
    resumed = search(THREE, slots=slots, duration=pace(seed, 5.0), earlier=killed.events)
    if slots == 1:
        assert [whole.suggestions(name) for name in THREE] == [resumed.suggestions(name) for name in THREE]
    agree_where_they_rest_on_the_same_results(whole, resumed)


@pytest.mark.slow
@few
@given(PACES, st.lists(st.integers(0, 15), max_size=3), st.sampled_from([1, 2, 8]))
def test_however_often_it_is_killed_a_search_spends_its_budgets_and_starts_no_trial_twice(seed, stops, slots):
    events: list[TrialEvent] = []
    for stop_after in [*stops, None]:
        done = search(THREE, slots=slots, duration=pace(seed), earlier=events, stop_after=stop_after)
        events = done.events
    names = [event.trial for event in done.started]
    ended = [event.trial for event in events if event.event in ("finished", "cut")]
    assert len(names) == len(set(names))
    assert sorted(ended) == sorted(names)
    charged = done.charged().values()
    assert max(charged) <= 300
    assert max(charged) - min(charged) <= 0.05 * 300


def test_interrupted_trials_go_on_first_with_their_allowance_and_hyperparameters():
    killed = search(THREE, slots=2, duration=pace(6), stop_after=7)
    ended = {event.trial for event in killed.events if event.event != "started"}
    interrupted = [event for event in killed.started if event.trial not in ended]
    assert len(interrupted) >= 2
    resumed = search(THREE, slots=2, duration=pace(6), earlier=killed.events)
    after = resumed.events[len(killed.events) :]
    first_ended = [event for event in after if event.event != "started"][: len(interrupted)]
    assert {event.trial for event in first_ended} == {event.trial for event in interrupted}
    assert {event.trial: event.allowance_s for event in first_ended} == {
        event.trial: event.allowance_s for event in interrupted
    }


def test_a_finished_search_has_nothing_to_resume():
    done = search(THREE)
    again = search(THREE, earlier=done.events)
    assert again.events == done.events
    assert again.turns.finished


def test_an_exhausted_approach_is_still_noted_after_resuming():
    limited = {"cnn": approach(CONTINUOUS, max_trials=2), "tuned": THREE["tuned"]}
    killed = search(limited, duration=pace(1, 1.0, 3.0), stop_after=10)
    resumed = search(limited, duration=pace(1, 1.0, 3.0), earlier=killed.events)
    assert {account.approach: reason for account, reason in resumed.turns.exhausted.items()} == {"cnn": "max_trials: 2"}


def test_the_configurations_of_a_finite_space_are_all_in_its_grid():
    varied = approach({"epochs": {"int": [2, 4]}, "flip": {"categorical": [True, False]}}).varied
    assert len(grid(varied)) == space_size(varied) == 6
    assert {"epochs": 3, "flip": False} in grid(varied)


def test_a_continuous_space_has_no_grid():
    assert grid(THREE["cnn"].varied) == []
    assert space_size(THREE["cnn"].varied) == float("inf")


@given(st.lists(st.integers() | st.text(), min_size=1))
def test_derived_seeds_are_seeds_for_any_generator(parts):
    seed = derived_seed(*parts)
    assert seed == derived_seed(*parts)
    assert 0 <= seed < 2**31
    random.Random(seed)


def test_derived_seeds_are_the_same_on_every_machine():
    """Half of the first 32 bits of what `printf "('sampler', 'cnn', 0)" | sha256sum` prints: e4d0...."""
    assert derived_seed("sampler", "cnn", 0) == 1919412247
