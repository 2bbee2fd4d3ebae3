"""Study files as attackers and bad luck would write them: read, or refused in one line of at most 300 characters."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from study.config.messages import ConfigError
from study.config.models import StudyConfig
from study.config.presets import own_preset
from study.config.study_file import parse_config, read_config
from study.extend import More, extended
from study.place import StudyError
from tests.support.study_files import small_config, small_study

CNN = "approaches__better_cnn"
DIGITS = own_preset("digits").text
TEXT = yaml.safe_dump(small_study(), sort_keys=False)


def parsed(text: str | bytes, **overrides: object) -> StudyConfig:
    return parse_config(text, name="study.yaml", overrides={key.replace("__", "."): x for key, x in overrides.items()})


def read(text: str | bytes, **overrides: object) -> StudyConfig | str:
    """The study, or the message with which it is refused."""
    try:
        return parsed(text, **overrides)
    except ConfigError as error:
        return str(error)


def refusal(text: str | bytes = TEXT, **overrides: object) -> str:
    """The message with which a study file is refused, which must be one short line."""
    with pytest.raises(ConfigError) as caught:
        parsed(text, **overrides)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) <= 300
    assert message.startswith("study.yaml: ")
    return message.removeprefix("study.yaml: ")


def is_read_and_written_back_or_refused_in_one_line(text: str | bytes, **overrides: object) -> None:
    found = read(text, **overrides)
    if isinstance(found, StudyConfig):
        assert parsed(found.to_yaml()) == found
    else:
        assert len(found) <= 300
        assert len(found.splitlines()) == 1


# Where something may be put into the small study, and what
places = st.sampled_from(
    ["name", "seed", "data", "data__source", "data__train_per_class", "data__resplit", "backbones", "backbones__glyphs",
     "backbones__glyphs__weights", "approaches", CNN, f"{CNN}__approach", f"{CNN}__image_size", f"{CNN}__space",
     f"{CNN}__space__lr", f"{CNN}__space__epochs", f"{CNN}__space__flip", f"{CNN}__space__crop", f"{CNN}__published",
     f"{CNN}__published__lr", f"{CNN}__max_trials", f"{CNN}__precision", "approaches__fine_tune__backbone", "budget",
     "budget__search_seconds", "budget__trial_seconds", "final", "final__runs", "final__refit", "final__trial_seconds",
     "replicates", "settle", "feature_cost", "slot__cpus", "slot__gpus", "pace__heartbeat_seconds", "significance",
     "significance__alpha", "storage", "bugdet"]
)  # fmt: skip
words = st.text(max_size=30) | st.sampled_from(
    [
        "auto",
        "yes",
        "1e5",
        "010",
        "1:30",
        "10min",
        "train",
        "digits",
        "folder",
        "x" * 5000,
        "\0",
        "\ud800",
        "a\nb",
        "nan",
    ]
)
numbers = (
    st.integers()
    | st.floats()
    | st.sampled_from([0, -1, 1e308, -1e308, 5e-324, 2**63, 10**400, float("inf"), float("nan")])
)
values = st.recursive(
    st.none() | st.booleans() | numbers | words,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(words, inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["loguniform", "uniform", "int", "logint", "categorical", "model", "until", "at_most"]),
            st.lists(inner, max_size=3),
            max_size=1,
        )
    ),
    max_leaves=8,
)


@given(st.text(max_size=300) | st.binary(max_size=300))
def test_any_text_is_read_or_refused_in_one_line(text):
    is_read_and_written_back_or_refused_in_one_line(text)


@given(places, values)
def test_any_value_at_any_place_is_read_and_written_back_or_refused_in_one_line(place, value):
    is_read_and_written_back_or_refused_in_one_line(TEXT, **{place: value})


@pytest.mark.slow
@given(
    st.integers(0, len(DIGITS)), st.integers(0, 40), words | st.sampled_from(["[", "{", "&a ", "*a", ": ", "- ", "\n"])
)
def test_a_damaged_study_file_is_read_and_written_back_or_refused_in_one_line(at, length, words):
    is_read_and_written_back_or_refused_in_one_line(DIGITS[:at] + words + DIGITS[at + length :])


@given(st.sampled_from([TEXT, DIGITS]), st.integers(0, 3000), st.binary(max_size=4))
def test_a_study_file_with_bytes_replaced_is_read_and_written_back_or_refused_in_one_line(text, at, others):
    raw = text.encode()
    is_read_and_written_back_or_refused_in_one_line(raw[:at] + others + raw[at + len(others) :])


@pytest.mark.parametrize(
    "key", ["budget__search_seconds", "budget__trial_seconds", "final__trial_seconds", "pace__heartbeat_seconds",
            "pace__checkpoint_seconds", "significance__alpha", "slot__gpus", f"{CNN}__published__lr",
            f"{CNN}__space__lr", "seed", "replicates", "final__runs", f"{CNN}__max_trials", "data__train_per_class"]
)  # fmt: skip
@pytest.mark.parametrize("value", [float("inf"), float("nan"), float("-inf"), 1e308, 10**400])
def test_a_number_that_no_record_could_hold_is_refused_wherever_it_stands(key, value):
    assert re.search(rf"\b{key.rpartition('__')[2]}\b", refusal(**{key: value}))


@pytest.mark.parametrize("written", [".inf", ".nan", "1e999"])
def test_a_number_without_end_is_refused_with_its_line(written):
    text = TEXT.replace("trial_seconds: 2", f"trial_seconds: {written}")
    assert refusal(text).startswith(
        f"line {text[: text.index(written)].count(chr(10)) + 1}: {written}: no finite number"
    )


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        (f"{CNN}__space__crop", {"int": [float("-inf"), 3]}, "`low <= high` must hold for two finite numbers"),
        (f"{CNN}__space__lr", {"uniform": [0.1, 10**400]}, "uniform needs [low, high], two numbers"),
        (f"{CNN}__space__lr", {"uniform": [True, 2]}, "uniform needs [low, high], two numbers"),
        (f"{CNN}__space__lr", {"uniform": ["0.1", "1"]}, "uniform needs [low, high], two numbers"),
        (f"{CNN}__space__epochs", {"logint": [10, 1e30]}, "logint needs numbers up to 9.0072e+15, but got [10"),
        ("approaches__feature_svm__space__C", {"loguniform": [1, 1e308]}, "loguniform needs numbers up to 1e+100"),
        ("approaches__feature_svm__space__C", {"loguniform": [5e-324, 1]}, "loguniform needs numbers up to 1e+100"),
        (f"{CNN}__space__epochs", {"categorical": list(range(1, 20_001))}, "categorical takes 1,000 choices"),
        (f"{CNN}__space__lr", {"categorical": [0.1, float("nan")]}, "needs numbers up to 1e+100, but got nan"),
        (f"{CNN}__space__optimizer", "x" * 20_000, "needs texts of at most 200 characters"),
        (f"{CNN}__space__lr", {"x" * 20_000: [1, 2]}, "is neither a constant nor one of loguniform"),
        (f"{CNN}__space", {"x" * 20_000: 1}, "no hyperparameter; accepted: lr"),
        (f"{CNN}__image_size", [-32, 32], "image_size.0: input should be greater than or equal to 1, but got -32"),
        (f"{CNN}__image_size", [100_000, 100_000], "input should be less than or equal to 4096, but got 100000"),
        ("approaches__fine_tune__backbone", ["glyphs"], "backbone: ['glyphs'] is not under backbones (glyphs)"),
        ("approaches__fine_tune__backbone", {"model": "resnet18"}, "is not under backbones (glyphs)"),
        ("approaches__fine_tune__backbone", "glyph", "is not under backbones (glyphs); did you mean 'glyphs'?"),
        ("approaches__fine_tune__approach", "finetune", "did you mean 'fine_tune'?"),
        ("data__source", "digts", "did you mean 'digits'?"),
        ("name", "x" * 20_000, "name: "),
        ("x" * 20_000, 1, "unknown key"),
        (f"{CNN}__space__lr", {"uniform": [0.1, float("nan")]}, "`low <= high` must hold for two finite numbers"),
        ("settle", 3, "settle: a section is wanted here, with the keys until, at_most, step, but got 3"),
        ("budget", "1h", "budget: a section is wanted here, with the keys search_seconds, trial_seconds, but got '1h'"),
        ("backbones__glyphs", "resnet18", "a section is wanted here, with the keys model, weights, but got 'resnet18'"),
        ("settle", {"atmost": 7}, "settle.atmost: unknown key; did you mean 'at_most'?"),
        ("seed", "010", "seed: a number is wanted, but got the text '010'; write it without quotes"),
        ("final__runs", True, "final.runs: a number is wanted, but got true"),
        (f"{CNN}__space__lr", True, "space.lr: a number is wanted, but got true"),
        (f"{CNN}__image_size", ["16", "16"], "image_size.0: a number is wanted, but got the text '16'"),
        ("data__resplit", "yes", "data.resplit: true or false is wanted, but got 'yes'"),
        (f"{CNN}__space__flip", 1, "space.flip: true or false is wanted, but got 1"),
        ("budget__search_seconds", "10m", "seconds, or a duration such as 90s or 1h30min, but got '10m'"),
        (f"{CNN}__space__lr", "x" * 20_000, "needs texts of at most 200 characters"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_is_refused_with_its_key(key, value, words):
    assert words in refusal(**{key: value})


def test_a_key_of_thousands_of_parts_is_refused():
    with pytest.raises(ConfigError, match="a key of more than 20 parts; no section is so deep") as caught:
        read_config("digits", {"a." * 3000 + "b": 1})
    assert len(str(caught.value)) <= 300


def test_a_misspelt_section_is_named_before_the_one_that_is_missing():
    told = refusal(TEXT.replace("budget:", "bugdet:"))
    assert told.startswith("bugdet: unknown key; did you mean 'budget'?")


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("search_seconds", "search_second", "budget.search_second: unknown key; did you mean 'search_seconds'?"),
        ("    approach: better_cnn", "    aproach: better_cnn", "aproach: unknown key; did you mean 'approach'?"),
        ("  source: digits", "  sorce: digits", "data.sorce: unknown key; did you mean 'source'?"),
        (
            "    model: shufflenet",
            "    modell: shufflenet",
            "backbones.glyphs.modell: unknown key; did you mean 'model'?",
        ),
        ("    published:", "    publihsed:", "better_cnn.publihsed: unknown key; did you mean 'published'?"),
        ("    space:", "    spcae:", "better_cnn.spcae: unknown key; did you mean 'space'?"),
        ("    backbone: glyphs", "    backbones: glyphs", "fine_tune.backbones: unknown key; did you mean 'backbone'?"),
    ],
)
def test_a_misspelt_key_is_named_with_the_one_that_was_meant(right, wrong, told):
    assert right in TEXT
    assert told in refusal(TEXT.replace(right, wrong, 1))


def test_an_approach_that_stands_twice_is_refused_with_both_lines():
    """PyYAML keeps the last and says nothing."""
    text = TEXT.replace("  fine_tune:", "  better_cnn:")
    assert re.match(r"line \d+: the key 'better_cnn' stands here and in line \d+; take one out", refusal(text))


def test_final_seeds_of_earlier_versions_lead_to_final_runs():
    told = refusal(TEXT.replace("replicates: 1\n", "").replace("  runs: 2", "  seeds: 3"))
    assert told.startswith("final.seeds: now final.runs, and of all replicates together; write final: {runs: N}")


@pytest.mark.parametrize(
    ("written", "seconds"), [("10min", 600), ("90s", 90), ("2h", 7200), ("1h30min", 5400), ("4000", 4000)]
)
def test_seconds_may_be_written_as_a_duration_and_are_written_back_as_seconds(written, seconds):
    text = TEXT.replace("search_seconds: 4", f"search_seconds: {written}")
    config = parsed(text, final__trial_seconds="3min", pace__heartbeat_seconds="1min")
    assert (config.budget.search_seconds, config.final_seconds, config.pace.heartbeat_seconds) == (seconds, 180, 60)
    assert yaml.safe_load(config.to_yaml())["budget"] == {"search_seconds": float(seconds), "trial_seconds": 2.0}


def test_one_number_is_a_square():
    config = parsed(TEXT, **{f"{CNN}__image_size": 24})
    assert config.settings("better_cnn").image_size == (24, 24)
    assert parsed(config.to_yaml()) == config


def test_setting_a_key_of_one_approach_leaves_another_with_the_same_alias_alone():
    """In the preset `boats` two approaches share a section by an alias; what is set in one was set in both."""
    config = read_config("boats", {"approaches.better_cnn.published.lr": 0.002})
    published = {name: approach.published["lr"] for name, approach in config.approaches.items() if approach.published
                 and "lr" in approach.published}  # fmt: skip
    assert published == {"better_cnn": 0.002, "fine_tune_head_frozen": 0.001, "fine_tune_backbone_frozen": 0.001}


@pytest.mark.parametrize("text", ["1e5", "010", "yes", "1:30", "0o17", "~", "2024-01-01"])
def test_text_that_looks_like_something_else_is_written_in_quotes(text):
    config = small_config(storage=text)
    assert parsed(config.to_yaml()).storage == text


def test_what_cannot_be_an_ordinary_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "folder.yaml").mkdir()
    for path in (tmp_path / "pipe.yaml", tmp_path / "folder.yaml", Path("/dev/zero"), Path("/dev/null")):
        with pytest.raises(ConfigError, match=rf"^{path}: neither a preset nor an ordinary file; give a study file$"):
            read_config(str(path))


def test_a_file_of_gigabytes_is_refused_without_reading_it(tmp_path):
    path = tmp_path / "large.yaml"
    with path.open("wb") as file:
        file.truncate(10 * 2**30)  # a hole, which takes no disk
    with pytest.raises(ConfigError, match=r"large\.yaml: more than 100,000 characters"):
        read_config(str(path))


@pytest.mark.parametrize("study", ["x" * 5000, "x" * 200 + "/" + "y" * 250, "a\0b", ""])
def test_a_path_that_no_file_can_have_is_refused(study):
    with pytest.raises(ConfigError, match="neither a file nor a preset") as caught:
        read_config(study)
    assert len(str(caught.value)) <= 300


def test_every_study_written_by_the_version_before_reads_the_same():
    """Its writer was `yaml.safe_dump`."""
    for name in ("digits", "boats", "boats-cpu"):
        config = read_config(name)
        before: dict[str, Any] = config.model_dump(mode="json")
        assert parsed(yaml.safe_dump(before, sort_keys=False, width=120)) == config


def test_an_extended_study_is_told_its_numbers_in_full():
    config = small_config(budget={"search_seconds": 4000000.5, "trial_seconds": 2})
    with pytest.raises(StudyError, match=r"^--budget 4000000\.25: the study has 4000000\.5 already"):
        extended(config, More(search_seconds=4000000.25))
