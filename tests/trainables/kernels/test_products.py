from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from tests.support.stand_ins import features
from trainables.kernels import products as module
from trainables.kernels.machine import fit_on_products
from trainables.kernels.products import KeptProducts, products


@pytest.fixture
def computed(monkeypatch):
    """How many examples each computation of products had, in order."""
    counts: list[int] = []

    def counted(inputs, *, scaling):
        counts.append(len(inputs))
        return products(inputs, scaling=scaling)

    monkeypatch.setattr(module, "products", counted)
    return counts


class TestProducts:
    @pytest.mark.parametrize("scaling", [False, True])
    def test_are_the_scalar_products_of_what_the_kernel_sees(self, scaling):
        inputs = features(40).inputs
        seen = StandardScaler().fit_transform(inputs) if scaling else inputs
        found = products(inputs, scaling=scaling)
        np.testing.assert_allclose(
            found.values, [[sum(x * y) for y in seen.astype(float)] for x in seen.astype(float)], atol=1e-12
        )
        assert found.scale == pytest.approx(1 / (8 * seen.astype(float).var()))

    def test_are_as_exact_as_double_precision(self):
        inputs = features(5).inputs + np.float32(1000)  # squares of a million: single precision leaves a tenth
        found = products(inputs, scaling=False).values
        exact = [[sum(int(x * 2**24) * int(y * 2**24) for x, y in zip(a, b, strict=True)) / 2**48
                  for b in inputs.astype(float)] for a in inputs.astype(float)]  # fmt: skip
        np.testing.assert_allclose(found, exact, rtol=1e-12)


class TestKept:
    def test_are_computed_once_for_a_task_and_a_scaling(self, computed):
        kept = KeptProducts()
        inputs = features(40).inputs
        first = kept.of(inputs, scaling=False)
        assert kept.of(inputs.copy(), scaling=False) is first  # as a task that comes through an object store again
        kept.of(inputs, scaling=True)
        assert computed == [40, 40]

    def test_are_never_those_of_other_rows_values_shapes_or_types(self, computed):
        kept = KeptProducts()
        inputs = features(40).inputs
        for others in (inputs, inputs[::-1], inputs + np.float32(1e-6), inputs.reshape(80, 4), inputs.astype(float)):
            np.testing.assert_array_equal(kept.of(others, scaling=False).values, products(others, scaling=False).values)
        assert computed == [40, 40, 40, 80, 40]

    def test_are_computed_anew_in_another_process(self, computed):
        inputs = features(40).inputs
        KeptProducts().of(inputs, scaling=False)
        KeptProducts().of(inputs, scaling=False)
        assert computed == [40, 40]

    @pytest.mark.parametrize("scaling", [False, True])
    def test_hold_no_memory_of_the_task(self, scaling):
        """A view would keep the task in the object store for as long as the process lives."""
        inputs = features(40).inputs
        assert not np.shares_memory(KeptProducts().of(inputs, scaling=scaling).inputs, inputs)

    def test_and_what_a_fit_makes_of_them_have_no_more_than_their_bytes(self):
        most = 2_000_000
        kept = KeptProducts(most)
        tasks = [features(300, seed=seed).inputs for seed in range(4)]
        for inputs in tasks:
            kept.of(inputs, scaling=False)
        svc, labels = SVC(gamma=1.0), features(300).labels
        fit_on_products(svc, kept.of(tasks[-1], scaling=False), labels, np.arange(300))  # imports what it needs
        tracemalloc.start()
        try:
            held = len(kept) * (8 * 300**2 + tasks[0].nbytes)
            fit_on_products(svc, kept.of(tasks[-1], scaling=False), labels, np.arange(300))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert held + peak <= most

    def test_give_way_to_newer_ones_when_there_is_no_room_for_both(self, computed):
        one, two, three = (features(40, seed=seed).inputs for seed in range(3))
        kept = KeptProducts(most_bytes=2 * (8 * 40**2 + one.nbytes) + 8 * 40**2)
        for inputs in (one, two, one, three, one, two):  # two was used longest ago when three comes
            kept.of(inputs, scaling=False)
        assert computed == [40, 40, 40, 40]

    def test_have_room_up_to_their_bytes_and_not_for_one_more(self):
        inputs = features(40).inputs
        needed = 2 * 8 * 40**2 + inputs.nbytes  # the matrix, and the copy on which a fit works
        assert KeptProducts(needed).have_room_for(inputs)
        assert not KeptProducts(needed - 1).have_room_for(inputs)
