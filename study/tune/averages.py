"""What Tune may forget of a trial that has ended: running averages that nobody reads, 54 of the 59 kB that it keeps."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from ray.tune import Callback
from ray.tune.experiment import Trial


class AveragesForgotten(Callback):  # type: ignore[misc]
    """Drops the averages, minima and maxima of each trial at its end. Tune keeps every trial to the end of the run."""

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        _forget(trial)

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        _forget(trial)


def _forget(trial: Trial) -> None:
    with suppress(AttributeError):  # another version of Ray names them otherwise, and grows
        trial.run_metadata.metric_analysis.clear()
        trial.run_metadata.metric_n_steps.clear()
