"""What can be wrong with what is analysed, or with the place that it is kept in. Every message is one line.

RecordsError               a study, a file in it or a table of predictions that cannot be used
 +-- YAMLTextError         (in yaml_text.py) YAML that cannot be read
 +-- StorageError          the place itself cannot be read or written just now
 +-- PublishedTableError   a published table that cannot be read, or whose rows cannot be compared
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Sequence

from analysis.records.slugs import visible

LONGEST = 290  # characters of a message: with `error: ` before it, a line of fewer than 300
LONG_WORD = 60  # a word of more characters, such as a path, is shortened where the message is too long
SHOWN = 3  # elements of a list that are shown


class RecordsError(Exception):
    """A study, a file in it or a table of predictions that cannot be used. The message is one line."""


class StorageError(RecordsError):
    """A place that cannot be read or written: not there, full, refused, or not to be reached for too long."""


class PublishedTableError(RecordsError):
    """A published table that cannot be read, or whose rows cannot be compared."""


def line(error: object) -> str:
    """A message as one line of at most 290 characters that a terminal shows as they are.

    What is too long loses the middle of its long words, then its own middle: the cause stands at the beginning, the
    mend at the end.
    """
    text = visible(" ".join(str(error).split())) or type(error).__name__
    if len(text) > LONGEST:
        text = re.sub(rf"\S{{{LONG_WORD},}}", lambda word: cut(word[0], LONG_WORD), text)
    return cut(text, LONGEST)


def cut(text: str, most: int) -> str:
    """A text of so many characters at most: what is longer loses its middle."""
    if len(text) <= most:
        return text
    end = most // 3
    return f"{text[: most - end - 3]}...{text[-end:]}"


def shown(value: object) -> str:
    """A value as messages show it: of a list the first three elements, of a long text the beginning and the end."""
    if isinstance(value, list | tuple) and len(value) > SHOWN:
        return cut(f"[{', '.join(map(shown, value[:SHOWN]))} and {len(value) - SHOWN} more]", 2 * LONG_WORD)
    return cut(_SHORT.repr(value), 2 * LONG_WORD)


def listed(names: Sequence[str]) -> str:
    """Names one after the other; of very many those that fit into some 180 characters, and how many more there are."""
    names = [cut(name, LONG_WORD) for name in names]
    fitting = [name for at, name in enumerate(names) if len(", ".join(names[: at + 1])) <= 3 * LONG_WORD]
    more = len(names) - len(fitting)
    return ", ".join(fitting) + (f" and {more} more" if more else "")


def _short() -> reprlib.Repr:
    short = reprlib.Repr()
    short.maxlevel, short.maxdict, short.maxlong = 3, SHOWN, LONG_WORD
    short.maxstring = short.maxother = LONG_WORD
    return short


_SHORT = _short()
