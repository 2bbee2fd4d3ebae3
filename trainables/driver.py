"""The only loop: while the allowance lasts, step; validate; report. Runs without Ray and with any clock.

No approach can overspend: the driver ends a trial before the step that would not fit any more, and whatever is finished
after the allowance all the same (a step that took longer than predicted) is thrown away, recorded as overshoot.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import Any, Literal

import numpy as np

from trainables.approach import Approach, Examples, Step
from trainables.clock import Clock

Event = Literal["validated", "heartbeat", "finished", "cut", "diverged"]
VALIDATIONS = 10  # at most so many validations on schedule; fixed per trial, so that the same seed keeps the same state


@dataclass(frozen=True, kw_only=True)
class Report:
    """Where a trial stands. Names and units as in the records: see TrialEvent in analysis/records/schema.py."""

    event: Event
    charged_s: float
    overshoot_s: float
    epoch: float
    steps: int
    lr: float | None
    train_loss: float | None
    train_accuracy: float | None
    valid_loss: float | None
    valid_accuracy: float | None
    best_accuracy: float | None
    best_at_s: float | None
    cpu_s: float
    waited_s: float | None
    micro_batch: int | None = None

    @property
    def done(self) -> bool:
        """Whether the trial has ended."""
        return self.event not in ("validated", "heartbeat")


@dataclass(frozen=True)
class _Kept:
    accuracy: float | None  # None where nothing validates
    at_s: float
    state: Mapping[str, object]


class Driver:
    """Trains one approach within its allowance.

    Args:
        approach: what to train.
        valid: what to validate on, to keep the best state; None: the latest state is kept, as nothing is there to
            choose by.
        allowance_s: charged seconds after which the trial ends.
        clock: charges the steps and the validations.
    """

    def __init__(self, approach: Approach, valid: Examples | None, *, allowance_s: float, clock: Clock) -> None:
        approach.allowed(allowance_s)
        self.approach = approach
        self.valid = valid
        self.allowance_s = allowance_s
        self.clock = clock
        self.kept: _Kept | None = None
        self.steps = 0
        self._diverged = False
        self._pending: list[Step] = []  # steps since the last validation
        self._s_per_cost = 0.0  # of the slowest of the recent steps
        self._s_per_example = 0.0  # of the latest step
        self._validation_s: float | None = None
        self._micro_batch: int | None = None  # of the latest step

    def advance(self, *, for_s: float = math.inf) -> Report:
        """Train until the next validation is done, the trial ends, or `for_s` more seconds are charged."""
        pause_at = self.clock.charged_s + for_s
        while not self._trained():
            if not self._fits(self._s_per_cost * self.approach.next_cost + self._expected_validation_s()):
                return self._end("cut")
            step = self._step()
            if step.loss is not None and not math.isfinite(step.loss):
                self._diverged = True
                return self._report("diverged")
            if not self._in_time:
                return self._report("cut")
            if self._trained():
                return self._end("finished")
            if self._at_milestone():
                scores = self._keep_or_not()
                if scores is not None:
                    return self._report("validated", scores)
            if self.clock.charged_s >= pause_at:
                return self._report("heartbeat")
        return self._report("finished")

    @property
    def usable(self) -> bool:
        """Whether there is a state to predict with, reached in time."""
        return self.kept is not None

    def keep_best(self) -> None:
        """Put the state that was kept back into the approach."""
        if self.kept is not None:
            self.approach.load_model_state(self.kept.state)

    def state(self) -> dict[str, Any]:
        """Everything needed to go on after a crash as if nothing had happened."""
        return {
            "approach": self.approach.training_state(),
            "charged_s": self.clock.charged_s,
            "cpu": (self.clock.cpu_s, self.clock.waited_s),
            "kept": None if self.kept is None else (self.kept.accuracy, self.kept.at_s, self.kept.state),
            "steps": self.steps,
            "pending": [astuple(step) for step in self._pending],
            "timing": (self._s_per_cost, self._s_per_example, self._validation_s),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned."""
        self.approach.load_training_state(state["approach"])
        self.clock.go_on(state["charged_s"], *state["cpu"])
        self.kept = None if state["kept"] is None else _Kept(*state["kept"])
        self.steps = state["steps"]
        self._pending = [Step(*step) for step in state["pending"]]
        self._s_per_cost, self._s_per_example, self._validation_s = state["timing"]

    def _trained(self) -> bool:
        return self.approach.epoch >= self.approach.epochs

    @property
    def _in_time(self) -> bool:
        return self.clock.charged_s <= self.allowance_s

    def _fits(self, seconds: float) -> bool:
        return self.clock.charged_s + seconds <= self.allowance_s

    def _expected_validation_s(self) -> float:
        """As long as the last one; before the first, as if classifying an image took half as long as training on it.

        A training step is about three forward passes. Of the very first step, which warms up and takes several times as
        long as the others, nothing is concluded.
        """
        if self.valid is None:
            return 0.0
        if self._validation_s is not None:
            return self._validation_s
        return 0.5 * self._s_per_example * len(self.valid) if self.steps > 1 else 0.0

    def _step(self) -> Step:
        cost, before = self.approach.next_cost, self.clock.charged_s
        with self.clock.charging():
            step = self.approach.step()
        took_s = self.clock.charged_s - before
        s_per_cost = took_s / cost
        # A slow step is forgotten by halves, but the very first at once: it also warms caches up.
        self._s_per_cost = s_per_cost if self.steps < 2 else max(s_per_cost, (self._s_per_cost + s_per_cost) / 2)
        self._s_per_example = took_s / step.examples if step.examples else 0.0
        self._micro_batch = step.micro_batch
        self.steps += 1
        self._pending.append(step)
        return step

    def _at_milestone(self) -> bool:
        """Whether an epoch has just ended after which the state is looked at: at most VALIDATIONS times in a trial."""
        if self.approach.epoch != int(self.approach.epoch):
            return False
        return int(self.approach.epoch) % math.ceil(self.approach.epochs / VALIDATIONS) == 0

    def _end(self, event: Literal["finished", "cut"]) -> Report:
        """End the trial, looking at its last state if that fits, or if there is no other."""
        unseen = bool(self._pending)
        if unseen and (self.kept is None or self._fits(self._expected_validation_s())):
            return self._report(event, self._keep_or_not())
        return self._report(event)

    def _keep_or_not(self) -> tuple[float | None, float] | None:
        """Validate, and keep the state if it came in time and is the best so far; without validation, keep it."""
        if self.valid is None:
            self.kept = _Kept(None, self.clock.charged_s, self.approach.model_state())
            return None
        before = self.clock.charged_s
        with self.clock.charging():
            loss, accuracy = score(self.approach, self.valid)
        self._validation_s = self.clock.charged_s - before
        self._diverged = loss is not None and not math.isfinite(loss)  # the weights broke in the last update
        best = self.kept.accuracy if self.kept is not None else None
        if self._in_time and not self._diverged and (best is None or accuracy > best):
            self.kept = _Kept(accuracy, self.clock.charged_s, self.approach.model_state())
        return loss, accuracy

    def _report(self, event: Event, scores: tuple[float | None, float] | None = None) -> Report:
        if self._diverged:
            event, scores = "diverged", None
        valid_loss, valid_accuracy = scores or (None, None)
        charged_s = self.clock.charged_s
        report = Report(
            event=event,
            charged_s=min(charged_s, self.allowance_s),
            overshoot_s=max(0.0, charged_s - self.allowance_s),
            epoch=self.approach.epoch,
            steps=self.steps,
            lr=self._pending[-1].lr if self._pending else None,
            train_loss=_mean([step.loss for step in self._pending]),
            train_accuracy=_mean([step.accuracy for step in self._pending]),
            valid_loss=valid_loss,
            valid_accuracy=valid_accuracy,
            best_accuracy=self.kept.accuracy if self.kept else None,
            best_at_s=self.kept.at_s if self.kept else None,
            cpu_s=self.clock.cpu_s,
            waited_s=self.clock.waited_s,
            micro_batch=self._micro_batch,
        )
        if scores is not None:
            self._pending = []
        return report


def _mean(values: list[float | None]) -> float | None:
    """Mean of the values there are; None for none, or if one is not finite."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known and np.isfinite(known).all() else None


def score(approach: Approach, examples: Examples) -> tuple[float | None, float]:
    """Log-loss (nats per image; None for hard decisions) and accuracy on some examples."""
    predictions = approach.predict(examples.inputs)
    accuracy = float((predictions.labels == examples.labels).mean())
    if predictions.probabilities is None:
        return None, accuracy
    chosen = predictions.probabilities[np.arange(len(examples)), examples.labels]
    return float(-np.log(np.maximum(chosen, np.finfo(np.float32).tiny)).mean()), accuracy
