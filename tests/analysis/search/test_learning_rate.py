"""The thirds of the learning rates that an approach tried."""

import numpy as np
import pytest

from analysis.search.learning_rate import learning_rate_thirds


def at(*rates: float) -> list[dict[str, float]]:
    return [{"lr": rate} for rate in rates]


def test_the_thirds_show_where_a_learning_rate_works():
    accuracies = np.array([0.70, 0.72, 0.86, 0.80, 0.60, 0.5])
    low, middle, high = learning_rate_thirds(at(1e-4, 2e-4, 1.1e-3, 2e-3, 5e-2, 1e-1), accuracies, at(1e-1))
    assert (low.low, low.high, high.low, high.high) == pytest.approx((1e-4, 1e-3, 1e-2, 1e-1))
    assert [(third.trials, third.unvalidated) for third in (low, middle, high)] == [(2, 0), (2, 0), (2, 1)]
    assert [third.best for third in (low, middle, high)] == [0.72, 0.86, 0.6]
    assert [third.median for third in (low, middle, high)] == pytest.approx([0.71, 0.83, 0.55])


def test_a_third_without_a_trial_has_no_accuracy():
    thirds = learning_rate_thirds(at(1e-4, 1e-1), np.array([0.7, 0.8]), [])
    assert [(third.trials, third.best, third.median) for third in thirds][1] == (0, None, None)


def test_a_trial_without_a_learning_rate_is_in_no_third():
    thirds = learning_rate_thirds([*at(1e-4, 1e-1), {"C": 1.0}], np.array([0.7, 0.8, 0.9]), [{}])
    assert [(one.trials, one.unvalidated, one.best) for one in thirds] == [(1, 0, 0.7), (0, 0, None), (1, 0, 0.8)]


@pytest.mark.parametrize("params", [{"C": 1.0}, {"lr": 1e-3}, {"lr": "auto"}, {"lr": 0.0}, {}])
def test_without_a_learning_rate_that_varies_there_are_no_thirds(params):
    assert learning_rate_thirds([params] * 3, np.array([0.7, 0.8, 0.9]), []) == ()
