from __future__ import annotations

import re

import pytest

from trainables.approach import Approach, Hyperparameters, Settings
from trainables.approaches.registry import APPROACHES


def test_the_approaches_of_the_study_are_there_by_name():
    assert set(APPROACHES) == {"better_cnn", "fine_tune", "feature_svm"}


@pytest.mark.parametrize("name", APPROACHES)
def test_an_approach_is_listed_under_its_own_name_and_says_what_it_needs(name):
    kind = APPROACHES[name]
    assert issubclass(kind, Approach)
    assert kind.name == name
    assert issubclass(kind.settings_type, Settings)
    assert issubclass(kind.hyperparameters_type, Hyperparameters)
    assert kind.hyperparameters_type() is not None  # every hyperparameter has a default, so that files stay short


@pytest.mark.parametrize("name", APPROACHES)
def test_a_name_is_fit_for_files_and_columns(name):
    assert re.fullmatch("[a-z][a-z0-9_]*", name)
