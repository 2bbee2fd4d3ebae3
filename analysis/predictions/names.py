"""Values from a table as messages show them: on one line, and short."""

from __future__ import annotations

from collections.abc import Sequence


def shown(value: object, most: int = 60) -> str:
    """What cannot be printed is escaped, and the middle of what is long left out."""
    text = "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in str(value)[: 10 * most]
    )
    return text if len(text) <= most else f"{text[: most // 3]}...{text[3 + most // 3 - most :]}"


def some(values: Sequence[object], most: int = 25) -> str:
    """The first three, and how many there are besides."""
    first = ", ".join(shown(value, most) for value in values[:3])
    return f"{first} and {len(values) - 3:,} more" if len(values) > 4 else ", ".join(shown(v, most) for v in values)
