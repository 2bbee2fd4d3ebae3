"""What holds for every trial, whatever its steps take: drawn at random by Hypothesis."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.support.stand_ins import VALID, FakeApproach, Ticker, driver_of, run
from trainables.checkpoints import packed, unpacked
from trainables.driver import VALIDATIONS

SECONDS = st.integers(1, 400).map(lambda n: n / 64)  # sums of such are exact in floating point
TIMES = st.lists(SECONDS, min_size=1, max_size=12)


@st.composite
def trials(draw: st.DrawFn) -> dict[str, object]:
    """Arguments of a FakeApproach."""
    accuracies = draw(st.lists(st.integers(0, 100).map(lambda n: n / 100), min_size=1, max_size=20))
    return {
        "epochs": draw(st.integers(1, 30)),
        "steps_per_epoch": draw(st.integers(1, 6)),
        "step_s": draw(TIMES),
        "predict_s": draw(TIMES),
        "costs": draw(st.lists(st.sampled_from([0.25, 1.0, 4.0]), min_size=1, max_size=5)),
        "accuracy": lambda steps: accuracies[steps % len(accuracies)],
    }


@given(trials(), SECONDS.map(lambda s: 10 * s), SECONDS, st.sampled_from([VALID, None]))
def test_no_trial_is_charged_more_than_its_allowance_and_none_overshoots_by_more_than_one_piece_of_work(
    trial, allowance_s, for_s, valid
):
    ticker = Ticker()
    reports = run(driver_of(FakeApproach(ticker, **trial), allowance_s, valid), for_s=for_s)
    last = reports[-1]
    assert all(report.charged_s <= allowance_s for report in reports)
    assert all(report.overshoot_s == 0 for report in reports[:-2])
    assert last.overshoot_s <= max(*trial["step_s"], *trial["predict_s"])
    assert last.charged_s + last.overshoot_s == ticker.now  # nothing worked is left out of the account
    charges = [report.charged_s for report in reports]
    assert charges == sorted(charges)


@given(trials(), SECONDS.map(lambda s: 10 * s))
def test_the_state_kept_was_validated_within_the_allowance(trial, allowance_s):
    approach = FakeApproach(Ticker(), **trial)
    driver = driver_of(approach, allowance_s)
    last = run(driver)[-1]
    assert driver.usable == (last.best_accuracy is not None)
    if last.best_at_s is not None:
        assert last.best_at_s <= allowance_s
        driver.keep_best()
        assert trial["accuracy"](approach.model) == last.best_accuracy


@given(SECONDS, SECONDS, st.integers(1, 12), st.integers(1, 6), st.integers(1, 100))
def test_a_trial_of_steady_speed_never_overshoots(step_s, predict_s, epochs, steps_per_epoch, times):
    """Where classifying takes at most half as long as training, and one step and a validation fit."""
    predict_s = min(predict_s, step_s / 2)
    size = {"epochs": epochs, "steps_per_epoch": steps_per_epoch, "examples": len(VALID)}
    approach = FakeApproach(Ticker(), step_s=(step_s,), predict_s=(predict_s,), **size)
    last = run(driver_of(approach, allowance_s=(step_s + predict_s) * times))[-1]
    assert last.overshoot_s == 0
    assert last.best_accuracy is not None


@given(trials())
def test_validations_are_at_most_ten_and_evenly_spaced(trial):
    reports = run(driver_of(FakeApproach(Ticker(), **trial)))
    epochs = [report.epoch for report in reports]
    assert 1 <= len(epochs) <= VALIDATIONS
    assert epochs[-1] == trial["epochs"]
    assert {epoch % epochs[0] for epoch in epochs[:-1]} <= {0}


@given(trials(), SECONDS.map(lambda s: 10 * s), SECONDS, st.integers(1, 20), st.sampled_from([VALID, None]))
def test_a_trial_interrupted_at_a_report_goes_on_as_if_nothing_had_happened(trial, allowance_s, for_s, at, valid):
    whole = run(driver_of(FakeApproach(Ticker(), **trial), allowance_s, valid), for_s=for_s)
    first = driver_of(FakeApproach(Ticker(), **trial), allowance_s, valid)
    begun = [first.advance(for_s=for_s) for _ in whole[: min(at, len(whole) - 1)]]
    second = driver_of(FakeApproach(Ticker(now=1000.0), **trial), allowance_s, valid)
    second.load_state(unpacked(packed(first.state())))
    assert begun + run(second, for_s=for_s) == whole
