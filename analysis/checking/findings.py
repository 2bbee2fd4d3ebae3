"""What a rule says of a study; and how names from a study, which may be anybody's, are shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

LONGEST = 240  # characters of a finding


@dataclass(frozen=True)
class Checked:
    """One rule.

    Attributes:
        rule: what holds, in a few words that are right for any count.
        count: how many things it was asked of.
        unit: one of these.
        findings: what does not hold, a line each.
    """

    rule: str
    count: int
    unit: str
    findings: tuple[str, ...]


def checked(rule: str, count: int, unit: str, findings: Iterable[str]) -> Checked:
    """What a rule says, every finding one short line that a terminal can print."""
    return Checked(rule, count, unit, tuple(shown(finding) for finding in findings))


def shown(text: str) -> str:
    """One line without control characters, not too long."""
    line = "".join(letter if letter.isprintable() else "?" for letter in text)
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
