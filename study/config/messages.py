"""What is wrong with a study file, in one line: the key, the value seen, and what would be accepted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from trainables.errors import InputError
from trainables.finding import did_you_mean


class ConfigError(InputError):
    """A study file that cannot be used."""


def problem(error: ValidationError, model: type[BaseModel]) -> str:
    """The first problem in one line: the key, what is wrong, and what would be accepted."""
    first = error.errors()[0]
    place, message = first["loc"], first["msg"].removeprefix("Value error, ")
    where = ".".join(map(str, place))
    if first["type"] == "value_error":
        names_a_key = re.match(r"[\w.-]+: ", message)
        return f"{where}{'.' if names_a_key else ': '}{message}" if where else message
    if first["type"] == "extra_forbidden":
        accepted = _accepted(model, place[:-1])
        return f"{where}: unknown key{hint(str(place[-1]), accepted) if accepted else '; take it out'}"
    if first["type"] == "missing":
        return f"{where}: missing; this key is needed"
    return f"{where}: {message[0].lower()}{message[1:]}, but got {first['input']!r}"


def hint(name: str, known: Iterable[str], accepted: Iterable[str] | None = None) -> str:
    """The known name that was probably meant, if one is close, and all that would be accepted."""
    known = list(known)
    names = ", ".join(known if accepted is None else accepted)
    meant = did_you_mean(name, known)
    return f"{meant} (accepted: {names})" if meant else f"; accepted: {names}"


def _accepted(model: type[BaseModel], place: Sequence[int | str]) -> Mapping[str, object]:
    """The keys that the section at a place of a model may have; none where its type leaves them open, as a union."""
    section: Any = model
    for part in place:
        if _is_model(section):
            field = section.model_fields.get(part)
            section = None if field is None else field.annotation
        else:  # sections by a name of the user's choice, or by their number
            section = get_args(section)[-1] if get_origin(section) in (dict, list) else None
    fields: Mapping[str, object] = section.model_fields if _is_model(section) else {}
    return fields


def _is_model(section: object) -> bool:
    return isinstance(section, type) and issubclass(section, BaseModel)
