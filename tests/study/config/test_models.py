"""The study file: its keys, overrides, and errors that name the key and what would be accepted."""

import re

import pytest
import yaml

from study.config.messages import ConfigError
from study.config.models import StudyConfig
from study.config.study_file import parse_config, read_config
from tests.support.study_files import small_config, small_study
from trainables.approaches import APPROACHES

CNN = "approaches__better_cnn"


def parsed(**changes: object) -> StudyConfig:
    return parse_config(yaml.safe_dump(small_study(**changes)), name="study.yaml")


def refusal(**changes: object) -> str:
    """The message with which a study file of these changes is refused, which must be one line."""
    with pytest.raises(ConfigError) as caught:
        parsed(**changes)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_study_file_is_read_from_its_path(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(small_study(seed=7)))
    assert read_config(str(path)).seed == 7


def test_a_resolved_study_file_states_the_defaults_too():
    resolved = yaml.safe_load(parsed().to_yaml())
    assert resolved["significance"] == {"alpha": 0.05, "margin": 0.01}
    assert resolved["feature_cost"] == "first_use"
    assert resolved["data"]["split_seed"] == 0


def test_a_hyperparameter_that_is_no_distribution_is_a_constant():
    config = parsed().approaches["better_cnn"]
    assert config.constants == {"batch_size": 16}
    assert config.varied.keys() == {"lr", "epochs"}


def test_numbers_with_an_exponent_but_no_dot_are_numbers():
    """YAML 1.1 reads 1e-4 as text."""
    text = yaml.safe_dump(small_study(**{f"{CNN}__space__weight_decay": 0.125}))
    text = text.replace("0.0001", "1e-4").replace("lr: 0.001", "lr: 1e-3").replace("0.125", "1e-6")
    assert yaml.safe_load("1e-4") == "1e-4"
    config = parse_config(text, name="study.yaml").approaches["better_cnn"]
    assert config.varied["lr"].bounds[0] == 1e-4
    assert config.published == {"lr": 1e-3, "epochs": 10}
    assert config.constants["weight_decay"] == 1e-6


def test_a_misspelt_key_is_refused_with_its_name():
    assert "bugdet" in refusal(bugdet={"search_seconds": 4})


def test_a_division_that_leaves_nothing_to_train_on_is_refused():
    halves = {"valid_fraction": 0.5, "test_fraction": 0.5}
    message = refusal(data={"source": "folder", "path": "photos", **halves})
    assert "data: valid_fraction + test_fraction is 1; below 1" in message


@pytest.mark.parametrize(
    ("key", "accepted"),
    [
        ("trails", "approaches"),
        ("data__train_per_clas", "train_per_class"),
        ("budget__search_second", "search_seconds"),
        ("final__run", "runs"),
        ("backbones__glyphs__model_name", "weights"),
        (f"{CNN}__image_sise", "image_size"),
    ],
)
def test_an_unknown_key_is_named_with_those_that_would_be_accepted(key, accepted):
    message = refusal(**{key: 1})
    assert key.rpartition("__")[2] in message
    assert accepted in message


def test_a_misspelt_hyperparameter_is_refused_with_a_suggestion():
    message = refusal(**{f"{CNN}__space": {"batch_sise": 16}})
    assert "approaches.better_cnn.space.batch_sise" in message
    assert "did you mean 'batch_size'?" in message


def test_a_hyperparameter_like_no_other_is_refused_with_the_list_of_them():
    message = refusal(**{f"{CNN}__space": {"wings": 2}})
    assert all(name in message for name in ("lr", "epochs", "weight_decay", "dropout"))


@pytest.mark.parametrize(
    ("written", "rule"),
    [
        ({"loguniform": [1e-2, 1e-4]}, "`low <= high` must hold"),
        ({"loguniform": [0, 1e-2]}, "needs low > 0"),
        ({"uniform": [0.1]}, "[low, high], two numbers"),
        ({"uniform": ["a", "b"]}, "[low, high], two numbers"),
        ({"categorical": []}, "needs a list"),
        ({"categorical": [0.1, None]}, "categorical needs numbers, text, true or false, but got None in [0.1, None]"),
        ({"categorical": [0.1, 0.2, 0.1]}, "got [0.1, 0.2, 0.1], of which 0.1 and 0.1 are equal; take one of them out"),
        ({"categorical": [1, 1.0]}, "categorical needs choices that differ, but got [1, 1.0]"),
        ({"categorical": [True, 1]}, "of which True and 1 are equal"),
        ({"lognormal": [0, 1]}, "loguniform, uniform, int, logint, categorical"),
        (None, "neither a constant nor one of"),
    ],
)
def test_a_distribution_that_cannot_be_drawn_from_is_refused_with_the_rule_it_breaks(written, rule):
    message = refusal(**{f"{CNN}__space__lr": written})
    assert rule in message
    assert "space.lr" in message


def test_a_range_of_whole_numbers_takes_whole_bounds_only():
    message = refusal(**{f"{CNN}__space__epochs": {"int": [1.5, 3]}})
    assert "space.epochs" in message
    assert "whole numbers" in message


def test_a_bound_that_the_approach_does_not_accept_is_refused():
    message = refusal(**{f"{CNN}__space__epochs": {"int": [0, 3]}})
    assert "space.epochs" in message
    assert "greater than or equal to 1" in message


def test_a_published_value_may_lie_outside_the_space_but_not_outside_what_the_approach_takes():
    config = parsed(**{f"{CNN}__published__lr": 0.5})
    assert config.approaches["better_cnn"].published["lr"] == 0.5
    assert "approaches.better_cnn.published.lr" in refusal(**{f"{CNN}__published__lr": -1.0})


def test_a_continuous_range_for_a_whole_number_is_refused():
    assert "approaches.better_cnn.space.epochs" in refusal(**{f"{CNN}__space__epochs": {"uniform": [5, 60]}})


def test_a_part_of_a_gpu_or_one_is_a_slot_but_not_more():
    assert "slot.gpus" in refusal(slot={"cpus": 1, "gpus": 1.5})


def test_a_budget_without_end_is_refused():
    with pytest.raises(
        ConfigError, match=r"digits: budget\.search_seconds: input should be a finite number, but got inf"
    ):
        read_config("digits", {"budget.search_seconds": float("inf")})


def test_a_storage_may_be_a_uri():
    assert small_config(storage="s3://bucket/studies").storage == "s3://bucket/studies"


def test_a_published_value_that_is_missing_is_named():
    assert "published: epochs is missing" in refusal(**{f"{CNN}__published": {"lr": 1e-3}})


def test_a_published_value_of_a_constant_is_refused():
    assert "published.batch_size: not varied" in refusal(**{f"{CNN}__published__batch_size": 16})


def test_an_approach_that_does_not_exist_is_refused_with_the_ones_that_do():
    words = f"'resnet' is not one of {', '.join(APPROACHES.built_in())} (looked for"
    assert words in refusal(**{f"{CNN}__approach": "resnet"})


@pytest.mark.parametrize("name", ["glyph", ["glyphs"]])
def test_a_backbone_that_is_not_declared_is_refused_with_those_that_are(name):
    message = refusal(approaches__fine_tune__backbone=name)
    assert f"approaches.fine_tune.backbone: {name!r} is not under backbones (glyphs)" in message


def test_an_approach_without_a_setting_it_needs_is_refused():
    content = small_study()
    del content["approaches"]["fine_tune"]["backbone"]
    with pytest.raises(ConfigError, match=r"approaches\.fine_tune\.backbone: missing"):
        parse_config(yaml.safe_dump(content), name="study.yaml")


def test_an_approach_name_that_could_not_name_files_is_refused():
    content = small_study()
    content["approaches"] = {"../escape": content["approaches"]["better_cnn"]}
    with pytest.raises(ConfigError, match=r"approaches\.\.\./escape: use letters, digits"):
        parse_config(yaml.safe_dump(content), name="study.yaml")


def test_a_study_without_approaches_is_refused():
    assert "approaches" in refusal(approaches={})


def test_a_budget_smaller_than_one_trial_is_refused_with_the_mend():
    message = refusal(budget={"search_seconds": 10, "trial_seconds": 12})
    assert "budget.search_seconds: 10 s is too small for one trial of 12 s" in message
    assert "raise the one or lower the other" in message


@pytest.mark.parametrize("key", ["budget__trial_seconds", "final__runs", "replicates", "slot__cpus"])
def test_nothing_can_be_zero_that_is_needed_once(key):
    message = refusal(**{key: 0})
    assert key.replace("__", ".") in message
    assert "but got 0" in message


def test_a_missing_section_is_named():
    content = small_study()
    del content["budget"]
    with pytest.raises(ConfigError, match=r"^study\.yaml: budget: missing"):
        parse_config(yaml.safe_dump(content), name="study.yaml")


def test_a_regular_expression_that_is_none_is_refused_with_its_key():
    assert "data.groups: not a regular expression" in refusal(
        data={"source": "folder", "path": "photos", "groups": "("}
    )


@pytest.mark.parametrize("data", [{"source": "floppy"}, {"path": "photos"}])
def test_a_data_source_that_does_not_exist_is_refused_with_those_that_do(data):
    message = refusal(data=data)
    assert "data.source: " in message
    assert re.search("is not one of (.+, )?digits, (.+, )?folder, (.+, )?torchvision", message)


def test_data_that_are_no_section_are_refused():
    assert "data: " in refusal(data="photos")


def test_text_that_is_no_yaml_is_refused_with_its_place():
    with pytest.raises(ConfigError) as caught:
        parse_config("name: [unclosed\n", name="study.yaml")
    assert str(caught.value).startswith("study.yaml: not YAML (")
    assert "line 2" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just words"])
def test_text_that_is_no_mapping_is_refused_with_the_keys_it_must_hold(text):
    with pytest.raises(ConfigError, match="it must hold the keys name, seed, data"):
        parse_config(text, name="study.yaml")


def test_a_missing_file_is_refused_with_the_presets_there_are(tmp_path):
    with pytest.raises(ConfigError, match=r"neither a file nor a preset; presets are .*digits"):
        read_config(str(tmp_path / "nowhere.yaml"))


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "picture.yaml"
    path.write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(ConfigError, match=r"picture\.yaml: cannot be read"):
        read_config(str(path))


def test_overrides_replace_what_the_file_says():
    config = read_config("digits", {"budget.search_seconds": 90, "final.runs": 7})
    assert (config.budget.search_seconds, config.final.runs) == (90, 7)
    assert config.budget.trial_seconds == read_config("digits").budget.trial_seconds


def test_an_override_may_add_a_section_that_the_file_left_out():
    assert read_config("digits", {"significance.alpha": 0.01}).significance.alpha == 0.01


def test_an_override_below_something_that_is_no_section_is_refused():
    with pytest.raises(ConfigError, match=r"name\.first: name is no section"):
        read_config("digits", {"name.first": "x"})


def test_final_runs_have_the_allowance_of_a_trial_unless_the_file_says_otherwise():
    assert small_config().final_seconds == 2
    assert small_config(final__trial_seconds=5).final_seconds == 5


@pytest.mark.parametrize(
    ("given", "replicates", "runs"),
    [
        ({}, 5, 5),
        ({"replicates": 3}, 3, 3),
        ({"replicates": 1}, 1, 5),
        ({"replicates": 3, "final": {"runs": 7}}, 3, 7),
        ({"replicates": 1, "final": {"runs": 1}}, 1, 1),
    ],
)
def test_a_search_is_repeated_and_has_a_final_run_for_each_replicate_unless_the_file_says_otherwise(
    given, replicates, runs
):
    content = {key: value for key, value in small_study().items() if key not in ("replicates", "final")}
    config = StudyConfig.model_validate(content | given)
    assert (config.replicates, config.final_runs) == (replicates, runs)


def test_fewer_final_runs_than_replicates_are_refused_with_the_mend():
    message = refusal(replicates=3, final={"runs": 2})
    assert "final.runs: 2 final runs of each approach leave some of its 3 replicates without one" in message
    assert "raise final.runs or lower replicates" in message


def test_a_study_of_an_earlier_version_is_read_with_its_seeds_of_each_replicate():
    config = parsed(replicates=2, final={"seeds": 3, "refit": "train_and_valid"})
    assert (config.final.runs, config.final.refit) == (6, "train_and_valid")


def test_seeds_without_replicates_are_refused_as_they_meant_a_single_search():
    content = {key: value for key, value in small_study(final={"seeds": 3}).items() if key != "replicates"}
    with pytest.raises(ConfigError, match=r"final\.seeds: now final\.runs, and of all replicates together"):
        parse_config(yaml.safe_dump(content), name="study.yaml")
