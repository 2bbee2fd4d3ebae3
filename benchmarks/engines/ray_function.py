"""Ray Tune, a function as the trainable, OptunaSearch, everything else as it comes: a new process for every trial."""

from __future__ import annotations

import tempfile
from typing import Any

import ray
from ray import tune
from ray.tune.search.optuna import OptunaSearch

from benchmarks.engines.work import BATCH_SIZES, EPOCHS, LR, SLOTS, accuracies, task, tell
from trainables.approach import Task

SPACE = {
    "lr": tune.loguniform(*LR),
    "epochs": tune.randint(EPOCHS[0], EPOCHS[-1] + 1),
    "batch_size": tune.choice(BATCH_SIZES),
}


class Telling(tune.Callback):  # type: ignore[misc]
    """Says when a trial has ended."""

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        tell(trial.last_result["time_total_s"])


def train(params: dict[str, Any], task: Task) -> None:
    for accuracy in accuracies(task, params):
        tune.report({"accuracy": accuracy})


def run(trainable: Any, **config: Any) -> None:
    """Search until interrupted."""
    ray.init(num_cpus=SLOTS, log_to_driver=False)
    with tempfile.TemporaryDirectory() as folder:
        tuner = tune.Tuner(
            tune.with_parameters(trainable, task=task()),
            param_space=SPACE,
            tune_config=tune.TuneConfig(
                metric="accuracy", mode="max", num_samples=-1, search_alg=OptunaSearch(), **config
            ),
            run_config=tune.RunConfig(storage_path=folder, verbose=0, callbacks=[Telling()]),
        )
        tuner.fit()


if __name__ == "__main__":
    run(train)
