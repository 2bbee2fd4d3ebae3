"""Names of approaches: folders and files are named after them, on whatever disk."""

from __future__ import annotations

import unicodedata

import pytest
import yaml
from pydantic import ValidationError

from study.config.messages import ConfigError
from study.config.study_file import parse_config
from study.extend import More, extended
from tests.support.study_files import SMALL, small_config, small_study

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


@pytest.mark.parametrize("name", ["été", "für-zwei", "한"])
def test_a_name_whose_accents_are_letters_of_their_own_is_read_as_if_they_were_not(name):
    """As some editors write them. It was refused, or kept, and then no disk of an old Mac gave it back."""
    written = small_study(approaches={unicodedata.normalize("NFD", name): CNN}, backbones={})
    read = parse_config(yaml.safe_dump(written, allow_unicode=True), name="study.yaml")
    assert list(read.approaches) == [unicodedata.normalize("NFC", name)]


def test_two_names_that_are_one_so_are_refused_and_none_is_dropped():
    both = {unicodedata.normalize(form, "한"): CNN for form in ("NFC", "NFD")}
    with pytest.raises(ConfigError, match="on some disks the same name as"):
        parse_config(yaml.safe_dump(small_study(approaches=both, backbones={}), allow_unicode=True), name="study.yaml")


@pytest.mark.parametrize(("letter", "most"), [("a", 100), ("é", 75), ("猫", 50), ("𝒳", 37)])
def test_a_name_is_bounded_in_bytes_too_as_disks_bound_it(letter, most):
    small_config(approaches={letter * most: CNN}, backbones={})
    with pytest.raises(ValidationError, match="150 bytes"):
        small_config(approaches={letter * (most + 1): CNN}, backbones={})
