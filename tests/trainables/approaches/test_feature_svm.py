from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from skops.io import dumps, loads
from skops.io.exceptions import UntrustedTypesFoundException

from tests.support.bombs import bombs
from tests.support.stand_ins import CLASSES, Ticker, feature_task, features
from trainables.approach import Examples, Task
from trainables.approaches import feature_svm as module
from trainables.approaches.feature_svm import (
    ENOUGH_BY_PRODUCTS_S,
    WHOLE_AT_ONCE,
    WHOLE_BY_PRODUCTS,
    FeatureSVM,
    FeatureSVMHyperparameters,
    FeatureSVMSettings,
    class_leading_order,
    most_at_once,
    separable,
    stages,
)
from trainables.backbones.networks import GLYPHS
from trainables.checkpoints import packed, unpacked
from trainables.clock import Clock
from trainables.driver import Driver
from trainables.kernels import machine
from trainables.kernels.products import KeptProducts


def feature_svm(task: Task, *, seed: int = 0, **hyperparameters: Any) -> FeatureSVM:
    return FeatureSVM(
        task,
        FeatureSVMSettings(image_size=(32, 32), backbone=GLYPHS),
        FeatureSVMHyperparameters(**hyperparameters),
        seed=seed,
        device=torch.device("cpu"),
    )


def fitted(task: Task, **options: Any) -> FeatureSVM:
    approach = feature_svm(task, **options)
    while approach.epoch < approach.epochs:
        approach.step()
    return approach


def classifier(approach: FeatureSVM) -> Any:
    return loads(approach.model_state()["classifier"])


def decision_values(approach: FeatureSVM, inputs: np.ndarray) -> np.ndarray:
    values: np.ndarray = classifier(approach).decision_function(inputs)
    return values


def in_its_order(task: Task) -> tuple[np.ndarray, np.ndarray]:
    """The training examples as the approach shuffles them: libsvm's rounding depends on their order."""
    order = class_leading_order(task.train.labels, np.random.default_rng(0))
    return task.train.inputs[order], task.train.labels[order]


@pytest.fixture
def without_room(monkeypatch):
    """No room for the scalar products of any task."""
    monkeypatch.setattr(module, "PRODUCTS", KeptProducts(most_bytes=0))


class TestFit:
    @pytest.mark.parametrize("scaled", [False, True])
    def test_with_the_defaults_is_exactly_scikit_learns_svc_where_products_have_no_room(self, scaled, without_room):
        task = feature_task(90, spread=1.5)
        reference = make_pipeline(StandardScaler(), SVC()) if scaled else SVC()
        reference.fit(*in_its_order(task))
        approach = fitted(task, scaling=scaled)
        np.testing.assert_array_equal(
            decision_values(approach, task.valid.inputs), reference.decision_function(task.valid.inputs)
        )
        np.testing.assert_array_equal(approach.predict(task.valid.inputs).labels, reference.predict(task.valid.inputs))

    @pytest.mark.parametrize("kernel", ["rbf", "linear"])
    @pytest.mark.parametrize("scaled", [False, True])
    @pytest.mark.parametrize("count", [90, 1200])
    def test_on_products_is_scikit_learns_svc_but_for_rounding(self, kernel, scaled, count):
        task = feature_task(count, spread=1.5)
        svc = SVC(C=7.0, kernel=kernel)
        reference = (make_pipeline(StandardScaler(), svc) if scaled else svc).fit(*in_its_order(task))
        approach = fitted(task, C=7.0, kernel=kernel, scaling=scaled)
        np.testing.assert_allclose(
            decision_values(approach, task.valid.inputs),
            reference.decision_function(task.valid.inputs),
            atol=1e-9,  # where a kernel value is rounded in another way, by 1e-16
        )
        np.testing.assert_array_equal(approach.predict(task.valid.inputs).labels, reference.predict(task.valid.inputs))

    def test_on_products_and_without_room_keep_the_same_support_vectors_and_probabilities(self, monkeypatch):
        task = feature_task(300, spread=1.5)
        inputs = features(200, seed=2, spread=1.5).inputs
        found = []
        for most_bytes in (2**30, 0):
            monkeypatch.setattr(module, "PRODUCTS", KeptProducts(most_bytes))
            approach = fitted(task, C=5.0)
            approach.calibrate()
            found.append((classifier(approach)[-1], approach.predict(inputs)))
        (svc, predicted), (reference, expected) = found
        np.testing.assert_array_equal(svc.support_, reference.support_)
        np.testing.assert_array_equal(svc.support_vectors_, reference.support_vectors_)
        np.testing.assert_array_equal(predicted.labels, expected.labels)
        np.testing.assert_allclose(predicted.probabilities, expected.probabilities, atol=1e-6)

    def test_of_two_classes_on_products_is_scikit_learns_svc(self):
        two = [Examples(one.inputs, one.labels % 2) for one in (features(90, spread=3.0), features(40, seed=1))]
        task = Task(two[0], two[1], 2)
        reference = SVC().fit(*in_its_order(task))
        np.testing.assert_array_equal(fitted(task).predict(two[1].inputs).labels, reference.predict(two[1].inputs))

    @pytest.mark.parametrize("kernel", ["rbf", "linear"])
    def test_takes_gamma_in_units_of_scikit_learns_scale(self, kernel):
        task = feature_task(90, spread=1.5)
        X = task.train.inputs.astype(np.float64)
        reference = SVC(C=3, kernel=kernel, gamma=0.5 / (X.shape[1] * X.var())).fit(*in_its_order(task))
        np.testing.assert_allclose(
            decision_values(fitted(task, C=3, kernel=kernel, gamma=0.5), task.valid.inputs),
            reference.decision_function(task.valid.inputs),
        )

    def test_of_features_that_are_all_the_same_does_not_fail(self):
        same = Examples(np.ones((9, 4), dtype=np.float32), np.arange(9) % CLASSES)
        assert len(fitted(Task(same, None, CLASSES)).predict(same.inputs).labels) == 9

    @pytest.mark.parametrize("wrong", [{"C": 0}, {"gamma": -1}, {"kernel": "poly"}, {"C": float("inf")}])
    def test_refuses_values_out_of_range(self, wrong):
        with pytest.raises(ValidationError):
            FeatureSVMHyperparameters(**wrong)


class TestProducts:
    def test_are_computed_inside_a_step_which_is_charged_and_by_the_first_trial_alone(self, monkeypatch):
        kept = KeptProducts()
        monkeypatch.setattr(module, "PRODUCTS", kept)
        task = feature_task(90)
        first, second = feature_svm(task, seed=1), feature_svm(task, seed=2, kernel="linear", C=10.0)
        assert not len(kept)  # nothing while it is built, which nobody is charged for
        first.step()
        assert len(kept) == 1
        before = kept.of(task.train.inputs, scaling=False)
        second.step()
        assert len(kept) == 1
        assert kept.of(task.train.inputs, scaling=False) is before

    def test_change_no_prediction_of_a_trial_whichever_trials_were_before(self, monkeypatch):
        task = feature_task(300, spread=1.5)
        alone = decision_values(fitted(task, C=5.0, seed=4), task.valid.inputs)
        monkeypatch.setattr(module, "PRODUCTS", KeptProducts())
        for other in ({"C": 100.0, "gamma": 3.0}, {"scaling": True}, {"kernel": "linear"}):
            fitted(task, **other)
        np.testing.assert_array_equal(decision_values(fitted(task, C=5.0, seed=4), task.valid.inputs), alone)


class TestStages:
    @given(st.integers(2, 10**7), st.sampled_from([WHOLE_AT_ONCE, WHOLE_BY_PRODUCTS]))
    def test_grow_fourfold_to_everything_from_at_most_what_is_fitted_at_once(self, examples, at_once):
        sizes = stages(examples, at_once=at_once)
        assert sizes[-1] == examples
        assert sizes[0] <= at_once
        assert all(smaller == larger // 4 for smaller, larger in itertools.pairwise(sizes))

    def test_a_small_set_is_fitted_at_once(self):
        assert stages(1024, at_once=1024) == [1024]
        assert stages(1025, at_once=1024) == [256, 1025]

    def test_are_one_where_products_have_room_and_two_where_not(self, monkeypatch):
        task = feature_task(1200)
        assert feature_svm(task).epochs == 1
        monkeypatch.setattr(module, "PRODUCTS", KeptProducts(most_bytes=0))
        assert feature_svm(task).epochs == 2

    def test_are_two_for_a_linear_kernel_that_may_not_separate_the_classes(self):
        task = feature_task(1200)  # of 8 features
        assert not separable(task.train)
        assert feature_svm(task, kernel="linear").epochs == 2
        wide = Examples(np.tile(task.train.inputs, 60), task.train.labels)
        assert separable(wide)
        assert feature_svm(Task(wide, None, CLASSES), kernel="linear").epochs == 1

    def test_are_two_in_a_trial_whose_seconds_may_not_be_enough_for_everything_at_once(self):
        task = feature_task(1200)
        for allowance_s, epochs in ((math.inf, 1), (60.0, 1), (1.0, 2)):
            approach = feature_svm(task)
            approach.allowed(allowance_s)
            assert approach.epochs == epochs

    @given(st.floats(0, 1e6), st.floats(0, 1e6))
    def test_are_fewer_the_more_seconds_there_are_up_to_a_size(self, one, other):
        assert most_at_once(min(one, other)) <= most_at_once(max(one, other)) <= WHOLE_BY_PRODUCTS
        assert most_at_once(ENOUGH_BY_PRODUCTS_S) == WHOLE_BY_PRODUCTS
        assert most_at_once(ENOUGH_BY_PRODUCTS_S / 4) == WHOLE_BY_PRODUCTS // 2

    def test_leave_a_trial_that_is_too_short_for_everything_with_a_validated_state(self, monkeypatch):
        """Dictated: a fit of all takes 3 s, of a quarter a sixteenth of that."""
        ticker, fit = Ticker(), machine.fit_on_products

        def timed(svc, products, labels, order):
            ticker.now += 3 * (len(order) / 1200) ** 2
            return fit(svc, products, labels, order)

        monkeypatch.setattr(machine, "fit_on_products", timed)
        task = feature_task(1200)
        driver = Driver(feature_svm(task), task.valid, allowance_s=2.0, clock=Clock(ticker))
        assert [driver.advance().event, driver.advance().event] == ["validated", "cut"]
        assert driver.usable

    def test_do_not_depend_on_the_fits_before(self):
        task = feature_task(1200)
        before = feature_svm(task).training_state()["sizes"]
        fitted(task)
        assert feature_svm(task).training_state()["sizes"] == before

    def test_the_last_one_equals_fitting_everything_at_once(self, without_room):
        task = feature_task(1200, spread=1.5)
        approach = feature_svm(task)
        assert approach.epochs == 2
        approach.step()
        after_one = decision_values(approach, task.valid.inputs)
        approach.step()
        at_once = SVC().fit(*in_its_order(task)).decision_function(task.valid.inputs)
        np.testing.assert_array_equal(decision_values(approach, task.valid.inputs), at_once)
        assert (after_one != at_once).any()

    def test_each_costs_the_square_of_its_examples(self, without_room):
        approach = feature_svm(feature_task(1200))
        costs = [approach.next_cost]
        approach.step()
        costs.append(approach.next_cost)
        assert costs == [300**2, 1200**2]


class TestOrder:
    @given(st.lists(st.integers(0, 6), min_size=1, max_size=60), st.integers(0, 99))
    def test_starts_with_one_example_of_each_class_and_holds_everything_once(self, labels, seed):
        labels = np.array(labels)
        order = class_leading_order(labels, np.random.default_rng(seed))
        assert sorted(order) == list(range(len(labels)))
        classes = set(labels)
        assert set(labels[order[: len(classes)]]) == classes

    @pytest.mark.parametrize("most_bytes", [0, 2**30])
    def test_even_the_first_fit_knows_a_class_of_one_example(self, most_bytes, monkeypatch):
        monkeypatch.setattr(module, "PRODUCTS", KeptProducts(most_bytes))
        train = features(1200)
        train.labels[:] = train.labels % 2
        train.labels[700] = 2
        approach = feature_svm(Task(train, None, CLASSES), seed=3, kernel="linear")
        approach.step()
        assert list(classifier(approach).classes_) == [0, 1, 2]

    def test_depends_on_the_seed(self):
        labels = np.arange(50) % 5
        one, same, other = (class_leading_order(labels, np.random.default_rng(seed)) for seed in (0, 0, 1))
        assert (one == same).all()
        assert (one != other).any()


class TestCalibration:
    def test_there_are_no_probabilities_before_it(self):
        task = feature_task()
        approach = fitted(task)
        assert approach.probabilities == "none"
        assert approach.predict(task.valid.inputs).probabilities is None

    def test_gives_probabilities_and_leaves_the_decisions_as_they_were(self):
        task = feature_task(spread=2.0)
        approach = fitted(task)
        inputs = features(200, seed=2, spread=2.0).inputs
        before = approach.predict(inputs).labels
        approach.calibrate()
        after = approach.predict(inputs)
        assert approach.probabilities == "calibrated_on_validation"
        assert (after.labels == before).all()
        assert after.probabilities.shape == (200, CLASSES)
        np.testing.assert_allclose(after.probabilities.sum(axis=1), 1, atol=1e-6)

    def test_makes_likely_what_the_validation_images_show_to_be_right(self):
        task = Task(features(300, spread=1.5), features(300, seed=1, spread=1.5), CLASSES)
        approach = fitted(task)
        approach.calibrate()
        predictions = approach.predict(features(3000, seed=2, spread=1.5).inputs)
        right = (predictions.labels == np.arange(3000) % CLASSES).mean()
        assert predictions.probabilities.max(axis=1).mean() == pytest.approx(right, abs=0.05)

    def test_makes_do_with_one_validation_image_of_a_class(self):
        approach = fitted(Task(features(60), features(CLASSES, seed=1), CLASSES))
        approach.calibrate()
        assert np.isfinite(approach.predict(features(9).inputs).probabilities).all()

    def test_of_two_classes_gives_two_columns(self):
        two = [Examples(one.inputs, one.labels % 2) for one in (features(40), features(20, seed=1))]
        approach = fitted(Task(two[0], two[1], 2))
        approach.calibrate()
        assert approach.predict(two[0].inputs).probabilities.shape == (40, 2)

    def test_without_validation_images_there_is_none(self):
        approach = fitted(Task(features(60), None, CLASSES))
        approach.calibrate()
        assert approach.probabilities == "none"

    def test_a_further_fit_or_another_model_makes_it_void(self, without_room):
        approach = feature_svm(feature_task(1200))
        approach.step()
        approach.calibrate()
        approach.step()
        assert approach.probabilities == "none"
        approach.calibrate()
        approach.load_model_state(approach.model_state())
        assert approach.probabilities == "none"


class TestItsState:
    @pytest.mark.parametrize("scaling", [True, False])
    def test_gives_the_same_decision_values_to_the_last_bit(self, scaling):
        task = feature_task(1200)
        approach, other = fitted(task, scaling=scaling), feature_svm(task, scaling=scaling)
        other.load_model_state(unpacked(packed(approach.model_state())))
        np.testing.assert_array_equal(
            decision_values(other, task.valid.inputs), decision_values(approach, task.valid.inputs)
        )

    def test_before_the_first_fit_is_none(self):
        approach = feature_svm(feature_task())
        approach.load_training_state(unpacked(packed(approach.training_state())))
        assert approach.epoch == 0

    def test_of_a_fit_that_grew_in_other_steps_is_refused_so_that_its_trial_begins_anew(self, monkeypatch):
        task = feature_task(1200)
        at_once = feature_svm(task)
        monkeypatch.setattr(module, "PRODUCTS", KeptProducts(most_bytes=0))
        grown = feature_svm(task)
        grown.step()
        state = dict(grown.training_state())
        with pytest.raises(ValueError, match=r"subsets of \[300, 1200\] examples, not of \[1200\]"):
            at_once.load_training_state(state)
        del state["sizes"]  # as in the checkpoints of versions before
        with pytest.raises(ValueError, match="subsets of None"):
            at_once.load_training_state(state)

    @pytest.mark.parametrize(
        "another", [StandardScaler(), make_pipeline(StandardScaler(), LinearSVC()), make_pipeline(SVC()), [1, 2]]
    )
    def test_is_not_taken_from_another_kind_of_classifier(self, another):
        with pytest.raises(TypeError, match="a pipeline of a scaler and an SVC was to be read"):
            feature_svm(feature_task()).load_model_state({"classifier": dumps(another)})

    @pytest.mark.parametrize("form", list(bombs(Path("x"))))
    def test_that_is_a_pickle_is_never_unpickled(self, tmp_path, form):
        with pytest.raises(Exception, match=r"."):
            feature_svm(feature_task()).load_model_state({"classifier": bombs(tmp_path / "mark")[form]})
        assert not (tmp_path / "mark").exists()

    def test_of_a_type_that_skops_does_not_know_is_refused(self):
        with pytest.raises(UntrustedTypesFoundException):
            feature_svm(feature_task()).load_model_state({"classifier": dumps(Stranger())})


class Stranger:
    """Not one of scikit-learn's."""
