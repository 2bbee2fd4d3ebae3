"""What stands in one file of a study, from its bytes: a record, the study file, an environment.

A study may come from anybody, and any byte of it may be wrong: whatever that is ends in one line with the file's path.
"""

from __future__ import annotations

import json
import math
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from analysis.records import yaml_text
from analysis.records.errors import RecordsError, cut
from analysis.records.schema import SCHEMA_VERSION, Record, StudySettings
from analysis.records.storage import first_line

R = TypeVar("R", bound=Record)
RESTORE = "restore it from a copy of the study"
BEFORE_VERSIONS = 1  # the schema of a record that does not say which
LONGEST_PROBLEM = 160  # characters


def parse_record(path: str, content: bytes, kind: type[R], mend: str = RESTORE) -> R:
    """One record; `mend` says what to do where it is damaged.

    Raises:
        RecordsError: it is no such record, or one of a later schema version.
    """
    try:
        record = kind.model_validate_json(content, strict=True)  # else "1" and "nan" were numbers
    except ValidationError as error:
        _refuse_later(path, content)
        raise RecordsError(f"{path}: not a {kind.__name__} ({first_problem(error)}); {mend}") from error
    if (word := _no_number(record)) is not None:
        raise RecordsError(f"{path}: not a {kind.__name__} ({word} is no number); {mend}")
    versioned = "schema_version" in record.model_fields_set
    return record if versioned else record.model_copy(update={"schema_version": BEFORE_VERSIONS})


def parse_settings(path: str, content: bytes) -> StudySettings:
    """What the analysis needs of study.yaml.

    Raises:
        RecordsError: it is no study file.
    """
    written = parse_yaml(path, content)
    try:
        return StudySettings.model_validate(written)
    except ValidationError as error:
        raise RecordsError(f"{path}: not a study file ({first_problem(error)}); {RESTORE}") from error


def parse_yaml(path: str, content: bytes) -> object:
    """The content of a study file that a study keeps.

    Raises:
        RecordsError: it is no YAML, or none that a study keeps (see yaml_text.py).
    """
    try:
        return yaml_text.load(content)
    except yaml_text.YAMLTextError as error:
        raise RecordsError(f"{path}: not a study file ({shortened(str(error))}); {RESTORE}") from error


def parse_environment(path: str, content: bytes) -> dict[str, Any]:
    """What a session wrote of its machine.

    Raises:
        RecordsError: it is no JSON, or names nothing.
    """
    try:
        environment = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise RecordsError(f"{path}: not JSON ({shortened(first_line(error))}); {RESTORE}") from error
    if not isinstance(environment, dict):
        found = type(environment).__name__
        raise RecordsError(f"{path}: a {found}, where names with values belong; {RESTORE}")
    return environment


def first_problem(error: ValidationError) -> str:
    """The first thing that is wrong with a record, in a few words."""
    problem = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(str(part) for part in problem["loc"]) or "the file"
    return shortened(f"{where}: {problem['msg']}")


def shortened(text: str) -> str:
    """One line of at most LONGEST_PROBLEM characters."""
    return cut(" ".join(text.split()), LONGEST_PROBLEM)


def _no_number(value: object) -> str | None:
    """The first number in a record that is not finite, as JSON writes it; `1e999` is one, too."""
    if isinstance(value, float):
        return None if math.isfinite(value) else json.dumps(value)
    if isinstance(value, BaseModel):
        value = vars(value)
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, tuple) else ()
    return next((word for part in parts if (word := _no_number(part)) is not None), None)


def _refuse_later(path: str, content: bytes) -> None:
    """A record of a later version cannot be judged by this schema, so its version is the first thing to say."""
    version = _schema_version(content)
    if version > SCHEMA_VERSION:
        raise RecordsError(
            f"{path}: written in schema version {version}, and this program reads versions up to "
            f"{SCHEMA_VERSION}; install a newer transfer-study"
        )


def _schema_version(content: bytes) -> int:
    """What a file says that is perhaps no record at all; 0 where it says nothing."""
    try:
        version = json.loads(content)["schema_version"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return 0
    return version if isinstance(version, int) and version < 10**6 else 0
