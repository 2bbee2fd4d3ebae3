"""Reckoning whole schedules from a few steps, with a clock that moves only when somebody works."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from study.config.approaches import ApproachConfig
from study.planning.timing import Schedule, Timing, Untimed, seconds_each, time_approach, time_schedule
from tests.support.stand_ins import VALID, FakeApproach, Ticker, driver_of, image_task, run
from tests.support.study_files import approach as better_cnn
from trainables.approach import Step
from trainables.approaches.better_cnn import BetterCNN, BetterCNNSettings
from trainables.checkpoints import StateError
from trainables.clock import Clock
from trainables.spec import Inputs

CPU = torch.device("cpu")


def timed(within_s: float = 1000.0, **about: Any) -> Schedule:
    made = FakeApproach(ticker := Ticker(), **about)
    return time_schedule(made, VALID, clock=Clock(ticker), within_s=within_s)


def test_a_schedule_is_its_steps_and_its_validations():
    """40 epochs of 3 steps of a second, 10 validations of half a second."""
    schedule = timed(epochs=40, within_s=30.0)
    assert schedule == Schedule(epochs=40, step_s=1.0, training_s=120.0, validation_s=0.5)
    assert schedule.whole_s == 125.0
    assert schedule.epochs_in(62.5) == 20.0


@pytest.mark.parametrize("epochs", [1, 4, 10, 11, 25, 160])
def test_the_driver_charges_what_was_reckoned(epochs):
    """The same approach, timed and then trained by the driver to its end."""
    schedule = timed(epochs=epochs, within_s=12.0)
    report = run(driver_of(FakeApproach(Ticker(), epochs=epochs)))[-1]
    assert report.event == "finished"
    assert schedule.whole_s == pytest.approx(report.charged_s)


def test_the_first_step_which_warms_up_counts_no_more_than_the_others():
    assert timed(epochs=10, step_s=(9.0, *[1.0] * 29), within_s=30.0).training_s == pytest.approx(30.0)


def test_no_step_is_begun_that_would_not_fit_but_one_always_is():
    ticker = Ticker()
    made = FakeApproach(ticker, epochs=10, step_s=(50.0,))
    schedule = time_schedule(made, VALID, clock=Clock(ticker), within_s=5.0)
    assert ticker.now == 50.0 + 2 * 0.5, "and a look at 32, then at as many validation images as fit"
    assert schedule.training_s == 30 * 50.0


def test_steps_that_grow_are_reckoned_by_their_cost():
    """Stages of an SVM: 1, 16, 256 in cost; the last would take 256 s, and is not taken."""
    schedule = timed(epochs=3, steps_per_epoch=1, step_s=(1.0, 16.0, 256.0), costs=(1.0, 16.0, 256.0), within_s=30.0)
    assert schedule.training_s == pytest.approx(273.0)


def test_a_schedule_that_fits_is_timed_to_its_end():
    schedule = timed(epochs=3, steps_per_epoch=1, step_s=(1.0, 16.0, 256.0), costs=(1.0, 16.0, 256.0))
    assert schedule.training_s == pytest.approx(273.0)


def test_a_validation_of_part_of_the_images_stands_for_all_of_them():
    """32 images in half a second, and no time for more: 100 take 100 / 32 of that."""
    assert timed(epochs=40, within_s=3.0).validation_s == pytest.approx(0.5 * 100 / 32)


def test_waiting_for_a_cpu_is_told_as_a_factor():
    """A clock by which three of every four seconds passed in waiting."""
    ticker = Ticker()

    def clock(device: torch.device) -> Clock:
        return Clock(ticker, waited=lambda: 0.75 * ticker.now)

    class Slow(BetterCNN):
        def step(self) -> Step:
            ticker.now += 1.0
            return super().step()

    inputs = Inputs(Slow, BetterCNNSettings(image_size=(16, 16)), image_task())
    timing = time_approach("mine", better_cnn({"epochs": 2}), inputs, device=CPU, within_s=9.0, clock=clock)
    assert isinstance(timing, Timing)
    assert timing.factor == pytest.approx(4.0)


@pytest.mark.parametrize(("approaches", "seconds"), [(1, 5.0), (3, 5.0), (6, 2.5), (30, 0.5)])
def test_timing_takes_five_seconds_an_approach_and_fifteen_in_all(approaches, seconds):
    assert seconds_each(approaches) == seconds


def test_the_published_and_the_median_configuration_of_a_real_approach_are_timed():
    space = {"lr": 1e-3, "epochs": {"int": [2, 4]}, "batch_size": 8}
    config = better_cnn(space, published={"epochs": 9}, image_size=[16, 16])
    timing = timing_of(config)
    assert isinstance(timing, Timing)
    assert (timing.median.epochs, timing.published.epochs) == (3, 9)
    assert timing.features_s == 7.0
    assert timing.median.whole_s > 0


def timing_of(config: ApproachConfig, kind: type[BetterCNN] = BetterCNN) -> Any:
    inputs = Inputs(kind, BetterCNNSettings(image_size=(16, 16)), image_task())
    return time_approach("mine", config, inputs, device=CPU, within_s=0.2, features_s=7.0)


class Raising(BetterCNN):
    def step(self) -> Step:
        raise RuntimeError("no such kernel\n  at line 3")


class Silent(BetterCNN):
    def predict(self, inputs: np.ndarray) -> Any:
        raise MemoryError


@pytest.mark.parametrize(
    ("kind", "reason"), [(Raising, "RuntimeError: no such kernel"), (Silent, "out of memory (MemoryError)")]
)
def test_an_approach_that_raises_is_one_line(kind, reason):
    assert timing_of(better_cnn({"epochs": 2}), kind) == Untimed("mine", reason)


class Waiting(BetterCNN):
    """Refuses to be timed as a trial would be started."""

    def __init__(self, task: Any, *given: Any, **named: Any) -> None:
        assert task.valid is None
        super().__init__(task, *given, **named)


def test_an_approach_is_built_as_in_the_rehearsal_without_validation_images():
    assert isinstance(timing_of(better_cnn({"epochs": 2}), Waiting), Timing)


class Pickled(BetterCNN):
    def model_state(self) -> Any:
        return {"network": self.training.network}


def test_an_approach_whose_state_could_not_be_kept_is_refused_before_a_study_and_not_after_an_hour():
    with pytest.raises(StateError) as error:
        timing_of(better_cnn({"epochs": 2}), Pickled)
    assert str(error.value) == (
        "approaches.mine: Pickled.model_state()['network'] is a Sequential, which only a pickle could hold; a state "
        "holds tensors, NumPy arrays, numbers, strings, bytes, None, and lists, tuples and dicts of these"
    )
