"""What moves the validation accuracy of one approach: its hyperparameters, by random forests (attribution.py has why).

R2 is the share of the variance of trials left out of a forest's trees that it predicts; each hyperparameter's main
effect is its share of the variance of the forest's predictions (functional analysis of variance).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import optuna
import pandas as pd
from numpy.typing import NDArray
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from sklearn.ensemble import RandomForestRegressor

from analysis.records.schema import HyperparameterValue
from analysis.search.learning_rate import LearningRateThird, learning_rate_thirds

Array = NDArray[np.float64]
FEWEST = 10  # validated trials below which no forest is fitted
TREES, DEPTH = 32, 5  # at most 32 leaves a tree; unlimited ones fit noise, and took 40 times as long for 1,000 trials
NOTHING = "the hyperparameters do not predict the accuracy of trials left out of the forest's trees"
ROUNDING = 1e-12  # standard deviations below it are rounding


@dataclass(frozen=True)
class HyperparameterShare:
    """One hyperparameter of one approach.

    Attributes:
        values: how many different ones the validated trials had; with one it explains nothing.
        importance: its main effect, as share of what the forest predicts within the approach, in [0, 1].
        share: of the variance of all approaches together.
    """

    name: str
    values: int
    importance: float
    share: float


@dataclass(frozen=True, kw_only=True)
class WithinApproach:
    """What moves the validation accuracy of one approach.

    Attributes:
        trials: validated ones. unvalidated: those that ended without an accuracy.
        mean, sd: of the validation accuracy; None without a trial, and without a second one.
        share: of the variance of all approaches together that lies within this one; 0 where it is left out of that.
        predicted: R2, the part of it that the hyperparameters predict, in [0, 1]; 0 where no forest predicts any.
        hyperparameters: the most important first. interactions: what several of them explain together, as a share of
            the variance of all approaches, as their own shares are.
        thirds: low, middle, high; empty without a learning rate that varies.
        note: why something is missing, or None.
    """

    approach: str
    trials: int
    unvalidated: int
    mean: float | None
    sd: float | None
    share: float
    predicted: float
    hyperparameters: tuple[HyperparameterShare, ...]
    interactions: float
    thirds: tuple[LearningRateThird, ...]
    note: str | None


@dataclass(frozen=True, eq=False)
class Tried:
    """params: (n,) of the validated trials. accuracy: (n,) theirs. wasted: params of those without an accuracy."""

    approach: str
    params: Sequence[Mapping[str, HyperparameterValue]] = field(repr=False)
    accuracy: Array
    wasted: Sequence[Mapping[str, HyperparameterValue]] = field(repr=False)

    @classmethod
    def of(cls, approach: str, rows: pd.DataFrame) -> Tried:
        accuracy = rows.best_accuracy.astype(float).mask(rows.status == "failed")
        params = rows.params.map(lambda given: given if isinstance(given, Mapping) else {})
        validated = accuracy.notna()
        return cls(approach, list(params[validated]), accuracy[validated].to_numpy(), list(params[~validated]))


def within_approach(tried: Tried, share: float, seed: int) -> WithinApproach:
    """Say what moves one approach's accuracy, of which `share` of the variance of all approaches lies within it."""
    y = tried.accuracy
    columns = _columns(tried.params)
    varied = {name: column for name, column in columns.items() if len(set(column)) > 1}
    note = _why_no_forest(y, varied)
    predicted = 0.0 if note else _predicted(varied, y, seed)
    effects = _main_effects(varied, y, seed) if predicted > 0 else {}
    shares = [
        HyperparameterShare(name, len(set(column)), effects.get(name, 0.0), share * predicted * effects.get(name, 0.0))
        for name, column in columns.items()
    ]
    return WithinApproach(
        approach=tried.approach,
        trials=len(y),
        unvalidated=len(tried.wasted),
        mean=float(y.mean()) if len(y) else None,
        sd=float(y.std(ddof=1)) if len(y) > 1 else None,
        share=share,
        predicted=predicted,
        hyperparameters=tuple(sorted(shares, key=lambda one: (-one.importance, one.name))),
        interactions=share * predicted * max(0.0, 1 - sum(effects.values())),
        thirds=learning_rate_thirds(tried.params, y, tried.wasted),
        note=note or (None if predicted > 0 else NOTHING),
    )


def varies(samples: Sequence[Array]) -> bool:
    """Whether the accuracies differ by more than rounding."""
    return bool(samples) and float(np.concatenate(samples).std()) > ROUNDING


def _why_no_forest(y: Array, varied: Mapping[str, object]) -> str | None:
    if len(y) < FEWEST:
        return f"{len(y)} validated trials, too few (under {FEWEST}) to say what the hyperparameters explain"
    if not varies([y]):
        return "all trials have the same validation accuracy: there is nothing to explain"
    return None if varied else "no hyperparameter varies"


Values = tuple[float, ...] | tuple[str, ...]


def _columns(params: Sequence[Mapping[str, HyperparameterValue]]) -> dict[str, Values]:
    """By hyperparameter, a number in [0, 1] or a category for each trial."""
    names = sorted({name for given in params for name in given})
    return {name: _column([given.get(name) for given in params]) for name in names}


def _column(values: Sequence[HyperparameterValue | None]) -> Values:
    """Words as they are; with numbers among them, the share of trials below each, words and missing ones lowest."""
    keys = [_key(value) for value in values]
    if all(word for _, word in keys):
        return tuple(word for _, word in keys)
    places = {key: place for place, key in enumerate(sorted(set(keys)))}
    ranks = pd.Series([places[key] for key in keys]).rank()  # the mean rank of equal values
    return tuple(float(share) for share in (ranks - 0.5) / len(ranks))


def _key(value: HyperparameterValue | None) -> tuple[float, str]:
    """Sorts a number by its value, anything else by its text and below all numbers."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value), ""
    return -np.inf, str(value)


def _predicted(columns: Mapping[str, Values], y: Array, seed: int) -> float:
    """R2 out of bag, floored at 0."""
    X = pd.get_dummies(pd.DataFrame({name: list(column) for name, column in columns.items()})).to_numpy(dtype=float)
    forest = RandomForestRegressor(2 * TREES, max_depth=DEPTH, oob_score=True, random_state=seed).fit(X, y)
    return max(0.0, float(forest.oob_score_))


def _main_effects(columns: Mapping[str, Values], y: Array, seed: int) -> dict[str, float]:
    """Share of each hyperparameter alone in the variance of the forest's predictions; together at most 1."""
    spaces = {
        name: CategoricalDistribution(sorted(set(column))) if isinstance(column[0], str) else FloatDistribution(0, 1)
        for name, column in columns.items()
    }
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    evaluator = FanovaImportanceEvaluator(n_trees=TREES, max_depth=DEPTH, seed=seed)
    with _quiet_optuna():
        study = optuna.create_study(direction="maximize", storage=optuna.storages.InMemoryStorage())
        study.add_trials(
            optuna.create_trial(params=row, distributions=spaces, value=float(value))
            for row, value in zip(rows, y, strict=True)
        )
        found = get_param_importances(study, evaluator=evaluator, normalize=False)
    total = max(1.0, sum(found.values()))  # above 1 by rounding
    return {name: float(value) / total for name, value in found.items()}


@contextmanager
def _quiet_optuna() -> Iterator[None]:
    """Optuna tells of every study it creates, and warns that main effects that do not sum to 1 are experimental."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(level)
