"""Reading a study file: YAML in, one frozen model out. Nothing past this module handles unknown keys."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from study.config.messages import ConfigError, problem
from study.config.models import StudyConfig
from study.config.presets import offered_preset, own_preset
from trainables.finding import search_in


def read_config(study: str, overrides: Mapping[str, object] | None = None) -> StudyConfig:
    """Read a study file, or a preset by its name.

    A module that it names (`approach: module:Class`) is looked for where Python looks, then beside the study file, then
    in the current folder.

    Args:
        study: path of a YAML file, or the name of a preset.
        overrides: values by dotted key, such as `budget.search_seconds`, which replace those of the file.

    Raises:
        ConfigError: no such file or preset, no YAML, or a key that is unknown, missing or wrong.
    """
    text, folder = _text_and_folder(study)
    search_in(*([folder] if folder else []), Path.cwd())
    return parse_config(text, name=study, overrides=overrides)


def parse_config(text: str, *, name: str, overrides: Mapping[str, object] | None = None) -> StudyConfig:
    """Like `read_config`, from the text of a study file; `name` is what errors call it."""
    content = read_yaml(text, name=name)
    if not isinstance(content, dict):
        raise ConfigError(f"{name}: not a study file; it must hold the keys {', '.join(StudyConfig.model_fields)}")
    content = _as_written_today(content)
    for key, value in (overrides or {}).items():
        _override(content, key, value)
    try:
        return StudyConfig.model_validate(content)
    except ValidationError as error:
        raise ConfigError(f"{name}: {problem(error, StudyConfig)}") from error


def read_yaml(text: str, *, name: str) -> object:
    """The content of a study file, or of a value for one of its keys; `name` is what errors call it.

    Raises:
        ConfigError: it is no YAML.
    """
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise ConfigError(f"{name}: not YAML ({' '.join(str(error).split())})") from error


class _Loader(yaml.SafeLoader):
    """YAML in which 1e-4 is a number; YAML 1.1 takes it for text, as it has no dot."""


_Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"^[-+]?\d+[eE][-+]?\d+$"), list("-+0123456789"))


def _text_and_folder(study: str) -> tuple[str, Path | None]:
    """What is in a file or preset, and where that lies; none for our own presets, beside which there is no module."""
    path = Path(study)
    if own := own_preset(study):
        return own.text, None
    if not path.is_file():
        offered = offered_preset(study)
        return offered.text, offered.folder
    try:
        return path.read_text(encoding="utf-8"), path.parent
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{study}: cannot be read ({error})") from error


def _as_written_today(content: dict[str, Any]) -> dict[str, Any]:
    """What an earlier version wrote as `final.seeds`, the final runs of each replicate, as `final.runs`.

    Only with `replicates` beside it, as in the study.yaml of every study: alone, it meant a single search.
    """
    final, replicates = content.get("final"), content.get("replicates")
    if not isinstance(final, dict) or "seeds" not in final or "runs" in final:
        return content
    seeds = final["seeds"]
    if not isinstance(seeds, int) or not isinstance(replicates, int):
        return content
    others = {key: value for key, value in final.items() if key != "seeds"}
    return content | {"final": others | {"runs": seeds * replicates}}


def _override(content: dict[str, Any], key: str, value: object) -> None:
    *parents, last = key.split(".")
    for parent in parents:
        content = content.setdefault(parent, {})
        if not isinstance(content, dict):
            raise ConfigError(f"{key}: {parent} is no section of the study file, so nothing in it can be set")
    content[last] = value
