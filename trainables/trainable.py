"""The adapter to Ray Tune, and the only file here that knows Ray.

One class serves all approaches, so that a worker process goes on from any trial to any other (`reuse_actors`): a new
process costs seconds, a reused one hundredths. Nothing that can go wrong in a trial raises here: a failure is a result
with its reason. Only the death of the process is left to Tune, which starts the trial again from its checkpoint.
"""

from __future__ import annotations

import gc
import logging
import platform
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from ray import tune

from trainables.approach import Predictions, Probabilities
from trainables.backbones.features import frozen_features
from trainables.cache import cache_dir
from trainables.checkpoints import CheckpointStore, Files
from trainables.clock import clock_for
from trainables.driver import Driver
from trainables.errors import UnreachableError, is_out_of_memory, one_line, shown
from trainables.leftovers import clean_if_due
from trainables.precision import in_bfloat16
from trainables.process.memory import keep_freed_memory
from trainables.spec import (
    DEFAULT_PACE,
    Deliver,
    DeliveryError,
    Inputs,
    Pace,
    Slot,
    Stored,
    Supplies,
    TrialSpec,
    pin_threads,
)

logger = logging.getLogger(__name__)


class ApproachTrainable(tune.Trainable):  # type: ignore[misc]
    """Runs whichever trial its configuration describes: a `TrialSpec`, and where the `supplies` of its phase are."""

    def setup(self, config: dict[str, Any], slot: Slot, checkpoints: Files, pace: Pace = DEFAULT_PACE) -> None:
        pin_threads(slot.cpus)
        keep_freed_memory()
        clean_if_due(cache_dir())  # of this node
        self._pace = pace
        self._stored: Stored | None = None
        self._supplies = Supplies({})
        self._device = slot.device
        self._checkpoints = checkpoints
        self._ran_out_of_memory = False
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self._begin(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """Train until the next validation, heartbeat or end; see Report for what comes back."""
        try:
            return self._advance()
        except (torch.AcceleratorError, UnreachableError, DeliveryError):  # not the trial's fault: Tune tries again
            raise
        except Exception as error:  # a trial's failure is a result like any other
            self._ran_out_of_memory = is_out_of_memory(error)
            return self._result({"event": "failed", "reason": one_line(error), "done": True})

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Checkpoints are keyed by trial and kept beside the records, not by Tune (see README, Resuming)."""

    def load_checkpoint(self, checkpoint: object) -> None:
        """See `save_checkpoint`."""

    def _begin(self, config: dict[str, Any]) -> None:
        self._began = time.monotonic()
        self._driver: Driver | None = None  # first, as it holds what the trial before learned from
        told = dict(config)
        self._fetch(told.pop("supplies"))
        self._spec = TrialSpec(**told)
        self._store = CheckpointStore(self._checkpoints, self._spec.trial)
        if self._ran_out_of_memory:  # what the trial before holds in cycles would be missing for this one
            gc.collect()
            self._ran_out_of_memory = False
        self._saved_at_s = 0.0
        self._resumed_at_s: float | None = None  # until it has been reported, once
        self._charged_before = 0.0
        if self._device.type == "cuda":
            torch.cuda.empty_cache()  # what the trial before left, or this one would find less room

    def _fetch(self, stored: Stored) -> None:
        """Get what the trials of a phase need, unless the trial before this one was of that phase.

        What those of another phase needed goes first: a node need not have room for both.
        """
        if stored != self._stored:
            self._supplies, self._stored = Supplies({}), None
            gc.collect()  # approaches may hold examples in cycles
            self._supplies, self._stored = stored.fetch(), stored

    def _advance(self) -> dict[str, Any]:
        if self._driver is None:
            self._driver, self._resumed_at_s = self._make_driver()
        report = self._driver.advance(for_s=self._pace.heartbeat_s)
        result = asdict(report) | {"done": report.done}
        if report.done:
            if self._spec.phase == "final" and self._driver.usable:
                result["test_accuracy"], result["probabilities"] = self._evaluate(self._driver)
        elif report.charged_s - self._saved_at_s >= self._pace.checkpoint_s:
            self._store.save(self._driver.state())
            self._saved_at_s = report.charged_s
        return self._result(result)

    def _make_driver(self) -> tuple[Driver, float]:
        """Of the state that was saved, if there is one that fits; and the charged seconds from which it goes on."""
        driver = self._new_driver()
        saved = self._store.load()
        if saved is not None:
            if self._goes_on(driver, saved):
                self._saved_at_s = driver.clock.charged_s
            else:
                driver = self._new_driver()
        self._charged_before = driver.clock.charged_s
        return driver, driver.clock.charged_s

    def _goes_on(self, driver: Driver, saved: Mapping[str, Any]) -> bool:
        """Whether a driver could load a state. Where it could not, it is of no use any more."""
        try:
            driver.load_state(saved)
        except (torch.AcceleratorError, torch.OutOfMemoryError):  # which say nothing about the state
            raise
        except Exception as error:  # whatever an approach raises whose code was edited since
            logger.warning(
                "%s: its checkpoint does not fit (%s), so it begins anew", self._spec.trial, shown(one_line(error))
            )
            return False
        return True

    def _new_driver(self) -> Driver:
        spec, inputs = self._spec, self._supplies.inputs[self._spec.approach]
        task = inputs.task_of(spec.replicate)
        approach = inputs.kind(
            task,
            inputs.settings,
            inputs.kind.hyperparameters_type.model_validate(dict(spec.params)),
            seed=spec.seed,
            device=self._device,
        )
        clock = clock_for(self._device, charged_s=spec.precharged_s)
        return Driver(approach, task.valid, allowance_s=spec.allowance_s, clock=clock)

    def _evaluate(self, driver: Driver) -> tuple[float, Probabilities]:
        """Read the test split: the only place that does."""
        inputs, deliver = self._supplies.inputs[self._spec.approach], self._supplies.deliver
        assert inputs.test is not None, "a final run needs the test split"
        driver.keep_best()
        driver.approach.calibrate()
        predictions = driver.approach.predict(self._test_inputs(inputs, inputs.test.inputs))
        if predictions.probabilities is not None and not np.isfinite(predictions.probabilities).all():
            raise FloatingPointError("the kept state predicts probabilities that are not finite")
        if deliver is not None:
            self._hand_over(deliver, predictions, driver.approach.probabilities)
        return float((predictions.labels == inputs.test.labels).mean()), driver.approach.probabilities

    def _hand_over(self, deliver: Deliver, predictions: Predictions, probabilities: Probabilities) -> None:
        try:
            deliver(self._spec, predictions, probabilities)
        except Exception as error:
            raise DeliveryError(f"{self._spec.trial}: predictions not written ({one_line(error)})") from error

    def _test_inputs(self, inputs: Inputs, images: np.ndarray) -> np.ndarray:
        if inputs.backbone is None:
            return images
        bfloat16 = in_bfloat16(inputs.settings, self._device)
        return frozen_features(
            inputs.backbone, images, device=self._device, bfloat16=bfloat16, cache=cache_dir(), data="test images"
        ).values

    def _result(self, result: dict[str, Any]) -> dict[str, Any]:
        about: dict[str, Any] = {
            "trial": self._spec.trial,
            "host": platform.node(),
            "device": torch.cuda.get_device_name() if self._device.type == "cuda" else "cpu",
        }
        if self._driver is not None:  # else nothing was charged in this process; what earlier ones charged stands
            worked_s = self._driver.clock.charged_s
            passed_s = time.monotonic() - self._began
            about["charged_s"] = min(worked_s, self._spec.allowance_s)
            about["cpu_s"], about["waited_s"] = self._driver.clock.cpu_s, self._driver.clock.waited_s
            about["uncharged_s"] = max(0.0, passed_s - (worked_s - self._charged_before))
        about["resumed_at_s"], self._resumed_at_s = self._resumed_at_s, None
        return about | result
