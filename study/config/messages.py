"""What is wrong with a study file, in one line: the key, the value seen, and what would be accepted."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from trainables.errors import InputError


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
        known = _keys(model, place[:-1])
        return f"{where}: unknown key{hint(str(place[-1]), known)}"
    if first["type"] == "missing":
        return f"{where}: missing; this key is needed"
    return f"{where}: {message[0].lower()}{message[1:]}, but got {first['input']!r}"


def _keys(model: type[BaseModel], place: Sequence[int | str]) -> Mapping[str, object]:
    """The keys that a section of a model may have."""
    section: Any = model
    for part in map(str, place):
        if isinstance(section, type) and issubclass(section, BaseModel):
            section = section.model_fields[part].annotation
        else:  # sections by a name of the user's choice
            _, section = get_args(section)
    fields: Mapping[str, object] = section.model_fields
    return fields


def hint(name: str, known: Iterable[str], accepted: Iterable[str] | None = None) -> str:
    """The known name that was probably meant, if one is close, and all that would be accepted."""
    known = list(known)
    close = difflib.get_close_matches(name, known, n=1)
    names = ", ".join(known if accepted is None else accepted)
    return f"; did you mean {close[0]!r}? (accepted: {names})" if close else f"; accepted: {names}"
