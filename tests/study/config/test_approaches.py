"""Names of approaches: folders and files are named after them, on whatever disk."""

from __future__ import annotations

import unicodedata

import pytest
from pydantic import ValidationError

from study.config.messages import ConfigError
from study.config.study_file import parse_config
from study.extend import More, extended
from tests.support.study_files import SMALL, small_config

CNN = SMALL["approaches"]["better_cnn"]


@pytest.mark.parametrize("names", [
    ("cnn", "CNN"),
    ("straße", "STRASSE"),
    ("한", unicodedata.normalize("NFD", "한")),
])  # fmt: skip
def test_two_names_that_are_one_on_some_disks_are_refused(names):
    config = small_config(approaches=dict.fromkeys(names, CNN), backbones={})
    with pytest.raises(ConfigError, match=r"^study.yaml: approaches.*on some disks the same name as"):
        parse_config(config.to_yaml(), name="study.yaml")
    assert parse_config(config.to_yaml(), name="study.yaml", on_record=True) == config  # older than the rule: goes on
    assert extended(config, More(replicates=3)).replicates == 3


@pytest.mark.parametrize(("letter", "most"), [("a", 100), ("é", 75), ("猫", 50), ("𝒳", 37)])
def test_a_name_is_bounded_in_bytes_too_as_disks_bound_it(letter, most):
    small_config(approaches={letter * most: CNN}, backbones={})
    with pytest.raises(ValidationError, match="150 bytes"):
        small_config(approaches={letter * (most + 1): CNN}, backbones={})
