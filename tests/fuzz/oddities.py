"""What is drawn by all kinds: odd texts, odd numbers, and damage to bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, nan
from typing import Any

from hypothesis import strategies as st

Edit = tuple[Any, ...]


@dataclass(frozen=True)
class Input:
    """What is tried: the name of something that works, and what is done to it, in turn: (what, arguments ...).

    Its repr is Python and can be pasted into corpus/.
    """

    base: str
    edits: tuple[Edit, ...] = ()


ODD_TEXTS = (
    *("", " ", "x", "X ", "[red]x", "[/y]", "<script>", "=HYPERLINK(1)", "a,b", "a;b", "a\tb", "a\nb", "é", "\u202ex"),
    *("..", "../x", "x/../../y", "/nowhere/x", "-x", "None", "nan", "NA", "null", "true", "yes", "01", "010", "1:30"),
    *(
        "1e3",
        "1e400",
        ".inf",
        "1_000",
        "0x10",
        "10min",
        "\x00",
        "\ufeff",
        "x" * 300,
        "x" * 20_000,
        "%s{}",
        "*",
        "'",
        '"',
    ),
)
ODD_NUMBERS = (0, -1, 1, 2, 3, 10**6, 10**19, 10**400, -(10**19), 0.0, -0.0, 0.5, 1.5, 1e-320, 1e308, inf, -inf, nan)
SMALLEST, LARGEST = 0, 2**31

texts = st.one_of(st.sampled_from(ODD_TEXTS), st.text(max_size=12))
numbers = st.one_of(st.sampled_from(ODD_NUMBERS), st.integers(-5, 300), st.floats(width=32))
scalars = st.one_of(numbers, texts, st.booleans(), st.none())
positions = st.one_of(st.integers(0, 400), st.integers(SMALLEST, LARGEST))
splices = st.tuples(st.just("splice"), positions, st.integers(0, 40), st.binary(max_size=6))
cuts = st.tuples(st.just("splice"), positions, st.just(LARGEST), st.just(b""))  # cut short


def edited(*kinds: st.SearchStrategy[Edit], most: int = 3) -> st.SearchStrategy[tuple[Edit, ...]]:
    """One to `most` edits."""
    return st.lists(st.one_of(*kinds), min_size=1, max_size=most).map(tuple)


def spliced(content: bytes, at: int, cut: int, put: bytes) -> bytes:
    """The content with some bytes taken out at a position, some put in; counted on where it is too short."""
    at %= len(content) + 1
    return content[:at] + put + content[at + cut :]


def nth(things: Sequence[Any], which: int | str) -> Any:
    """The thing of a number, counted on from the start where there are too few, or of a name; None for none."""
    if isinstance(which, str):
        return which if which in things else None
    return things[which % len(things)] if things else None
