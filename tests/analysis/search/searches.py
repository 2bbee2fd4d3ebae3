"""Searches for tests, in which it is known what decides."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from analysis.search.attribution import Attribution, attribute
from analysis.search.importance import WithinApproach

Params = dict[str, Any]


def table(
    approach: str, params: list[Params], accuracies: list[float | None], status: str = "finished"
) -> pd.DataFrame:
    rows = {"approach": approach, "phase": "search", "status": status, "params": params, "best_accuracy": accuracies}
    return pd.DataFrame(rows)


def plain(samples: dict[str, list[float]]) -> pd.DataFrame:
    """Trials without any hyperparameter."""
    return pd.concat([table(name, [{}] * len(sample), sample) for name, sample in samples.items()], ignore_index=True)


def searched(
    approach: str, n: int, accuracy: Callable[[Params], float], *, noise: float = 0.01, seed: int = 0
) -> pd.DataFrame:
    """n random trials of a space with a learning rate, a number of epochs and a schedule."""
    rng = np.random.default_rng(seed)
    params: list[Params] = [
        {
            "lr": float(10 ** rng.uniform(-4, -1)),
            "epochs": int(rng.integers(1, 40)),
            "schedule": str(rng.choice(["cosine", "constant"])),
        }
        for _ in range(n)
    ]
    return table(approach, params, [accuracy(given) + rng.normal(0, noise) for given in params])


def by_rate(given: Params) -> float:
    return 0.9 - 0.05 * (np.log10(given["lr"]) + 2.5) ** 2


def by_schedule(given: Params) -> float:
    return 0.8 + 0.1 * (given["schedule"] == "cosine")


def by_chance(given: Params) -> float:
    return 0.8


def run(trials: pd.DataFrame, seed: int = 0, **more: float) -> Attribution:
    return attribute(trials, rng=np.random.default_rng(seed), **more)


def shares(found: Attribution) -> dict[str, float]:
    return {part.name: part.share for part in found.parts}


def importances(found: WithinApproach) -> dict[str, float]:
    return {one.name: one.importance for one in found.hyperparameters}
