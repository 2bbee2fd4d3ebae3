"""Reading a study file: YAML in, one frozen model out. Nothing past this module handles unknown keys."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from analysis.records import yaml_text
from analysis.records.errors import cut, line
from study.config.approaches import same_on_disk
from study.config.kinds import turned
from study.config.messages import ConfigError, problem
from study.config.models import StudyConfig
from study.config.presets import Preset, offered_preset, own_preset
from trainables.finding import search_in

DEEPEST_KEY = 20  # parts of a dotted key: more than any section is deep


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


def parse_config(
    text: str | bytes, *, name: str, overrides: Mapping[str, object] | None = None, on_record: bool = False
) -> StudyConfig:
    """Like `read_config`, from the text of a study file.

    Args:
        name: what errors call it.
        on_record: whether a study has begun with it, perhaps before there was a rule for new ones alone.
    """
    content = read_yaml(text, name=name)
    if not isinstance(content, dict):
        keys = ", ".join(StudyConfig.model_fields)
        raise ConfigError(line(f"{name}: not a study file; it must hold the keys {keys}"))
    content = _as_written_today(content)
    for key, value in (overrides or {}).items():
        content = _overridden(content, key.split("."), value, key)
    content = content if on_record else _composed(content)  # names on record are as they are
    try:
        config = StudyConfig.model_validate(content)
    except ValidationError as error:
        raise ConfigError(line(f"{name}: {problem(error, StudyConfig)}")) from error
    if found := turned(content, config):
        raise ConfigError(line(f"{name}: {'.'.join(map(str, found[0]))}: {found[1]}"))
    if not on_record and (two := same_on_disk(config.approaches)):
        one, other = (cut(approach, 60) for approach in two)
        raise ConfigError(line(f"{name}: approaches.{other}: on some disks the same name as {one}; give it another"))
    return config


def read_yaml(text: str | bytes, *, name: str) -> object:
    """The content of a study file, or of a value for one of its keys; `name` is what errors call it.

    Raises:
        ConfigError: it is no YAML, or none that can be read in one way only (see `yaml_text`).
    """
    try:
        return yaml_text.load(text)
    except yaml_text.YAMLTextError as error:
        raise ConfigError(line(f"{name}: {error}")) from error


def _text_and_folder(study: str) -> tuple[str | bytes, Path | None]:
    """What is in a file or preset, and where that lies; none for our own presets, beside which there is no module."""
    path = Path(study)
    if own := own_preset(study):
        return own.text, None
    if not os.path.isfile(study):  # unlike Path.is_file, it bears names that no file can have
        offered = _offered(study)
        return offered.text, offered.folder
    try:
        with path.open("rb") as file:
            return file.read(yaml_text.MOST_BYTES + 1), path.parent  # one more is refused, whatever the file's size
    except OSError as error:
        raise ConfigError(line(f"{study}: cannot be read ({error.strerror}); check its permissions")) from error


def _offered(study: str) -> Preset:
    try:
        return offered_preset(study)
    except ConfigError:
        if os.path.exists(study):
            raise ConfigError(line(f"{study}: neither a preset nor an ordinary file; give a study file")) from None
        raise


def _composed(content: dict[str, Any]) -> dict[str, Any]:
    """Names of approaches in NFC, é as one letter: an editor may write two, of which some disks make one, or not.

    Two names that are one then are left as they are, to be refused.
    """
    approaches = content.get("approaches")
    if not isinstance(approaches, dict) or not all(isinstance(name, str) for name in approaches):
        return content
    composed = {unicodedata.normalize("NFC", name): approach for name, approach in approaches.items()}
    return content | {"approaches": composed} if len(composed) == len(approaches) else content


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


def _overridden(section: dict[str, Any], parts: list[str], value: object, key: str) -> dict[str, Any]:
    """A section with one value replaced. It is a copy: by an alias of YAML, two approaches may share a section."""
    if len(parts) > DEEPEST_KEY:
        raise ConfigError(line(f"{key}: a key of more than {DEEPEST_KEY} parts; no section is so deep"))
    part, *rest = parts
    if not rest:
        return section | {part: value}
    inner = section.get(part, {})
    if not isinstance(inner, dict):
        raise ConfigError(line(f"{key}: {part} is no section of the study file, so nothing in it can be set"))
    return section | {part: _overridden(inner, rest, value, key)}
