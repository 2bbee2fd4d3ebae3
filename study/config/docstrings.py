"""What docstrings say about classes and their attributes, for editors to show."""

from __future__ import annotations

import inspect
import re

ENTRY = re.compile(r" {4}(\w+(?:, \w+)*): (.*)")  # `    name, name: what they are`, which goes on in deeper lines


def summary(kind: type) -> str:
    """The docstring of a class as one line, without the list of its attributes."""
    return " ".join(_parts(kind)[0].split())


def attributes(kind: type) -> dict[str, str]:
    """What each attribute is, by its name, from the docstrings of a class and of those that it extends."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        names: list[str] = []
        for line in _parts(base)[1].splitlines():
            if entry := ENTRY.fullmatch(line):
                names = entry[1].split(", ")
                found |= dict.fromkeys(names, entry[2])
            else:
                found |= {name: f"{found[name]} {line.strip()}" for name in names}
    return found


def _parts(kind: type) -> tuple[str, str]:
    """A docstring above its heading `Attributes:`, and the section below that, up to a blank line."""
    above, _, below = inspect.cleandoc(kind.__doc__ or "").partition("Attributes:\n")
    return above, below.partition("\n\n")[0]
