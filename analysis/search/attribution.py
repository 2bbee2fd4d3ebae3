"""How much of the spread of validation accuracy is the approach, how much its learning rate and other hyperparameters.

Draw an approach, then one of its search trials: the variance of its validation accuracy splits into

    Var = B + W,  B = variance of the approaches' means m_a,  W = mean of the variances s2_a within them,

every approach counting the same, however many trials its budget paid for. The share of the approach is estimated by

    eta2 = B / (B + W)                                     with the variances of the m_a and of the trials as they are
    omega2 = (B - c) / (B - c + W),  c = (k-1)/k mean_a(s2_a / n_a)     without what chance adds to B; floored at 0

for k approaches with n_a trials. With equal n_a they are eta squared and Hays' omega squared of a one-way analysis of
variance. The rest, 1 - omega2, belongs to the approaches in proportion to s2_a, and within one of them it is split by
random forests that predict accuracy from hyperparameters: R2, the share they predict for trials left out of their trees
(out of bag), times each hyperparameter's main effect (functional analysis of variance), or their interactions; and
1 - R2, what the hyperparameters do not predict: seeds, cut trials, effects too fine for so few trials.

Decisions:
    Optuna's fANOVA, not its default PED-ANOVA: the former splits the variance of the accuracy, which is the question;
    the latter says what it takes to be among the best tenth.
    Hyperparameters that are numbers go in as ranks among the trials. A forest's splits do not depend on the scale, and
    marginals are then taken over the values that were tried, not over a box that a single value can stretch (a weight
    decay of 0 beside 1e-6 to 1e-2); so no scale has to be guessed, and log(lr) has the importance of lr.
    A trial that diverged, or was cut, counts with its best validated state. One that reached none, or failed, has no
    accuracy and is left out, not given an invented one; `unvalidated` counts them. Where a learning rate makes trials
    diverge, its share is therefore a lower bound.
    A sampler that learns tries good values more often. All shares are of the trials that were made.

References:
    Kelley 1935, PNAS 21:554 and Hays 1963, Statistics for Psychologists. Breiman 2001, Machine Learning 45:5. Hutter,
    Hoos & Leyton-Brown 2014, An Efficient Approach for Assessing Hyperparameter Importance, ICML. Watanabe, Bansal &
    Hutter 2023, PED-ANOVA, IJCAI.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import optuna
import pandas as pd
from numpy.typing import NDArray
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from sklearn.ensemble import RandomForestRegressor

from analysis.records.schema import ENDINGS, HyperparameterValue
from analysis.search.learning_rate import LEARNING_RATE, LearningRateThird, learning_rate_thirds

Array = NDArray[np.float64]
FEWEST = 10  # validated trials below which no forest is fitted
TREES, DEPTH = 32, 5  # at most 32 leaves a tree; unlimited ones fit noise, and took 40 times as long for 1,000 trials
NOTHING = "the hyperparameters do not predict the accuracy of trials left out of the forest's trees"
RESAMPLES = 1000
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


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class Part:
    """One part of the variance of validation accuracy; those of an Attribution sum to 1 where there is any variance."""

    name: Literal["approach", "learning rate", "other hyperparameters", "interactions", "not explained"]
    share: float


@dataclass(frozen=True)
class Attribution:
    """Where the spread of validation accuracy comes from.

    Attributes:
        eta2, omega2: share of the approach, as it is and without what chance adds; None with fewer than two approaches
            of two validated trials, or without any variance.
        low, high: 1 - alpha bootstrap interval of omega2 over trials, as if these were independent.
        parts: the whole, in the order to be drawn; empty without any variance.
        note: why something is missing, or None.
    """

    eta2: float | None
    omega2: float | None
    low: float | None
    high: float | None
    parts: tuple[Part, ...]
    approaches: tuple[WithinApproach, ...]
    note: str | None


def attribute(trials: pd.DataFrame, *, rng: np.random.Generator, alpha: float = 0.05) -> Attribution:
    """Split the variance of the validation accuracy of the search trials of all approaches.

    Args:
        trials: records.trial_table, or any frame with its columns phase, approach, status, params, best_accuracy.
        rng: seeds the forests and draws the bootstrap.
        alpha: 1 minus the level of the interval.
    """
    ended = trials[(trials.phase == "search") & trials.status.isin(ENDINGS)]
    tried = [_Tried.of(str(name), rows) for name, rows in ended.groupby("approach", sort=False)]
    counted = [one for one in tried if len(one.accuracy) > 1]
    seeds = dict(zip((one.approach for one in tried), rng.integers(2**31, size=len(tried)), strict=True))
    samples = [one.accuracy for one in counted]
    varies = _varies(samples)
    measured = float(_omega2([x[None] for x in samples])[0]) if samples else 0.0
    omega2 = max(0.0, measured)
    spread = sum(float(x.var(ddof=1)) for x in samples) if varies else 0.0
    shares = {one.approach: (1 - omega2) * float(one.accuracy.var(ddof=1)) / spread for one in counted if spread > 0}
    within = tuple(_within(one, shares.get(one.approach, 0.0), int(seeds[one.approach])) for one in tried)
    parts = _parts(omega2, within) if varies else ()
    note = _note(tried, counted, samples)
    if len(counted) < 2 or not parts:
        return Attribution(None, None, None, None, parts, within, note)
    low, high = _interval(samples, measured, rng, alpha)
    return Attribution(_eta2(samples), omega2, low, high, parts, within, note)


@dataclass(frozen=True, eq=False)
class _Tried:
    """params: (n,) of the validated trials. accuracy: (n,) theirs. wasted: params of those without an accuracy."""

    approach: str
    params: Sequence[Mapping[str, HyperparameterValue]] = field(repr=False)
    accuracy: Array
    wasted: Sequence[Mapping[str, HyperparameterValue]] = field(repr=False)

    @classmethod
    def of(cls, approach: str, rows: pd.DataFrame) -> _Tried:
        accuracy = rows.best_accuracy.astype(float).mask(rows.status == "failed")
        params = rows.params.map(lambda given: given if isinstance(given, Mapping) else {})
        validated = accuracy.notna()
        return cls(approach, list(params[validated]), accuracy[validated].to_numpy(), list(params[~validated]))


def _varies(samples: Sequence[Array]) -> bool:
    return bool(samples) and float(np.concatenate(samples).std()) > ROUNDING


def _eta2(samples: Sequence[Array]) -> float:
    B, W = np.var([x.mean() for x in samples]), np.mean([x.var() for x in samples])
    return float(B / (B + W))


def _omega2(samples: Sequence[Array]) -> Array:
    """(R,) from k samples of shape (R, n_a), R times two or more accuracies; below 0 where chance outweighs B."""
    means = np.stack([x.mean(axis=1) for x in samples])  # (k, R)
    spread = np.stack([x.var(axis=1, ddof=1) for x in samples])
    n, k = np.array([x.shape[1] for x in samples]), len(samples)
    B = means.var(axis=0) - (k - 1) / k * (spread / n[:, None]).mean(axis=0)
    total: Array = B + spread.mean(axis=0)
    shares: Array = np.divide(B, total, out=np.zeros_like(total), where=total > ROUNDING**2)
    return shares


def _interval(samples: Sequence[Array], omega2: float, rng: np.random.Generator, alpha: float) -> tuple[float, float]:
    """Quantiles of omega2 over resampled trials of each approach, less the bias that resampling adds.

    A resample has the chance of the means twice over, so its omega2 is too large by about as much as the mean of the
    resamples exceeds omega2. Widened to hold the floored omega2. In simulation (three approaches, normal accuracies,
    1,000 studies) a 95 % interval held the truth in 95 to 99 % at 20 or 50 trials each, in 88 to 97 % at 6, 20 and 300.
    """
    resampled = _omega2([x[rng.integers(len(x), size=(RESAMPLES, len(x)))] for x in samples])
    low, high = np.quantile(resampled, [alpha / 2, 1 - alpha / 2]) - (resampled.mean() - omega2)
    held = max(0.0, omega2)
    return float(np.clip(low, 0, held)), float(np.clip(high, held, 1))


def _within(tried: _Tried, share: float, seed: int) -> WithinApproach:
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
        tried.approach,
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


def _why_no_forest(y: Array, varied: Mapping[str, object]) -> str | None:
    if len(y) < FEWEST:
        return f"{len(y)} validated trials, too few (under {FEWEST}) to say what the hyperparameters explain"
    if not _varies([y]):
        return "all trials have the same validation accuracy: there is nothing to explain"
    return None if varied else "no hyperparameter varies"


Column = tuple[float, ...] | tuple[str, ...]


def _columns(params: Sequence[Mapping[str, HyperparameterValue]]) -> dict[str, Column]:
    """By hyperparameter, a number in [0, 1] or a category for each trial."""
    names = sorted({name for given in params for name in given})
    return {name: _column([given.get(name) for given in params]) for name in names}


def _column(values: Sequence[HyperparameterValue | None]) -> Column:
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


def _predicted(columns: Mapping[str, Column], y: Array, seed: int) -> float:
    """R2 out of bag, floored at 0."""
    X = pd.get_dummies(pd.DataFrame({name: list(column) for name, column in columns.items()})).to_numpy(dtype=float)
    forest = RandomForestRegressor(2 * TREES, max_depth=DEPTH, oob_score=True, random_state=seed).fit(X, y)
    return max(0.0, float(forest.oob_score_))


def _main_effects(columns: Mapping[str, Column], y: Array, seed: int) -> dict[str, float]:
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


def _parts(omega2: float, within: Sequence[WithinApproach]) -> tuple[Part, ...]:
    shares = [(one.name == LEARNING_RATE, one.share) for approach in within for one in approach.hyperparameters]
    rate, others = (sum(share for is_rate, share in shares if is_rate == wanted) for wanted in (True, False))
    interactions = sum(approach.interactions for approach in within)
    return (
        Part("approach", omega2),
        Part("learning rate", rate),
        Part("other hyperparameters", others),
        Part("interactions", interactions),
        Part("not explained", max(0.0, 1 - omega2 - rate - others - interactions)),
    )


def _note(tried: Sequence[_Tried], counted: Sequence[_Tried], samples: Sequence[Array]) -> str | None:
    if not counted:
        return "no approach has two validated trials: there is no spread to split"
    left_out = [one.approach for one in tried if one not in counted]
    notes = [f"left out, with fewer than two validated trials: {', '.join(left_out)}"] if left_out else []
    if not _varies(samples):
        notes.append("all trials have the same validation accuracy: there is no spread to split")
    elif len(counted) == 1:
        notes.append(f"{counted[0].approach} alone: there is no approach to compare it with")
    return "; ".join(notes) or None
