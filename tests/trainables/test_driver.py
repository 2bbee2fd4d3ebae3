from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.support.stand_ins import VALID, FakeApproach, Ticker, driver_of, run
from trainables.approach import Examples, Predictions
from trainables.driver import VALIDATIONS, score


def fake(**options: Any) -> FakeApproach:
    return FakeApproach(Ticker(), **options)  # 4 epochs of 3 steps of 1 s; a validation takes 0.5 s


class TestATrialWithTimeEnough:
    def test_trains_all_epochs_and_validates_after_each(self):
        reports = run(driver_of(fake()))
        assert [report.event for report in reports] == ["validated", "validated", "validated", "finished"]
        assert [report.epoch for report in reports] == [1, 2, 3, 4]
        assert [report.charged_s for report in reports] == [3.5, 7, 10.5, 14]
        assert [report.steps for report in reports] == [3, 6, 9, 12]

    def test_reports_seconds_of_cpu_and_of_waiting_beside_the_charged_ones(self):
        reports = run(driver_of(fake()))
        assert [report.cpu_s for report in reports] == [3.5, 7, 10.5, 14]
        assert [report.waited_s for report in reports] == [3.5, 7, 10.5, 14]

    def test_reports_how_many_examples_went_through_the_network_at_a_time_where_a_batch_did_not_fit(self):
        approach = fake(epochs=2)
        plain = approach.step
        approach.step = lambda: replace(plain(), micro_batch=16 if approach.epoch > 1 else None)  # type: ignore[method-assign]
        assert [report.micro_batch for report in run(driver_of(approach))] == [None, 16]

    def test_keeps_the_best_validated_state_not_the_last(self):
        approach = fake(accuracy=lambda steps: 0.9 if steps == 6 else 0.5)
        driver = driver_of(approach)
        last = run(driver)[-1]
        assert (last.valid_accuracy, last.best_accuracy, last.best_at_s) == (0.5, 0.9, 7)
        driver.keep_best()
        assert approach.model == 6

    def test_keeps_the_first_of_equally_good_states(self):
        approach = fake(accuracy=lambda steps: 0.7)
        driver = driver_of(approach)
        run(driver)
        driver.keep_best()
        assert approach.model == 3

    def test_reports_means_since_the_last_validation(self):
        losses = {0: 6.0, 1: 3.0, 2: 0.0, 3: 2.0, 4: 2.0, 5: 5.0}
        reports = run(driver_of(fake(epochs=2, losses=losses)))
        assert [report.train_loss for report in reports] == [3, 3]
        assert [report.train_accuracy for report in reports] == [0.5, 0.5]
        assert [report.lr for report in reports] == [0.1, 0.1]


class TestAllowance:
    def test_a_trial_ends_before_the_step_that_would_not_fit(self):
        """After two steps of an epoch a third and a validation would need 1.5 s, and only 1.4 s are left."""
        report = run(driver_of(fake(), allowance_s=3.4))[-1]
        assert (report.event, report.steps, report.charged_s, report.overshoot_s) == ("cut", 2, 2.5, 0)

    def test_a_step_that_just_fits_is_done(self):
        assert run(driver_of(fake(epochs=1), allowance_s=3.5))[-1].event == "finished"

    def test_a_trial_cut_inside_an_epoch_keeps_its_best_state(self):
        approach = fake(accuracy=lambda steps: 0.8 if steps == 3 else 0.1)
        driver = driver_of(approach, allowance_s=6.2)
        report = run(driver)[-1]
        assert (report.event, report.steps, report.valid_accuracy, report.best_accuracy) == ("cut", 5, 0.1, 0.8)
        driver.keep_best()
        assert approach.model == 3

    def test_a_trial_cut_inside_an_epoch_validates_what_it_has_and_keeps_that_if_it_is_better(self):
        approach = fake()
        driver = driver_of(approach, allowance_s=6.2)
        report = run(driver)[-1]
        assert report.epoch == pytest.approx(5 / 3)
        assert (report.best_accuracy, report.best_at_s) == (0.05, 6)
        driver.keep_best()
        assert approach.model == 5

    def test_a_step_much_longer_than_the_ones_before_is_thrown_away_and_recorded_as_overshoot(self):
        approach = fake(step_s=(1, 1, 1, 1, 20, 1))
        driver = driver_of(approach, allowance_s=10.0)
        report = run(driver)[-1]
        assert (report.event, report.charged_s, report.overshoot_s) == ("cut", 10, 14.5)
        assert (report.valid_accuracy, report.best_accuracy, report.best_at_s) == (None, 0.03, 3.5)
        driver.keep_best()
        assert approach.model == 3

    def test_a_validation_that_ends_too_late_does_not_count(self):
        approach = fake(predict_s=(0.5, 4.0))
        driver = driver_of(approach, allowance_s=8.0)
        reports = run(driver)
        assert (reports[-1].charged_s, reports[-1].overshoot_s) == (8, 2.5)
        assert (reports[-1].best_accuracy, reports[-1].best_at_s) == (0.03, 3.5)
        driver.keep_best()
        assert approach.model == 3

    def test_a_last_validation_that_would_not_fit_is_not_begun_where_there_is_a_state_already(self):
        """After 11.5 s, with all trained, a validation like the one before would need 4 s."""
        approach = fake(epochs=2, predict_s=(4,), step_s=(1, 1, 1, 1, 1, 2.5))
        driver = driver_of(approach, allowance_s=14.0)
        report = run(driver)[-1]
        assert (report.event, report.charged_s, report.overshoot_s) == ("finished", 11.5, 0)
        driver.keep_best()
        assert approach.model == 3

    def test_a_first_step_longer_than_the_allowance_leaves_nothing_to_predict_with(self):
        driver = driver_of(fake(step_s=(9,)), allowance_s=5.0)
        report = run(driver)[-1]
        assert (report.event, report.charged_s, report.overshoot_s, report.best_accuracy) == ("cut", 5, 4, None)
        assert not driver.usable

    def test_an_allowance_used_up_beforehand_allows_no_step(self):
        driver = driver_of(fake(), allowance_s=5.0)
        driver.clock.charged_s = 6.0  # features that cost more than the trial may charge
        report = driver.advance()
        assert (report.event, report.steps, report.charged_s) == ("cut", 0, 5)
        assert not driver.usable

    def test_time_is_kept_back_for_the_first_validation(self):
        """100 validation images, at twice the 25 images a second of training, are expected to take 2 s."""
        report = run(driver_of(fake(steps_per_epoch=10, examples=25), allowance_s=8.0))[-1]
        assert (report.event, report.steps, report.valid_accuracy, report.charged_s) == ("cut", 6, 0.06, 6.5)

    def test_the_slow_first_step_is_not_held_against_the_others(self):
        """A first step of 10 s warms up; the second tells that a third of three times its cost takes 3 s."""
        approach = fake(epochs=1, step_s=(10, 1, 3), costs=(1, 1, 3))
        assert run(driver_of(approach, allowance_s=26.0))[-1].event == "finished"

    def test_a_slow_step_later_on_is_forgotten_by_halves(self):
        """After 5, 1, 1, 1 and 1 s the next may take 1.25 s, so that with 1.2 s left none is begun."""
        approach = fake(steps_per_epoch=10, step_s=(1, 1, 5, 1, 1, 1, 1, 1), examples=10**9)
        report = run(driver_of(approach, allowance_s=12.2))[-1]
        assert (report.event, report.steps, report.charged_s) == ("cut", 7, 11.5)

    def test_a_costlier_step_is_predicted_from_cheaper_ones(self):
        """Steps that cost 1 and 4 took 1 s and 4 s; the next, 16, would not end before 21 s and is not begun."""
        costs = (1, 4, 16)
        approach = fake(epochs=3, steps_per_epoch=1, step_s=costs, costs=costs, predict_s=(0.1,))
        report = run(driver_of(approach, allowance_s=21.0))[-1]
        assert (report.event, report.steps, report.overshoot_s) == ("cut", 2, 0)


class TestDivergence:
    @pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
    def test_a_loss_that_is_not_finite_ends_the_trial_and_is_charged(self, loss):
        report = run(driver_of(fake(losses={1: loss})))[-1]
        assert (report.event, report.done, report.charged_s, report.steps) == ("diverged", True, 2, 2)
        assert report.train_loss is None

    def test_a_trial_that_diverges_later_keeps_the_state_from_before(self):
        approach = fake(losses={4: math.nan})
        driver = driver_of(approach)
        report = run(driver)[-1]
        assert (report.event, report.best_accuracy, driver.usable) == ("diverged", 0.03, True)
        driver.keep_best()
        assert approach.model == 3

    def test_weights_that_break_in_the_last_update_show_in_the_validation_and_are_not_kept(self):
        probabilities = np.full((len(VALID), 2), np.nan, dtype=np.float32)
        driver = driver_of(Fixed(Predictions(VALID.labels, probabilities)))
        report = run(driver)[-1]
        assert (report.event, report.steps, report.valid_loss, report.best_accuracy) == ("diverged", 3, None, None)
        assert not driver.usable

    def test_a_trial_that_diverges_before_any_validation_has_nothing_to_predict_with(self):
        for valid in (VALID, None):
            driver = driver_of(fake(losses={0: math.nan}), valid=valid)
            run(driver)
            assert not driver.usable


class TestWithoutValidationImages:
    def test_the_last_state_is_kept(self):
        approach = fake()
        driver = driver_of(approach, valid=None)
        reports = run(driver)
        assert [report.event for report in reports] == ["finished"]
        assert (reports[0].charged_s, reports[0].valid_accuracy, reports[0].best_accuracy) == (12, None, None)
        driver.keep_best()
        assert approach.model == 12
        assert driver.usable

    def test_a_cut_trial_ends_before_the_step_that_would_not_fit(self):
        report = run(driver_of(fake(), allowance_s=5.5, valid=None))[-1]
        assert (report.event, report.steps, report.charged_s, report.overshoot_s) == ("cut", 5, 5, 0)

    def test_the_work_of_a_step_that_ends_too_late_is_thrown_away(self):
        """What an epoch left before it is kept."""
        approach = fake(step_s=(1, 1, 1, 1, 20))
        driver = driver_of(approach, allowance_s=10.0, valid=None)
        report = run(driver)[-1]
        assert (report.event, report.charged_s, report.overshoot_s) == ("cut", 10, 14)
        driver.keep_best()
        assert approach.model == 3


class TestValidations:
    @pytest.mark.parametrize("step_s", [(0.001,), (50.0,), (1.0, 7.0)])
    def test_are_at_the_same_epochs_whatever_the_clock(self, step_s):
        reports = run(driver_of(fake(epochs=25, step_s=step_s)))
        assert [report.epoch for report in reports] == [3, 6, 9, 12, 15, 18, 21, 24, 25]

    @pytest.mark.parametrize("epochs", [1, 2, 9, 10, 11, 19, 20, 21, 99, 101, 200])
    def test_are_at_most_ten_and_the_last_epoch_has_one(self, epochs):
        reports = run(driver_of(fake(epochs=epochs, steps_per_epoch=2)))
        assert len(reports) <= VALIDATIONS == 10
        assert all(report.valid_accuracy is not None for report in reports)
        assert reports[-1].epoch == epochs


class TestHeartbeats:
    def test_come_between_validations_with_what_was_charged(self):
        reports = run(driver_of(fake(epochs=2, steps_per_epoch=5)), for_s=2.0)
        assert [(report.event, report.charged_s) for report in reports] == [
            ("heartbeat", 2),
            ("heartbeat", 4),
            ("validated", 5.5),
            ("heartbeat", 7.5),
            ("heartbeat", 9.5),
            ("finished", 11),
        ]

    def test_carry_no_scores_and_change_nothing(self):
        losses = dict(enumerate([4.0, 2.0, 0.0] * 4))
        steady = run(driver_of(fake(losses=losses)))
        beating = run(driver_of(fake(losses=losses)), for_s=1.0)
        assert all(report.valid_accuracy is None for report in beating if report.event == "heartbeat")
        assert [report for report in beating if report.event != "heartbeat"] == steady


class Fixed(FakeApproach):
    """Predicts what it is given."""

    def __init__(self, predictions: Predictions) -> None:
        super().__init__(Ticker())
        self._predictions_given = predictions

    def predict(self, inputs: np.ndarray) -> Predictions:
        return self._predictions_given


class TestScore:
    examples = Examples(np.zeros((4, 1), dtype=np.float32), np.array([0, 1, 1, 0]))

    def test_hard_decisions_have_an_accuracy_and_no_loss(self):
        assert score(Fixed(Predictions(np.array([0, 1, 0, 0]), None)), self.examples) == (None, 0.75)

    def test_the_loss_is_the_mean_negative_log_of_the_true_class(self):
        probabilities = np.array([[0.5, 0.5], [0.75, 0.25], [0.5, 0.5], [1, 0]], dtype=np.float32)
        loss, _ = score(Fixed(Predictions(probabilities.argmax(axis=1), probabilities)), self.examples)
        assert loss == pytest.approx((math.log(2) + math.log(4) + math.log(2) + 0) / 4)

    def test_a_probability_of_zero_costs_much_and_stays_finite(self):
        probabilities = np.tile(np.array([0, 1], dtype=np.float32), (4, 1))
        loss, _ = score(Fixed(Predictions(probabilities.argmax(axis=1), probabilities)), self.examples)
        # Half of the images: ln of the smallest normal float32, 2^-126
        assert loss == pytest.approx(126 * math.log(2) / 2, rel=1e-6)
