"""Presets: those of this program, and those of packages that stand beside it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yaml

from study.config.messages import ConfigError
from study.config.presets import presets
from study.config.study_file import parse_config, read_config
from tests.support import outside
from tests.support.study_files import small_study

OWN = Path(__file__).resolve().parents[3] / "study" / "presets"


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Lays a package into a folder of sys.path as an installer would, with a preset and its entry point."""
    site = tmp_path / "site"

    def install(package: str, preset: str, *, code: str = "", **changes: object) -> None:
        (site / package).mkdir(parents=True)
        (site / package / "__init__.py").write_text(code)
        (site / package / f"{preset}.yaml").write_text(yaml.safe_dump(small_study(**changes)))
        outside.installed(site, package, "transfer_study.presets", **{package: package})
        monkeypatch.syspath_prepend(site)

    before = set(sys.modules)
    yield install
    for name in set(sys.modules) - before:
        if name.startswith("lab"):
            del sys.modules[name]


def test_every_yaml_file_of_the_folder_is_a_preset_and_nothing_else_lists_them():
    assert presets() == sorted(path.stem for path in OWN.glob("*.yaml"))


@pytest.mark.parametrize("preset", presets())
def test_a_preset_survives_being_written_and_read_back(preset):
    config = read_config(preset)
    assert parse_config(config.to_yaml(), name=preset) == config


@pytest.mark.parametrize("preset", presets())
def test_the_published_configuration_of_a_preset_gives_each_varied_hyperparameter_a_value(preset):
    for approach in read_config(preset).approaches.values():
        assert approach.published is None or approach.published.keys() == approach.varied.keys()


def test_digits_is_a_preset_with_one_approach_of_each_kind():
    assert {approach.approach for approach in read_config("digits").approaches.values()} == {
        "better_cnn",
        "fine_tune",
        "feature_svm",
    }


@pytest.mark.parametrize(("name", "total_s"), [("digits", 100), ("boats", 7200), ("boats-cpu", 600)])
def test_every_preset_repeats_its_search_and_divides_a_total_among_the_replicates(name, total_s):
    """A single search says more about its luck than about its approach."""
    config = read_config(name)
    assert config.replicates >= 3
    assert config.replicates * config.budget.search_seconds == total_s
    assert config.final_runs % config.replicates == 0, "no replicate counts more than another"


def test_a_yaml_file_of_an_installed_package_is_a_preset(installed):
    installed("lab", "leaves", seed=7)
    assert "leaves" in presets()
    assert read_config("leaves").seed == 7


def test_the_command_line_knows_the_preset_of_an_installed_package(installed, transfer_study):
    installed("lab", "leaves", final__runs=3)
    told = transfer_study("plan", "leaves", "--no-timing")
    assert told.code == 0
    assert "3 of each approach" in told.out


def test_an_unknown_preset_is_refused_with_those_there_are_and_the_one_probably_meant(installed):
    installed("lab", "leaves")
    with pytest.raises(ConfigError) as refused:
        read_config("leafs")
    assert str(refused.value) == (
        f"leafs: neither a file nor a preset; presets are {', '.join(presets())}; did you mean 'leaves'?"
    )


def test_a_preset_that_two_packages_have_is_refused_with_both_places_and_the_others_are_not(installed):
    installed("lab", "leaves")
    installed("lab_two", "leaves")
    with pytest.raises(ConfigError) as refused:
        read_config("leaves")
    message = str(refused.value)
    assert message.startswith("leaves: a preset in ")
    assert "lab/leaves.yaml" in message
    assert "lab_two/leaves.yaml" in message
    assert read_config("digits").name == "digits"


def test_presets_that_cannot_be_imported_hinder_neither_a_file_nor_a_preset_of_the_program(installed, tmp_path):
    installed("lab", "leaves", code="raise RuntimeError('half installed')")
    outside.installed(tmp_path / "site", "bad", "transfer_study.presets", bad="not-valid::")
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(small_study(seed=5)))
    assert read_config(str(tmp_path / "mine.yaml")).seed == 5
    assert read_config("digits").name == "digits"


def test_an_entry_point_that_names_no_package_is_refused_in_one_line(installed, tmp_path):
    installed("lab", "leaves")
    outside.installed(tmp_path / "site", "bad", "transfer_study.presets", bad="not-valid::")
    with pytest.raises(ConfigError, match=r"^not-valid::: offers presets as 'bad' in .*; mend or uninstall it$"):
        read_config("leaves")


def test_a_package_that_offers_presets_is_imported_once_for_a_name(installed):
    installed("lab", "leaves", code="import sys; sys.tried = getattr(sys, 'tried', 0) + 1; raise RuntimeError")
    with pytest.raises(ConfigError):
        read_config("leaves")
    assert sys.__dict__.pop("tried") == 1


def test_a_preset_that_is_no_text_is_refused_in_one_line(installed, tmp_path):
    installed("lab", "leaves")
    (tmp_path / "site" / "lab" / "leaves.yaml").write_bytes(b"name: caf\xe9")
    with pytest.raises(ConfigError, match=r"^leaves: the preset /.*/lab/leaves.yaml cannot be read \(.*\); mend it$"):
        read_config("leaves")


def test_a_module_beside_the_preset_of_a_package_is_found(installed, tmp_path, monkeypatch):
    with outside.loaded_nowhere(monkeypatch, "lab_beside"):
        installed("lab", "leaves", approaches={"mine": {"approach": "lab_beside:Mine", "image_size": [4, 4]}})
        (tmp_path / "site" / "lab" / "lab_beside.py").write_text(
            "from benchmarks.no_op import NoOp\nclass Mine(NoOp): pass\n"
        )
        assert read_config("leaves").approaches["mine"].kind.__module__ == "lab_beside"


def test_a_package_whose_presets_cannot_be_imported_is_named(installed):
    installed("lab", "leaves", code="raise RuntimeError('half installed')")
    with pytest.raises(ConfigError) as refused:
        read_config("leaves")
    assert str(refused.value) == (
        "lab: offers presets as 'lab' in transfer_study.presets, but cannot be imported "
        "(RuntimeError: half installed); mend or uninstall it"
    )
