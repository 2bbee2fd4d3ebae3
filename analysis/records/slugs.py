"""Names that data give (approaches, classes, files), made safe for where they go: a path, or a terminal.

A name may hold anything. It becomes a part of a path as a slug alone, and the file holds the true name; where it is
shown, what a terminal would obey is written out. For cells of spreadsheets see cells.py.
"""

from __future__ import annotations

import re

LONGEST = 40  # letters of a name in its slug
OTHERS = re.compile(r"[^A-Za-z0-9_]+")
# Control characters but tab and line break, separators of lines, turns of the direction of writing, halves of a
# character (as Python keeps bytes of a path that are no UTF-8).
OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def slug(name: str, number: int) -> str:
    r"""A part of a path for what data call `name`: letters, digits, `-` and `_`, as in `3-better_cnn`.

    It begins with the number, so two names of one kind never share a slug, and none is a device (`CON`) or hidden.

    Args:
        name: any text.
        number: at least 0, that no other name of the same kind has.

    Raises:
        ValueError: a negative number.
    """
    if number < 0:
        raise ValueError(f"number {number}: must be at least 0")
    letters = OTHERS.sub("-", name)[:LONGEST].strip("-")
    return f"{number}-{letters}" if letters else str(number)


def visible(text: str) -> str:
    r"""The text with what a terminal would obey written out, as in `\x1b[2J`; line breaks and tabs stay."""
    return OBEYED.sub(lambda found: found.group().encode("unicode_escape").decode(), text)


def one_line(text: str) -> str:
    """The text in one line, whatever breaks it."""
    return " ".join(text.splitlines())
