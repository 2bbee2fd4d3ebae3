"""What is wrong with a study file, in one line: the key, the value seen, and what would be accepted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from analysis.records.errors import cut, listed, shown
from trainables.errors import InputError
from trainables.finding import closest, did_you_mean

LONGEST_NAME = 60  # characters of a key that are shown
SECTION = {"model_type", "model_attributes_type", "dict_type", "mapping_type"}  # errors where keys were wanted


class ConfigError(InputError):
    """A study file that cannot be used."""


def problem(error: ValidationError, model: type[BaseModel]) -> str:
    """The first problem in one line: the key, what is wrong, and what would be accepted.

    A key that is not known comes before one that is missing: it may be that one, misspelt.
    """
    errors = error.errors(include_url=False)
    first = next((one for one in errors if one["type"] == "extra_forbidden"), errors[0])
    place, message = first["loc"], first["msg"].removeprefix("Value error, ")
    where = _written(place)
    if first["type"] == "value_error":
        names_a_key = re.match(r"[\w.-]+: ", message)
        return f"{where}{'.' if names_a_key else ': '}{message}" if where else message
    if first["type"] == "extra_forbidden":
        accepted = _accepted(model, place[:-1])
        return f"{where}: unknown key{hint(str(place[-1]), accepted) if accepted else '; take it out'}"
    if first["type"] == "missing":
        return _missing(first)
    if first["type"] in SECTION:
        keys = listed(list(_accepted(model, place)))
        return f"{where}: a section is wanted here{keys and f', with the keys {keys}'}, but got {shown(first['input'])}"
    return f"{where}: {message[0].lower()}{message[1:]}, but got {shown(first['input'])}"


def hint(name: str, known: Iterable[str], accepted: Iterable[str] | None = None) -> str:
    """The known name that was probably meant, if one is close, and all that would be accepted."""
    known = list(known)
    names = listed(list(known if accepted is None else accepted))
    meant = did_you_mean(name, known)
    return f"{meant} (accepted: {names})" if meant else f"; accepted: {names}"


def misspelt(wanted: str, given: object) -> str | None:
    """The key of a section that probably stands for one that is missing."""
    return closest(wanted, map(str, given)) if isinstance(given, Mapping) else None


def _missing(error: ErrorDetails) -> str:
    *section, wanted = error["loc"]
    if written := misspelt(str(wanted), error["input"]):
        return f"{_written([*section, written])}: unknown key; did you mean {wanted!r}?"
    return f"{_written(error['loc'])}: missing; this key is needed"


def _written(place: Sequence[int | str]) -> str:
    return ".".join(cut(str(part), LONGEST_NAME) for part in place)


def _accepted(model: type[BaseModel], place: Sequence[int | str]) -> Mapping[str, object]:
    """The keys that the section at a place of a model may have; none where its type leaves them open."""
    section: Any = model
    for part in place:
        if _is_model(section):
            field = section.model_fields.get(part)
            section = None if field is None else _only(field.annotation)
        else:  # sections by a name of the user's choice, or by their number
            section = _only(_each(section))
    fields: Mapping[str, object] = section.model_fields if _is_model(section) else {}
    return fields


def _each(section: object) -> object:
    """The type of the elements of a dictionary, a list or a tuple of any length."""
    kinds = [kind for kind in get_args(section) if kind is not Ellipsis]
    return kinds[-1] if get_origin(section) in (dict, list, tuple) and kinds else None


def _only(annotation: object) -> object:
    """A type that may also be absent is that type."""
    if get_origin(annotation) not in (Union, UnionType):
        return annotation
    kinds = [kind for kind in get_args(annotation) if kind is not NoneType]
    return kinds[0] if len(kinds) == 1 else None


def _is_model(section: object) -> bool:
    return isinstance(section, type) and issubclass(section, BaseModel)
