"""A support vector machine on frozen features.

Its kernel values come from scalar products that a process keeps between trials (kernels/), where these have room; else
libsvm computes them. As libsvm's fit cannot be interrupted, one that would take more than a few seconds, or much of
the trial's allowance, grows through nested subsets, each four times the one before: so a trial has a validated state
before it tries the whole set, and the driver can predict from the smaller fit whether the larger one still fits. In
which steps it grows is decided by the number of images and the allowance, never by what earlier fits of the process
took: the best validated state is kept, and that may be the smaller fit's, so that a trial would depend on who ran
before it. An SVM gives hard decisions; probabilities come from a sigmoid fitted on the validation split (Platt 1999),
only when a final run is evaluated.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from trainables.approach import (
    Approach,
    Example,
    Examples,
    Hyperparameters,
    Predictions,
    Probabilities,
    Settings,
    Step,
    Task,
)
from trainables.backbones.networks import GLYPHS, Backbone
from trainables.kernels import machine
from trainables.kernels.machine import Machine
from trainables.kernels.products import KeptProducts, products

# Examples of which a fit takes a second or so, by libsvm's own kernel values and by kept products: fitted at once.
WHOLE_AT_ONCE, WHOLE_BY_PRODUCTS = 1024, 4096
# Allowance of a trial that fits as many as WHOLE_BY_PRODUCTS at once; fewer need less, by their square. It is ten times
# what the slowest fit took and the products before it (3 s for 3,474 x 1,280 on a core of an EPYC): slow machines are.
ENOUGH_BY_PRODUCTS_S = 42.0
PRODUCTS = KeptProducts()  # of this process


class FeatureSVMSettings(Settings):
    """What is fixed: the frozen network that gives the features."""

    backbone: Backbone


class FeatureSVMHyperparameters(Hyperparameters):
    """Hyperparameters of scikit-learn's SVC; the defaults are its own.

    Attributes:
        C: inverse strength of the regularisation.
        gamma: width of the kernel in units of scikit-learn's `scale`, 1 / (features x variance of the inputs).
        kernel: `rbf` or `linear`.
        scaling: standardise the features to mean 0 and variance 1 first.
    """

    C: float = Field(1.0, gt=0)
    gamma: float = Field(1.0, gt=0)
    kernel: Literal["rbf", "linear"] = "rbf"
    scaling: bool = False


class FeatureSVM(Approach):
    """SVC on the features of a frozen network. An epoch is one fit; the last one uses all examples."""

    summary = "scikit-learn's SVC on a frozen network's features"
    settings_type = FeatureSVMSettings
    hyperparameters_type = FeatureSVMHyperparameters
    examples: ClassVar = {
        "rbf": Example(FeatureSVMSettings(image_size=(16, 16), backbone=GLYPHS), FeatureSVMHyperparameters())
    }
    by_chance = False  # the whole set is fitted in the end, in whatever order

    def __init__(
        self, task: Task, settings: Settings, hyperparameters: Hyperparameters, *, seed: int, device: torch.device
    ) -> None:
        assert isinstance(hyperparameters, FeatureSVMHyperparameters)
        self._task = task
        self._hyperparameters = hyperparameters
        self._order = class_leading_order(task.train.labels, np.random.default_rng(seed))
        self._on_products = PRODUCTS.have_room_for(task.train.inputs)
        self._quick = self._on_products and (hyperparameters.kernel == "rbf" or separable(task.train))
        self._sizes = stages(len(task.train), at_once=WHOLE_BY_PRODUCTS if self._quick else WHOLE_AT_ONCE)
        self._fits = 0
        self._classifier: Machine | None = None
        self._calibrated: CalibratedClassifierCV | None = None

    def allowed(self, allowance_s: float) -> None:
        if self._quick and len(self._task.train) > most_at_once(allowance_s):
            self._sizes = stages(len(self._task.train), at_once=WHOLE_AT_ONCE)

    @staticmethod
    def learns_from(settings: Settings) -> Literal["images", "features"]:
        return "features"

    @property
    def probabilities(self) -> Probabilities:
        return "none" if self._calibrated is None else "calibrated_on_validation"

    @property
    def epoch(self) -> float:
        return float(self._fits)

    @property
    def epochs(self) -> int:
        return len(self._sizes)

    @property
    def next_cost(self) -> float:
        """Square of the number of examples: libsvm's fit takes between that and its cube."""
        return float(self._sizes[self._fits] ** 2)

    def step(self) -> Step:
        self._classifier = Machine(self._fit(self._order[: self._sizes[self._fits]]))
        self._calibrated = None
        self._fits += 1
        return Step(loss=None)

    def predict(self, inputs: np.ndarray) -> Predictions:
        assert self._classifier is not None, "predict before the first step"
        labels = self._classifier.predict(inputs)
        if self._calibrated is None:
            return Predictions(labels=labels, probabilities=None)
        known = self._calibrated.classes_
        probabilities = np.zeros((len(inputs), self._task.classes), dtype=np.float32)
        probabilities[:, known] = self._calibrated.predict_proba(inputs)
        return Predictions(labels=labels, probabilities=probabilities)

    def calibrate(self) -> None:
        if self._classifier is not None and self._task.valid is not None:
            self._calibrated = _calibrated(self._classifier, self._task.valid)

    def model_state(self) -> Mapping[str, object]:
        return {"classifier": None if self._classifier is None else _written(self._classifier.pipeline)}

    def load_model_state(self, state: Mapping[str, Any]) -> None:
        written = state["classifier"]
        self._classifier, self._calibrated = None if written is None else Machine(_read(written)), None

    def training_state(self) -> Mapping[str, object]:
        return {**self.model_state(), "fits": self._fits, "sizes": list(self._sizes)}

    def load_training_state(self, state: Mapping[str, Any]) -> None:
        if state.get("sizes") != self._sizes:  # of a version or a machine that grows the fit in other steps
            raise ValueError(f"it fits subsets of {state.get('sizes')} examples, not of {self._sizes}")
        self.load_model_state(state)
        self._fits = state["fits"]

    def _fit(self, rows: np.ndarray) -> Pipeline:
        given, inputs, labels = self._hyperparameters, self._task.train.inputs, self._task.train.labels
        svc = SVC(C=given.C, kernel=given.kernel, gamma=given.gamma)
        if not self._on_products:
            return machine.fit(svc, inputs[rows], labels[rows], scaling=given.scaling)
        if len(rows) < len(labels):  # nobody needs its products again
            some = products(inputs[rows], scaling=given.scaling)
            return machine.fit_on_products(svc, some, labels[rows], np.arange(len(rows)))
        return machine.fit_on_products(svc, PRODUCTS.of(inputs, scaling=given.scaling), labels, rows)


def stages(examples: int, *, at_once: int) -> list[int]:
    """Sizes of the nested subsets, each about four times the one before, the last one everything."""
    sizes = [examples]
    while sizes[0] > at_once:
        sizes.insert(0, sizes[0] // 4)
    return sizes


def most_at_once(allowance_s: float) -> int:
    """How many examples are fitted at once on products in a trial of so many seconds."""
    return int(WHOLE_BY_PRODUCTS * math.sqrt(min(1.0, allowance_s / ENOUGH_BY_PRODUCTS_S)))


def separable(train: Examples) -> bool:
    """Whether a plane probably separates any two classes, however noisy their labels.

    It does where there are at most twice as many examples as features (Cover 1965, IEEE Trans. Electronic Computers
    14:326). Of more, a linear fit with a large C can take minutes: 0.3 s for 2,000 of 1,280 noisy features, 3,474 did
    not end in 200.
    """
    largest = int(np.sort(np.bincount(train.labels))[-2:].sum())
    return largest <= 2 * int(train.inputs.shape[1])


def class_leading_order(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random order of the examples that starts with one of each class, so that every prefix knows all classes."""
    order = rng.permutation(len(labels))
    _, first = np.unique(labels[order], return_index=True)
    leading = np.zeros(len(labels), dtype=bool)
    leading[first] = True
    return np.concatenate([order[leading], order[~leading]])


def _written(classifier: Pipeline) -> bytes:
    """The classifier without a pickle."""
    from skops.io import dumps  # takes half a second, which only those wait for who train one

    written: bytes = dumps(classifier)
    return written


def _read(written: bytes) -> Pipeline:
    """The classifier that skops has written, and nothing else that skops would trust: that is all of scikit-learn.

    Raises:
        Exception: what it holds is something else, or damaged.
    """
    from skops.io import loads

    classifier: Pipeline = loads(written, trusted=[])
    kinds = [type(part) for _, part in getattr(classifier, "steps", ())]
    if type(classifier) is not Pipeline or kinds not in ([str, SVC], [StandardScaler, SVC]):
        raise TypeError(f"a pipeline of a scaler and an SVC was to be read, not {type(classifier).__name__} of {kinds}")
    return classifier


def _calibrated(classifier: Machine, valid: Examples) -> CalibratedClassifierCV:
    # Nothing is fitted again, so one fold of everything will do; the default five would need five images of a class.
    everything = np.arange(len(valid))
    calibrated = CalibratedClassifierCV(FrozenEstimator(classifier), method="sigmoid", cv=[(everything, everything)])
    calibrated.fit(valid.inputs, valid.labels)
    return calibrated
