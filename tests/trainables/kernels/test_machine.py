from __future__ import annotations

import numpy as np
import pytest
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from tests.support.stand_ins import features
from trainables.kernels import machine
from trainables.kernels.machine import Machine


def pipeline(*, kernel: str = "rbf", scaled: bool = True, classes: int = 3) -> Pipeline:
    train = features(120, spread=2.0)
    scaler = StandardScaler() if scaled else "passthrough"
    return Pipeline([("scaler", scaler), ("svc", SVC(kernel=kernel, gamma=0.1))]).fit(
        train.inputs, train.labels % classes
    )


class TestMachine:
    @pytest.mark.parametrize("kernel", ["rbf", "linear"])
    @pytest.mark.parametrize("scaled", [True, False])
    @pytest.mark.parametrize("classes", [2, 3])
    def test_decides_as_the_pipeline_that_it_is_of(self, kernel, scaled, classes):
        reference = pipeline(kernel=kernel, scaled=scaled, classes=classes)
        inputs = features(200, seed=2, spread=2.0).inputs
        found = Machine(reference)
        np.testing.assert_array_equal(found.predict(inputs), reference.predict(inputs))
        np.testing.assert_allclose(
            found.decision_function(inputs), reference.decision_function(inputs), rtol=1e-9, atol=1e-9
        )

    @pytest.mark.parametrize("block", [1, 500, 10**6])
    def test_decides_the_same_in_blocks_of_any_size(self, block, monkeypatch):
        reference = pipeline()
        inputs = features(50, seed=2, spread=2.0).inputs
        monkeypatch.setattr(machine, "BLOCK", block)
        np.testing.assert_array_equal(Machine(reference).predict(inputs), reference.predict(inputs))

    def test_leaves_the_pipeline_as_it_was(self):
        reference = pipeline()
        inputs = features(50, seed=2, spread=2.0).inputs
        before = reference.decision_function(inputs)
        Machine(reference).predict(inputs)
        np.testing.assert_array_equal(reference.decision_function(inputs), before)
