"""An SVC that is fitted on a matrix of kernel values, and decides by one: the same machine, several times faster.

What comes out is scikit-learn's ordinary SVC with its support vectors, so that it is kept and read as any other.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from trainables.kernels.products import Products, standardised

BLOCK = 2**22  # kernel values computed at once when it decides: 34 MB
LIBSVM_MB = 500  # of libsvm's own cache


def fit(svc: SVC, inputs: np.ndarray, labels: np.ndarray, *, scaling: bool) -> Pipeline:
    """Fit on features, (N, D), with libsvm computing its kernel values itself: where their matrix has no room.

    Args:
        svc: not fitted; its gamma is in units of scikit-learn's `scale`.
        labels: (N,) class indices.
    """
    scaler, scaled, scale = standardised(inputs, scaling=scaling)
    svc = copy.copy(svc).set_params(gamma=svc.gamma * scale, cache_size=LIBSVM_MB)
    return _pipeline(scaler, svc.fit(scaled, labels))


def fit_on_products(svc: SVC, products: Products, labels: np.ndarray, order: np.ndarray) -> Pipeline:
    """The same on scalar products: equal but for the rounding of the kernel values, which take a copy of the matrix.

    Args:
        labels: (N,) class indices, in the order of the products.
        order: (N,) in which libsvm sees the examples; it decides how its sums are rounded.
    """
    svc = copy.copy(svc).set_params(gamma=svc.gamma * products.scale, cache_size=LIBSVM_MB)
    values = products.values[np.ix_(order, order)]
    squares = np.diagonal(products.values)[order]
    on_kernel = (
        copy.copy(svc).set_params(kernel="precomputed").fit(_kernel(svc, values, squares, squares), labels[order])
    )
    return _pipeline(products.scaler, _on_features(on_kernel, svc.kernel, products.inputs[order]))


class Machine(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A fitted pipeline of a scaler and an SVC that gets its kernel values from matrix products.

    A classifier to scikit-learn, so that its calibration takes it; never fitted itself.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        scaler, self._svc = (part for _, part in pipeline.steps)
        self._scaled: Callable[[np.ndarray], np.ndarray] = np.asarray if scaler == "passthrough" else scaler.transform
        self._on_kernel = _on_kernel(self._svc)
        self._squares = _squares(self._svc.support_vectors_)
        self.classes_ = self._svc.classes_

    def fit(self, X: np.ndarray, y: np.ndarray) -> Machine:
        """Fitted already; scikit-learn asks for the method."""
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """The classes of features, (N, D)."""
        return self._in_blocks(self._on_kernel.predict, X)

    def decision_function(self, X: np.ndarray) -> np.ndarray:
        """Decision values of features, (N, D): (N, C), or (N,) of two classes."""
        return self._in_blocks(self._on_kernel.decision_function, X)

    def _in_blocks(self, decide: Callable[[np.ndarray], np.ndarray], X: np.ndarray) -> np.ndarray:
        rows = max(1, BLOCK // len(self._squares))
        starts = range(0, max(1, len(X)), rows)
        return np.concatenate([decide(self._kernel(X[start : start + rows])) for start in starts])

    def _kernel(self, X: np.ndarray) -> np.ndarray:
        exact: np.ndarray = self._scaled(X).astype(np.float64)
        products: np.ndarray = exact @ self._svc.support_vectors_.T  # (N, M)
        return _kernel(self._svc, products, _squares(exact), self._squares)


def _kernel(svc: SVC, products: np.ndarray, squares: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Kernel values of scalar products (N, M) of examples with these squares, (N,) and (M,); written over them."""
    if svc.kernel == "linear":
        return products
    products *= -2  # (N, M) from here on squared distances, as libsvm computes them
    products += squares[:, None]
    products += others
    products *= -svc.gamma
    np.exp(products, out=products)
    return products


def _squares(inputs: np.ndarray) -> np.ndarray:
    squares: np.ndarray = np.einsum("nd,nd->n", inputs, inputs)
    return squares


def _on_features(fitted: SVC, kernel: str, inputs: np.ndarray) -> SVC:
    """The SVC that was fitted on kernel values of these inputs, (N, D), as one that was fitted on them."""
    svc = copy.copy(fitted).set_params(kernel=kernel)
    svc.support_vectors_ = inputs[svc.support_].astype(np.float64)
    svc._gamma = svc.gamma  # which libsvm is given; of a fit on kernel values it is 0
    svc.shape_fit_, svc.n_features_in_ = inputs.shape, inputs.shape[1]
    return svc


def _on_kernel(fitted: SVC) -> SVC:
    """The SVC that was fitted on features as one that takes kernel values of its support vectors alone."""
    svc = copy.copy(fitted).set_params(kernel="precomputed")
    vectors = len(svc.support_)
    svc.support_ = np.arange(vectors, dtype=svc.support_.dtype)
    svc.support_vectors_ = np.empty((0, 0))
    svc.shape_fit_, svc.n_features_in_ = (vectors, vectors), vectors
    return svc


def _pipeline(scaler: StandardScaler | None, svc: SVC) -> Pipeline:
    return Pipeline([("scaler", scaler or "passthrough"), ("svc", svc)])
