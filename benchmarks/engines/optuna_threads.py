"""Optuna with two threads in one process."""

from __future__ import annotations

import time

import optuna

from benchmarks.engines.work import BATCH_SIZES, EPOCHS, LR, SLOTS, accuracies, task, tell


def main() -> None:
    data = task()

    def objective(trial: optuna.Trial) -> float:
        began = time.monotonic()
        params = {
            "lr": trial.suggest_float("lr", *LR, log=True),
            "epochs": trial.suggest_int("epochs", EPOCHS[0], EPOCHS[-1]),
            "batch_size": trial.suggest_categorical("batch_size", BATCH_SIZES),
        }
        best = max(accuracies(data, params))
        tell(time.monotonic() - began)
        return best

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    optuna.create_study(direction="maximize").optimize(objective, n_jobs=SLOTS, timeout=3600)


if __name__ == "__main__":
    main()
