"""The JSON Schema of the study file: it is the one that is shipped, it knows every key, and it refuses no good file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from study.config.json_schema import schema_text
from study.config.messages import ConfigError
from study.config.models import StudyConfig
from study.config.presets import own_preset, presets
from study.config.study_file import parse_config, read_yaml
from tests.support.study_files import small_study

ROOT = Path(__file__).resolve().parents[3]
SHIPPED = ROOT / "study" / "config" / "study-file.schema.json"
SCHEMA = json.loads(SHIPPED.read_text())
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)
CNN = "approaches__better_cnn"
EXAMPLES = [
    pytest.param(block, id=f"{path.name}-{number}")
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    for number, block in enumerate(re.findall(r"^```yaml\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL))
    if re.search(r"^approaches:", block, re.MULTILINE)
]


def refused(content: object) -> str:
    """What the schema has against the content of a study file; empty where it has nothing."""
    error = jsonschema.exceptions.best_match(VALIDATOR.iter_errors(content))
    return "" if error is None else f"{error.json_path}: {error.message}"


def keys(schema: object, path: str = "$") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every key that a part of the schema describes, but for those that only tell sections apart."""
    if isinstance(schema, dict):
        properties = schema.get("properties", {})
        yield from ((f"{path}.{name}", key) for name, key in properties.items())
        for name, part in schema.items():
            if name not in ("if", "default"):
                yield from keys(part, f"{path}.{name}")
    if isinstance(schema, list):
        for part in schema:
            yield from keys(part, path)


def test_the_shipped_schema_is_the_one_that_the_program_makes():
    assert SHIPPED.read_text() == schema_text(), f"run: transfer-study schema --out {SHIPPED.relative_to(ROOT)}"


def test_the_schema_is_a_valid_one_of_its_draft():
    assert SCHEMA["$schema"] == "http://json-schema.org/draft-07/schema#"
    jsonschema.Draft7Validator.check_schema(SCHEMA)


def test_every_key_has_a_description_for_the_editor_to_show():
    described = dict(keys(SCHEMA))
    assert len(described) > 100
    assert [path for path, key in described.items() if not key.get("description")] == []


@pytest.mark.parametrize("preset", presets())
def test_the_schema_accepts_every_preset(preset):
    own = own_preset(preset)
    assert own is not None
    assert refused(read_yaml(own.text, name=preset)) == ""


@pytest.mark.parametrize("path", sorted((ROOT / "study" / "presets").glob("*.yaml")), ids=lambda path: path.stem)
def test_a_preset_begins_with_a_line_that_leads_editors_to_the_shipped_schema(path):
    found = re.match(r"# yaml-language-server: \$schema=(\S+)\n", path.read_text())
    assert found
    assert (path.parent / found[1]).resolve() == SHIPPED


def test_the_documentation_shows_study_files():
    assert len(EXAMPLES) >= 2


@pytest.mark.parametrize("text", EXAMPLES)
def test_a_study_file_in_the_documentation_is_accepted_and_leads_editors_to_a_schema_beside_it(text):
    parse_config(text, name="example")
    assert refused(read_yaml(text, name="example")) == ""
    assert text.startswith("# yaml-language-server: $schema=study-file.schema.json\n")


GOOD: list[dict[str, Any]] = [
    {},
    {"seed": 3, "replicates": 2, "feature_cost": "every_trial", "storage": "s3://bucket/studies"},
    {"final": {"refit": "train_and_valid", "trial_seconds": None}, "pace": {"heartbeat_seconds": 1}},
    {"slot": {"cpus": 2, "gpus": 0.25}, "significance": {"alpha": 0.01}},
    {"slot": {"gpus": "auto"}, "backbones__random": {"model": "resnet18", "weights": None}},
    {"data": {"source": "folder", "path": "photos", "groups": "boat_(.*)_", "skip_corrupt": True}},
    {"data": {"source": "torchvision", "name": "CIFAR10", "root": "data", "valid_fraction": 0.1}},
    {f"{CNN}__published": None, f"{CNN}__max_trials": 7, f"{CNN}__precision": "float32"},
    {f"{CNN}__published__lr": 0.5, f"{CNN}__space__optimizer": "adamw"},
    {f"{CNN}__published": None, f"{CNN}__space__lr": {"uniform": [1e-4, 1]}},
    {f"{CNN}__published": None, f"{CNN}__space__flip": {"categorical": [True, False]}},
    {f"{CNN}__published": None, f"{CNN}__space__epochs": {"logint": [1, 30]}},
    {f"{CNN}__published": None, f"{CNN}__space__dropout": {"int": [0, 0]}},
    {f"{CNN}__published": None, f"{CNN}__space__weight_decay": {"categorical": [0, 1e-4, 0.1]}},
]


@pytest.mark.parametrize("changes", GOOD, ids=str)
def test_what_is_read_is_accepted(changes):
    content = small_study(**changes)
    parse_config(yaml.safe_dump(content), name="study.yaml")
    assert refused(content) == ""


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"bugdet": {"search_seconds": 4}}, "$"),
        ({"budget__search_second": 4}, "$.budget"),
        ({"budget__search_seconds": "many"}, "$.budget.search_seconds"),
        ({"final": {"runs": 0}}, "$.final.runs"),
        ({"slot": {"gpus": 2}}, "$.slot.gpus"),
        ({"name": "no/name"}, "$.name"),
        ({"data": {"source": "floppy"}}, "$.data.source"),
        ({"data": {"path": "photos"}}, "$.data"),
        ({"data": {"source": "digits", "path": "photos"}}, "$.data"),
        ({"data__train_per_clas": 3}, "$.data"),
        ({"backbones__glyphs__model_name": "x"}, "$.backbones.glyphs"),
        ({f"{CNN}__approach": "beter_cnn"}, "$.approaches.better_cnn.approach"),
        ({f"{CNN}__image_sise": [3, 3]}, "$.approaches.better_cnn"),
        ({f"{CNN}__image_size": [3]}, "$.approaches.better_cnn.image_size"),
        ({f"{CNN}__backbone": "glyphs"}, "$.approaches.better_cnn"),
        ({"approaches__fine_tune__frozen": "heart"}, "$.approaches.fine_tune.frozen"),
        ({f"{CNN}__space__batch_sise": 16}, "$.approaches.better_cnn.space"),
        ({f"{CNN}__space__C": 1.0}, "$.approaches.better_cnn.space"),
        ({f"{CNN}__published__wings": 2}, "$.approaches.better_cnn.published"),
        ({f"{CNN}__published__lr": -1}, "$.approaches.better_cnn.published"),
        ({f"{CNN}__space__lr": None}, "$.approaches.better_cnn.space.lr"),
        ({f"{CNN}__space__lr": {"loguniform": ["low", "high"]}}, "$.approaches.better_cnn.space.lr"),
        ({f"{CNN}__space__lr": {"loguniform": [0, 1]}}, "$.approaches.better_cnn.space.lr"),
        ({f"{CNN}__space__lr": {"loguniform": [1e-4]}}, "$.approaches.better_cnn.space.lr"),
        ({f"{CNN}__space__lr": {"lognormal": [0, 1]}}, "$.approaches.better_cnn.space.lr"),
        ({f"{CNN}__space__lr": {"uniform": [0.1, 1], "int": [1, 2]}}, "$.approaches.better_cnn.space.lr"),
        ({f"{CNN}__space__epochs": {"int": [0, 3]}}, "$.approaches.better_cnn.space.epochs"),
        ({f"{CNN}__space__epochs": {"int": [1.5, 3]}}, "$.approaches.better_cnn.space.epochs"),
        ({f"{CNN}__space__epochs": {"uniform": [5, 60]}}, "$.approaches.better_cnn.space.epochs"),
        ({f"{CNN}__space__lr": {"categorical": []}}, "$.approaches.better_cnn.space.lr"),
        ({f"{CNN}__space__lr": {"categorical": [0.1, 0.1]}}, "$.approaches.better_cnn.space.lr"),
        ({f"{CNN}__space__optimizer": "sgd"}, "$.approaches.better_cnn.space.optimizer"),
    ],
    ids=str,
)
def test_what_is_refused_in_reading_is_refused_at_its_place(changes, where):
    content = small_study(**changes)
    with pytest.raises(ConfigError):
        parse_config(yaml.safe_dump(content), name="study.yaml")
    assert refused(content).startswith(where)


def test_an_approach_that_lacks_a_setting_it_needs_is_refused():
    content = small_study()
    del content["approaches"]["fine_tune"]["backbone"]
    assert "'backbone' is a required property" in refused(content)


def test_an_approach_or_a_source_given_as_a_class_may_hold_anything():
    neighbours = {"approach": "lab.neighbours:KNN", "wings": 2, "space": {"k": {"int": [1, 9]}, "metric": "cosine"}}
    assert refused(small_study(approaches__knn=neighbours)) == ""
    assert refused(small_study(data={"source": "lab.slides:Slides", "zoom": 20})) == ""


# Values of the kind that a key takes, in and out of range; and such of other kinds as nothing converts.
number = st.floats(-1, 20, allow_nan=False) | st.integers(-1, 20)
kinds = {
    "number": number | st.just("many"),
    "whole": st.integers(-1, 300) | st.just(2.5) | st.just("many"),
    "switch": st.booleans() | st.just(2.5) | st.just("maybe"),
    "word": st.sampled_from(["adam", "adamw", "sgd", "constant", "cosine", "rbf", "linear", ""]),
}
CNN_KINDS = {"lr": "number", "epochs": "whole", "flip": "switch", "optimizer": "word", "wings": "number"}
SVM_KINDS = {"C": "number", "gamma": "number", "kernel": "word", "scaling": "switch", "lr": "number"}


def searched(kind: str) -> st.SearchStrategy[object]:
    """What may stand for a hyperparameter in a space."""
    values = kinds[kind]
    drawn: st.SearchStrategy[object] = values | st.fixed_dictionaries({"categorical": st.lists(values, max_size=3)})
    if kind in ("number", "whole"):
        bounds = st.lists(values, min_size=1, max_size=3, unique=True)
        ranges = st.sampled_from(["loguniform", "uniform", "int", "logint"])
        drawn |= st.dictionaries(ranges, bounds, min_size=1, max_size=1)
    return drawn


def spaces(hyperparameters: dict[str, str]) -> st.SearchStrategy[object]:
    one = st.sampled_from(sorted(hyperparameters))
    pairs = one.flatmap(lambda name: st.tuples(st.just(name), searched(hyperparameters[name])))
    return pairs.map(lambda pair: dict([pair]))


def sections(**values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, object]]:
    return st.fixed_dictionaries({}, optional=values)


CHANGED: dict[str, st.SearchStrategy[object]] = {
    "seed": kinds["whole"],
    "feature_cost": st.sampled_from(["first_use", "free", "never"]),
    "final": sections(runs=kinds["whole"], refit=st.sampled_from(["train", "valid"]), trial_seconds=number | st.none()),
    "slot": sections(cpus=kinds["whole"], gpus=st.floats(0, 1.5) | st.sampled_from(["auto", "all"])),
    "significance": sections(alpha=st.floats(0, 1), margin=st.floats(0, 1)),
    "data": sections(path=st.just("photos"), split_seed=kinds["whole"], skip_corrupt=kinds["switch"]).flatmap(
        lambda keys: st.sampled_from(["digits", "folder"]).map(lambda source: {"source": source, **keys})
    ),
    f"{CNN}__max_trials": kinds["whole"] | st.none(),
    f"{CNN}__image_size": st.lists(kinds["whole"], min_size=1, max_size=3),
    f"{CNN}__precision": st.sampled_from(["auto", "float32", "float8"]),
    "approaches__fine_tune__frozen": st.sampled_from(["none", "head", "heart"]),
    "approaches__feature_svm__space": spaces(SVM_KINDS),
}
changes = st.sampled_from(sorted(CHANGED)).flatmap(lambda key: st.tuples(st.just(key), CHANGED[key]))


def refuses_nothing_that_is_read(key: str, value: object) -> None:
    content = small_study(**{key: value})
    for approach in content["approaches"].values():
        approach["published"] = None
    try:
        StudyConfig.model_validate(content)
    except ValidationError:
        assume(False)
    assert refused(content) == ""


@pytest.mark.slow
@given(changes)
def test_the_schema_refuses_nothing_that_is_read(change):
    refuses_nothing_that_is_read(*change)


@pytest.mark.slow
@given(spaces(CNN_KINDS))
def test_the_schema_refuses_no_space_that_is_read(space):
    refuses_nothing_that_is_read(f"{CNN}__space", space)
