"""Inputs that broke the program once."""

from __future__ import annotations

from dataclasses import dataclass

from tests.fuzz.oddities import Edit, Input
from tests.fuzz.outcomes import CLEAR, HANDLED


@dataclass(frozen=True)
class Known:
    """An input that broke the program once.

    Attributes:
        name: of the test.
        input: what was tried.
        outcomes: how it may end today.
    """

    kind: str
    name: str
    input: Input
    outcomes: tuple[str, ...]


def refused(kind: str, name: str, base: str, *edits: Edit) -> Known:
    """One that ends in a clear error."""
    return Known(kind, name, Input(base, edits), (CLEAR,))


def either(kind: str, name: str, base: str, *edits: Edit) -> Known:
    """One that ends in a clear error, or that the program can handle."""
    return Known(kind, name, Input(base, edits), (CLEAR, HANDLED))
