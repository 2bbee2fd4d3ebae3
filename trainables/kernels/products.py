"""Scalar products of all examples of a task, kept for the trials that come after in the same process.

libsvm computes kernel values one by one, for each pair of classes again, and again in each trial. All scalar products
are one matrix product, and the linear and the RBF kernel follow from them: |x - y|^2 = <x, x> + <y, y> - 2 <x, y>. They
are computed inside the step that first needs them, so that its trial is charged for them; a later one in the process
finds them. What is kept is known by the examples themselves, so that no other task is ever served by it. With
replicates that divide the data anew (`resplit`) each has products of its own, scaled ones by a scaling of its own:
where they have no room together, replicates that take turns compute them again, and are charged for them again.

Memory: what is kept and one copy of a matrix, in which a fit makes its kernel values, have MOST_KEPT bytes together, in
each process of a trial, whatever the machine has. libsvm adds its cache, half a copy of the matrix at most (two
classes; of more it sees two at a time). What was kept stays while the process trains something else.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from sklearn.preprocessing import StandardScaler

MOST_KEPT = 512 * 2**20  # bytes of a process: both scalings of 4,500 examples, or one of 5,600; a copy included


@dataclass(frozen=True, eq=False)
class Products:
    """Examples as a kernel sees them, and their scalar products.

    Attributes:
        scaler: what standardised them; None where they are as they were.
        inputs: (N, D) the examples, standardised perhaps.
        values: (N, N) float64.
        scale: scikit-learn's `scale` of them, the unit of gamma: 1 / (D x variance).
    """

    scaler: StandardScaler | None
    inputs: np.ndarray
    values: np.ndarray
    scale: float


class KeptProducts:
    """The latest products of a process, as many as have room.

    Args:
        most_bytes: that they take together, and a copy of one matrix; those used longest ago give way.
    """

    def __init__(self, most_bytes: int = MOST_KEPT) -> None:
        self._most_bytes = most_bytes
        self._kept: OrderedDict[bytes, Products] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def have_room_for(self, inputs: np.ndarray) -> bool:
        """Whether the products of these examples, (N, D), can be kept at all."""
        return _size(inputs) + _matrix(inputs) <= self._most_bytes

    def of(self, inputs: np.ndarray, *, scaling: bool) -> Products:
        """The products of these examples, (N, D), computed if they are not kept; to be changed by nobody."""
        key = _key(inputs, scaling)
        if key not in self._kept:
            while self._kept and self._size + _size(inputs) + _matrix(inputs) > self._most_bytes:
                self._kept.popitem(last=False)
            own = inputs if scaling else inputs.copy()  # not the object store's, which would have to keep them
            self._kept[key] = products(own, scaling=scaling)
        self._kept.move_to_end(key)
        return self._kept[key]

    @property
    def _size(self) -> int:
        return sum(_size(kept.inputs) for kept in self._kept.values())


def products(inputs: np.ndarray, *, scaling: bool) -> Products:
    """The scalar products of these examples, (N, D), standardised to mean 0 and variance 1 first if `scaling`."""
    scaler, scaled, scale = standardised(inputs, scaling=scaling)
    exact = scaled.astype(np.float64)  # as libsvm computes; in float32 small distances would be lost in large products
    return Products(scaler, scaled, exact @ exact.T, scale)


def standardised(inputs: np.ndarray, *, scaling: bool) -> tuple[StandardScaler | None, np.ndarray, float]:
    """The scaler, what it makes of these examples, (N, D), and scikit-learn's `scale` of that."""
    scaler = StandardScaler().fit(inputs) if scaling else None
    scaled = inputs if scaler is None else scaler.transform(inputs)
    variance = scaled.astype(np.float64).var()  # as precise as scikit-learn's own, so that 1 is exactly its `scale`
    return scaler, scaled, float(1 / (inputs.shape[1] * max(variance, np.finfo(np.float32).tiny)))


def _size(inputs: np.ndarray) -> int:
    """Bytes of the products of these examples, and of the examples standardised."""
    return _matrix(inputs) + inputs.nbytes


def _matrix(inputs: np.ndarray) -> int:
    return np.dtype(np.float64).itemsize * len(inputs) ** 2


def _key(inputs: np.ndarray, scaling: bool) -> bytes:
    digest = hashlib.sha256(np.ascontiguousarray(inputs).data)
    digest.update(repr((inputs.shape, inputs.dtype.str, scaling)).encode())
    return digest.digest()
