"""The JSON Schema of the study file, made of the models that read it, for editors that complete and check one.

It refuses nothing that a study file may hold. What it does not know are rules between keys, such as `low <= high`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema
from pydantic_core import core_schema

from study.config.approaches import ApproachConfig
from study.config.docstrings import attributes, summary
from study.config.models import StudyConfig
from study.config.space import CATEGORICAL, RANGES
from trainables.approach import Approach
from trainables.approaches import APPROACHES
from trainables.data.config import sources

Schema = dict[str, Any]

DRAFT = "http://json-schema.org/draft-07/schema#"  # the latest that all language servers for YAML know
REFERENCE = "#/definitions/{model}"
CLASS = r"^[\w.]+:\w+$"  # package.module:Class
DISTRIBUTIONS = {
    "loguniform": "Any number from low to high, equal ratios equally likely.",
    "uniform": "Any number from low to high, equal differences equally likely.",
    "int": "A whole number from low to high, each equally likely.",
    "logint": "A whole number from low to high, equal ratios equally likely.",
    CATEGORICAL: "One of these values.",
}
FITTING = {"integer": ("int", "logint"), "boolean": (), "string": ()}  # ranges for each type; all for a number


def schema_text() -> str:
    """The schema as the text of a file."""
    return json.dumps(study_schema(), indent=2, ensure_ascii=False) + "\n"


def study_schema() -> Schema:
    """The schema of a study file: every registered approach and source of data, and room for classes of one's own."""
    kinds = _approaches()
    types = [model for kind in kinds.values() for model in (kind.settings_type, kind.hyperparameters_type)]
    models, definitions = _generated([StudyConfig, ApproachConfig, *sources().values(), *types])
    study = models[StudyConfig]
    keys = study["properties"]
    keys["data"] = _told_apart_by(
        "source", {name: models[model] for name, model in sources().items()}, keys["data"]["description"]
    )
    keys["approaches"]["additionalProperties"] = _told_apart_by(
        "approach", {name: _approach(kind, models) for name, kind in kinds.items()}, summary(ApproachConfig)
    )
    return {"$schema": DRAFT, "title": "Study file", **study, "definitions": _used(study, definitions)}


def _approaches() -> dict[str, type[Approach]]:
    """The approaches that have a name: those that are built in, then those of entry points."""
    return {name: APPROACHES.find(name) for name in [*APPROACHES.built_in(), *APPROACHES.declared()]}


def _told_apart_by(key: str, sections: Mapping[str, Schema], description: str) -> Schema:
    """A section that is one of several, as a key in it says; that of a class of one's own may hold anything."""
    names = {
        "description": f"{', '.join(sections)}, or a class of your own as package.module:Class.",
        "anyOf": [{"enum": list(sections)}, {"type": "string", "pattern": CLASS}],
    }
    return {
        "description": description,
        "type": "object",
        "required": [key],
        "properties": {key: names},
        "allOf": [
            {"if": {"required": [key], "properties": {key: {"const": name}}}, "then": _named(key, name, section)}
            for name, section in sections.items()
        ],
    }


def _named(key: str, name: str, section: Schema) -> Schema:
    own = {key: {"const": name, "description": section["description"]}}
    return {**section, "properties": {**section["properties"], **own}}


def _approach(kind: type[Approach], models: Mapping[type[BaseModel], Schema]) -> Schema:
    """The section of one approach: its own settings beside the common keys, its hyperparameters in two of these."""
    settings, hyperparameters = models[kind.settings_type], models[kind.hyperparameters_type]["properties"]
    common = models[ApproachConfig]["properties"]
    searched = {name: _searched(value) for name, value in hyperparameters.items()}
    keys = {
        **common,
        "space": {"description": common["space"]["description"], **_section(searched)},
        "published": {
            "description": common["published"]["description"],
            "anyOf": [_section(hyperparameters), {"type": "null"}],
        },
        **settings["properties"],
    }
    if "backbone" in keys:
        keys["backbone"] = {"type": "string", "description": "A name from the section `backbones`."}
    return {"description": summary(kind), **_section(keys), "required": ["approach", *settings.get("required", ())]}


def _searched(value: Schema) -> Schema:
    """A hyperparameter in a space: a constant, or a distribution whose values are all accepted."""
    constant = {key: rule for key, rule in value.items() if key not in ("description", "default")}
    numbers = {"type": "array", "minItems": 2, "maxItems": 2}
    written = {
        name: {**numbers, "items": {"exclusiveMinimum": 0, **constant} if RANGES[name][0] else constant}
        for name in FITTING.get(value.get("type", ""), tuple(RANGES))
    }
    written[CATEGORICAL] = {"type": "array", "minItems": 1, "uniqueItems": True, "items": constant}
    described = {name: {"description": DISTRIBUTIONS[name], **values} for name, values in written.items()}
    one = {**_section(described), "minProperties": 1, "maxProperties": 1}
    return {"description": value.get("description", ""), "anyOf": [constant, one]}


def _section(keys: Mapping[str, Schema]) -> Schema:
    return {"type": "object", "properties": dict(keys), "additionalProperties": False}


def _generated(models: Iterable[type[BaseModel]]) -> tuple[dict[type[BaseModel], Schema], dict[str, Schema]]:
    """The schemas of models, and by name those of all models that they refer to."""
    models = list(dict.fromkeys(models))
    references, together = models_json_schema(
        [(model, "validation") for model in models], ref_template=REFERENCE, schema_generator=_Described
    )
    definitions: dict[str, Schema] = together["$defs"]
    names = {model: references[model, "validation"]["$ref"].rpartition("/")[2] for model in models}
    return {model: definitions[name] for model, name in names.items()}, definitions


def _used(schema: Schema, definitions: Mapping[str, Schema]) -> dict[str, Schema]:
    """The definitions that a schema refers to, and those that these refer to."""
    found: dict[str, Schema] = {}
    waiting = [schema]
    while waiting:
        text = json.dumps(waiting.pop())
        named = {name for name in definitions if f'"{REFERENCE.format(model=name)}"' in text}
        new = {name: definitions[name] for name in named - found.keys()}
        found |= new
        waiting.extend(new.values())
    return dict(sorted(found.items()))


class _Described(GenerateJsonSchema):
    """Takes the descriptions from the docstrings; leaves out titles, which only repeat the keys."""

    def model_schema(self, schema: core_schema.ModelSchema) -> Schema:
        content = super().model_schema(schema)
        for name, described in attributes(schema["cls"]).items():
            if name in content.get("properties", {}):
                content["properties"][name].setdefault("description", described)
        content.pop("title", None)
        return content | {"description": summary(schema["cls"])}

    def field_title_should_be_set(self, schema: object) -> bool:
        return False

    def tuple_schema(self, schema: core_schema.TupleSchema) -> Schema:
        """As draft 07 writes it."""
        content = super().tuple_schema(schema)
        return content | {"items": content.pop("prefixItems")} if "prefixItems" in content else content

    def handle_invalid_for_json_schema(self, schema: core_schema.CoreSchema, error_info: str) -> Schema:
        """A setting of a stranger's approach that no schema can describe may be anything."""
        return {}
