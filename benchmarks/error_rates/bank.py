"""A bank of searches on real data: the same search of one approach many times, each as a study would have run it.

scikit-learn's 1,797 digits, divided as the preset `digits` divides them: 10 training and 20 validation images of each,
the rest for the test. An approach tries configurations at random until it has spent what it may; the best validated one
is trained again with several seeds. Charged are gradient steps for the MLP, trials for the SVM, so that the bank does
not depend on the machine. `resampled` are the final runs of the incumbents of searches whose trials were drawn, with
replacement, from those of this one search, until they had spent as much.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

SEARCHES = 30
FINALS = 5  # final runs of an incumbent
RESAMPLED = 5  # incumbents of resampled searches
BUDGET = {"mlp": 6000, "svm": 30}  # gradient steps; trials
TRAIN, VALID = 10, 20  # images of each digit

Correct = NDArray[np.bool_]


@dataclass(frozen=True)
class Splits:
    """Images (N, 64) in [0, 1] and labels (N,) of training, validation and test."""

    train: tuple[NDArray[np.float64], NDArray[np.int64]]
    valid: tuple[NDArray[np.float64], NDArray[np.int64]]
    test: tuple[NDArray[np.float64], NDArray[np.int64]]


@dataclass(frozen=True)
class Trial:
    """A configuration, what it cost, and its accuracy on the validation images."""

    params: dict[str, float | int | str]
    charged: int
    accuracy: float


@dataclass(frozen=True)
class Bank:
    """All searches of one approach: `finals` (searches, FINALS, N) and `resampled` (searches, RESAMPLED, N)."""

    finals: Correct
    resampled: Correct


def bank(approach: str) -> Bank:
    """The bank of an approach, from the temporary folder; made where it is not there."""
    path = _path(approach)
    if not path.exists():
        make(approach)
    with np.load(path) as arrays:
        return Bank(arrays["finals"], arrays["resampled"])


def make(approach: str, pool: Executor | None = None) -> None:
    """Make the bank of an approach and keep it, unless it is there; a minute of one CPU, or of several together."""
    path = _path(approach)
    if path.exists():
        return
    mapped: Callable[..., object] = pool.map if pool else map
    found = list(mapped(search, [approach] * SEARCHES, range(SEARCHES)))  # type: ignore[call-overload]
    finals, resampled = (np.stack(runs) for runs in zip(*found, strict=True))
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".npz", delete=False) as file:
        np.savez_compressed(file, finals=finals, resampled=resampled)
    Path(file.name).replace(path)


def search(approach: str, seed: int) -> tuple[Correct, Correct]:
    """One search: the test results of the incumbent's final runs, and of those of resampled searches."""
    rng = np.random.default_rng(seed)
    with threadpool_limits(1):
        trials = _trials(approach, rng)
        finals = [_final(approach, _incumbent(trials), rng) for _ in range(FINALS)]
        drawn = [_final(approach, _incumbent(_redrawn(approach, trials, rng)), rng) for _ in range(RESAMPLED)]
    return np.stack(finals), np.stack(drawn)


def _trials(approach: str, rng: np.random.Generator) -> list[Trial]:
    """Configurations at random until the budget is spent."""
    trials: list[Trial] = []
    while sum(trial.charged for trial in trials) < BUDGET[approach]:
        params = SPACES[approach](rng)
        model = MODELS[approach](params, rng)
        data = splits()
        _fit(model, data)
        trials.append(Trial(params, _charge(approach, params), float(model.score(*data.valid))))
    return trials


def _redrawn(approach: str, trials: list[Trial], rng: np.random.Generator) -> list[Trial]:
    """A bootstrap sample of the trials that spends the budget as the search did."""
    drawn: list[Trial] = []
    while sum(trial.charged for trial in drawn) < BUDGET[approach]:
        drawn.append(trials[rng.integers(len(trials))])
    return drawn


def _incumbent(trials: list[Trial]) -> Trial:
    """The best validated one, the first of equal ones."""
    return max(trials, key=lambda trial: trial.accuracy)


def _final(approach: str, incumbent: Trial, rng: np.random.Generator) -> Correct:
    """(N,) which test images one more run classifies correctly."""
    model, data = MODELS[approach](incumbent.params, rng), splits()
    _fit(model, data)
    right: Correct = model.predict(data.test[0]) == data.test[1]
    return right


def _fit(model: MLPClassifier | SVC, data: Splits) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # so many epochs are meant
        model.fit(*data.train)


def _mlp_space(rng: np.random.Generator) -> dict[str, float | int | str]:
    return {
        "hidden": int(2 ** rng.uniform(4, 8)),
        "lr": float(10 ** rng.uniform(-4, -1)),
        "alpha": float(10 ** rng.uniform(-6, 0)),
        "epochs": int(10 ** rng.uniform(np.log10(5), np.log10(100))),
        "batch": int(rng.choice([10, 25, 100])),
    }


def _mlp(params: dict[str, float | int | str], rng: np.random.Generator) -> MLPClassifier:
    return MLPClassifier(
        hidden_layer_sizes=(params["hidden"],),
        learning_rate_init=params["lr"],
        alpha=params["alpha"],
        batch_size=params["batch"],
        max_iter=params["epochs"],
        n_iter_no_change=10_000,
        random_state=int(rng.integers(2**31)),
    )


def _svm_space(rng: np.random.Generator) -> dict[str, float | int | str]:
    return {
        "C": float(10 ** rng.uniform(-2, 3)),
        "gamma": float(10 ** rng.uniform(-4, 1)),
        "kernel": str(rng.choice(["rbf", "poly", "linear"])),
    }


def _svm(params: dict[str, float | int | str], rng: np.random.Generator) -> SVC:
    return SVC(**params)


SPACES = {"mlp": _mlp_space, "svm": _svm_space}
MODELS = {"mlp": _mlp, "svm": _svm}


def _charge(approach: str, params: dict[str, float | int | str]) -> int:
    if approach == "svm":
        return 1
    return int(params["epochs"]) * -(-10 * TRAIN // int(params["batch"]))


@cache
def splits() -> Splits:
    """The digits, divided by class."""
    digits = load_digits()
    images, labels = digits.data / 16, digits.target.astype(np.int64)
    rng = np.random.default_rng(0)
    classes = [rng.permutation(np.flatnonzero(labels == c)) for c in range(10)]
    parts = (slice(0, TRAIN), slice(TRAIN, TRAIN + VALID), slice(TRAIN + VALID, None))
    chosen = [np.concatenate([positions[part] for positions in classes]) for part in parts]
    return Splits(*((images[positions], labels[positions]) for positions in chosen))


def _path(approach: str) -> Path:
    """Where the bank of an approach is kept; another one as soon as this file changes."""
    version = sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"transfer-study-bank-{approach}-{version}.npz"
