"""The contract of approach.py, kept by every approach that is built in, in every form it has."""

from __future__ import annotations

import re

import pytest

from trainables.approaches import APPROACHES
from trainables.contract import LAWS, check_class, check_law

FORMS = [(name, form) for name in APPROACHES.built_in() for form in APPROACHES.find(name).examples]


@pytest.mark.slow
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize(("name", "form"), FORMS)
def test_every_approach_keeps_every_law(name, form, law):
    kind = APPROACHES.find(name)
    check_law(law, kind, form, kind.examples[form])


@pytest.mark.parametrize("name", APPROACHES.built_in())
def test_an_approach_says_what_it_needs_and_never_reads_the_clock(name):
    check_class(APPROACHES.find(name))


@pytest.mark.parametrize("name", APPROACHES.built_in())
def test_a_name_is_fit_for_files_and_columns(name):
    assert re.fullmatch("[a-z][a-z0-9_]*", name)


def test_fine_tuning_and_the_small_network_are_checked_in_each_precision_and_with_each_part_frozen():
    assert set(APPROACHES.find("better_cnn").examples) == {"float32", "bfloat16"}
    settings = [example.settings for example in APPROACHES.find("fine_tune").examples.values()]
    assert {vars(one)["frozen"] for one in settings} == {"none", "head", "backbone"}
    assert {one.precision for one in settings} >= {"float32", "bfloat16"}


def test_the_networks_learn_by_chance_and_the_support_vector_machine_learns_the_same_whatever_the_seed():
    by_chance = {name: APPROACHES.find(name).by_chance for name in ("better_cnn", "fine_tune", "feature_svm")}
    assert by_chance == {"better_cnn": True, "fine_tune": True, "feature_svm": False}
