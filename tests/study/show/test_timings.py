"""What plan and run say of the timings, word for word."""

from __future__ import annotations

from study.planning.suggest import Suggestion
from study.planning.timing import Schedule, Timing, Untimed
from study.show.timings import suggestion_lines, timing_lines
from tests.support.study_files import small_config

CONFIG = small_config(budget={"search_seconds": 75, "trial_seconds": 15})


def schedule(training_s: float, epochs: int = 10) -> Schedule:
    return Schedule(epochs=epochs, step_s=training_s / 100, training_s=training_s, validation_s=0.05)


def test_an_approach_that_can_train_has_one_line():
    timing = Timing(approach="better_cnn", median=schedule(2.5), published=schedule(4.5))
    assert timing_lines(CONFIG, [timing]) == [
        "  better_cnn: a step 45 ms, a validation 50 ms; the published configuration (10 epochs) takes about 5 s, a "
        "trial's 15 s buy 30 epochs; a search's 75 s buy about 25 configurations"
    ]


def test_who_cannot_finish_is_warned_with_the_key_to_turn():
    timing = Timing(approach="fine_tune", median=schedule(299.5, 3), published=schedule(149.5))
    _, *warnings = timing_lines(CONFIG, [timing])
    assert warnings == [
        "warning: fine_tune: configurations that a trial's 15 s do not let finish (the published one about 2 min 30 s, "
        "the median one about 5 min 0 s): raise budget.trial_seconds, or lower `epochs` or image_size; about 5 "
        "configurations in a search are few: raise budget.search_seconds"
    ]


def test_a_published_configuration_alone_that_cannot_finish_is_named_alone():
    timing = Timing(approach="fine_tune", median=schedule(5.0), published=schedule(149.5))
    (_, warning) = timing_lines(CONFIG, [timing])
    assert "(the published one about 2 min 30 s): raise budget.trial_seconds" in warning


def test_a_busy_machine_is_told_with_its_worst_factor():
    timings = [
        Timing(approach=name, median=schedule(1.0), factor=f) for name, f in (("better_cnn", 1.2), ("fine_tune", 3.14))
    ]
    assert timing_lines(CONFIG, timings)[-1] == (
        "warning: the machine is busy with other work: what was timed took up to 3.1 times as long as on a machine of "
        "its own"
    )
    assert len(timing_lines(CONFIG, timings[:1])) == 1


def test_an_approach_without_epochs_is_told_whether_it_finishes_and_what_its_features_cost():
    timing = Timing(approach="feature_svm", median=schedule(0.45, 1), published=schedule(0.45, 1), features_s=9.6)
    (line,) = timing_lines(CONFIG, [timing])
    assert "features 9.6 s, a step 4.5 ms" in line
    assert "the published configuration takes about 0.5 s, a trial's 15 s are enough" in line
    assert line.endswith("buy about 3 configurations"), "max_trials, which is no reason to warn"


def test_an_approach_that_could_not_be_timed_says_why():
    assert timing_lines(CONFIG, [Untimed("fine_tune", "MemoryError")]) == [
        "  fine_tune: could not be timed (MemoryError)"
    ]


def test_a_suggestion_is_options_to_paste():
    made = Suggestion(trial_s=50.0, search_s=1100.0, final_s=None, charged_s=7200.0, left_out=("mine",))
    assert suggestion_lines(made, 2) == [
        "Budgets with which the median configuration of each approach finishes, and at least 20 are tried in each "
        "search (without mine, not timed):",
        "  --set budget.search_seconds=1100 --set budget.trial_seconds=50",
        "With these the searches and final runs take up to 1 h 0 min of wall time.",
    ]
    assert "nothing to suggest" in suggestion_lines(None, 2)[0]
