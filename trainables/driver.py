"""The only loop: while the allowance lasts, step; validate; report. Runs without Ray and with any clock.

No approach can overspend: the driver ends a trial before the step that would not fit any more, and whatever is finished
after the allowance all the same (a step that took longer than predicted) is thrown away, recorded as overshoot.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from trainables.approach import Approach, Examples, Step
from trainables.clock import Clock

Event = Literal["validated", "heartbeat", "finished", "cut", "diverged"]
VALIDATIONS = 10  # at most so many validations on schedule; fixed per trial, so that the same seed keeps the same state


@dataclass(frozen=True)
class Report:
    """Where a trial stands. Names and units as in the records: see TrialEvent in analysis/records.py."""

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

    @property
    def done(self) -> bool:
        """Whether the trial has ended."""
        return self.event not in ("validated", "heartbeat")


@dataclass(frozen=True)
class _Best:
    accuracy: float
    at_s: float
    state: Mapping[str, object]


class Driver:
    """Trains one approach within its allowance.

    Args:
        approach: what to train.
        valid: what to validate on; None: the last state is kept, as nothing is there to choose by.
        allowance_s: charged seconds after which the trial ends.
        clock: charges the steps and the validations.
    """

    def __init__(self, approach: Approach, valid: Examples | None, *, allowance_s: float, clock: Clock) -> None:
        self.approach = approach
        self.valid = valid
        self.allowance_s = allowance_s
        self.clock = clock
        self.best: _Best | None = None
        self.steps = 0
        self._diverged = False
        self._pending: list[Step] = []  # steps since the last validation
        self._pending_s = 0.0
        self._s_per_cost = 0.0  # of the slowest of the recent steps
        self._validation_s: float | None = None

    def advance(self, *, for_s: float = math.inf) -> Report:
        """Train until the next validation is done, the trial ends, or `for_s` more seconds are charged."""
        pause_at = self.clock.charged_s + for_s
        while self.approach.epoch < self.approach.epochs:
            if not self._next_step_fits():
                return self._end("cut")
            step = self._step()
            if step.loss is not None and not math.isfinite(step.loss):
                self._diverged = True
                return self._report("diverged")
            if not self._in_time:
                return self._report("cut")
            if self._validation_due():
                scores = self._validate()
                return self._report("finished" if self._trained else "validated", scores)
            if self.clock.charged_s >= pause_at:
                return self._report("heartbeat")
        return self._end("finished")

    @property
    def usable(self) -> bool:
        """Whether there is a state to predict with: a validated one, or the last one where nothing validates."""
        return self.best is not None or (self.valid is None and self.steps > 0 and not self._diverged)

    def keep_best(self) -> None:
        """Put the best validated state into the approach, if there is one."""
        if self.best is not None:
            self.approach.load_model_state(self.best.state)

    def state(self) -> dict[str, Any]:
        """Everything needed to go on after a crash as if nothing had happened."""
        return {
            "approach": self.approach.training_state(),
            "charged_s": self.clock.charged_s,
            "best": None if self.best is None else (self.best.accuracy, self.best.at_s, self.best.state),
            "steps": self.steps,
            "pending": [(step.loss, step.accuracy, step.lr, step.examples) for step in self._pending],
            "timing": (self._pending_s, self._s_per_cost, self._validation_s),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.approach.load_training_state(state["approach"])
        self.clock.charged_s = state["charged_s"]
        self.best = None if state["best"] is None else _Best(*state["best"])
        self.steps = state["steps"]
        self._pending = [Step(*step) for step in state["pending"]]
        self._pending_s, self._s_per_cost, self._validation_s = state["timing"]

    @property
    def _trained(self) -> bool:
        return self.approach.epoch >= self.approach.epochs

    @property
    def _in_time(self) -> bool:
        return self.clock.charged_s <= self.allowance_s

    def _next_step_fits(self) -> bool:
        step_s = self._s_per_cost * self.approach.next_cost
        return self.clock.charged_s + step_s + self._expected_validation_s() <= self.allowance_s

    def _expected_validation_s(self) -> float:
        """As long as the last one; before the first, as if classifying an image took half as long as training on it.

        A training step is about three forward passes; the very first one, which warms up, takes several times longer.
        """
        if self.valid is None:
            return 0.0
        if self._validation_s is not None:
            return self._validation_s
        trained = sum(step.examples for step in self._pending)
        return 0.5 * self._pending_s * len(self.valid) / trained if trained else 0.0

    def _step(self) -> Step:
        cost, before = self.approach.next_cost, self.clock.charged_s
        with self.clock.charging():
            step = self.approach.step()
        took_s = self.clock.charged_s - before
        s_per_cost = took_s / cost
        # The very first step also warms caches up; later a slow step is forgotten by halves.
        self._s_per_cost = s_per_cost if self.steps < 2 else max(s_per_cost, (self._s_per_cost + s_per_cost) / 2)
        self.steps += 1
        self._pending.append(step)
        self._pending_s += took_s
        return step

    def _validation_due(self) -> bool:
        if self.valid is None or self.approach.epoch != int(self.approach.epoch):
            return False
        every = math.ceil(self.approach.epochs / VALIDATIONS)
        return self._trained or int(self.approach.epoch) % every == 0

    def _validate(self) -> tuple[float | None, float]:
        assert self.valid is not None
        before = self.clock.charged_s
        with self.clock.charging():
            loss, accuracy = score(self.approach, self.valid)
        self._validation_s = self.clock.charged_s - before
        if self._in_time and (self.best is None or accuracy > self.best.accuracy):
            self.best = _Best(accuracy, self.clock.charged_s, self.approach.model_state())
        return loss, accuracy

    def _end(self, event: Event) -> Report:
        unseen = bool(self._pending) and self.valid is not None
        return self._report(event, self._validate() if unseen else None)

    def _report(self, event: Event, scores: tuple[float | None, float] | None = None) -> Report:
        valid_loss, valid_accuracy = scores or (None, None)
        charged_s = self.clock.charged_s
        losses = [step.loss for step in self._pending if step.loss is not None]
        accuracies = [step.accuracy for step in self._pending if step.accuracy is not None]
        report = Report(
            event=event,
            charged_s=min(charged_s, self.allowance_s),
            overshoot_s=max(0.0, charged_s - self.allowance_s),
            epoch=self.approach.epoch,
            steps=self.steps,
            lr=self._pending[-1].lr if self._pending else None,
            train_loss=float(np.mean(losses)) if losses and np.isfinite(losses).all() else None,
            train_accuracy=float(np.mean(accuracies)) if accuracies else None,
            valid_loss=valid_loss,
            valid_accuracy=valid_accuracy,
            best_accuracy=self.best.accuracy if self.best else None,
            best_at_s=self.best.at_s if self.best else None,
        )
        if scores is not None:
            self._pending, self._pending_s = [], 0.0
        return report


def score(approach: Approach, examples: Examples) -> tuple[float | None, float]:
    """Log-loss (nats per image; None for hard decisions) and accuracy on some examples."""
    predictions = approach.predict(examples.inputs)
    accuracy = float((predictions.labels == examples.labels).mean())
    if predictions.probabilities is None:
        return None, accuracy
    chosen = predictions.probabilities[np.arange(len(examples)), examples.labels]
    return float(-np.log(np.maximum(chosen, np.finfo(np.float32).tiny)).mean()), accuracy
