"""How the approach that is first in rank stands to the others: what headline and paragraph both rest on."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.report.comparison import Comparison
from analysis.report.wording.pairs import is_better, is_inside_margin, is_tie


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The others by what is shown of each against the first in rank, in the order of rank.

    Attributes:
        best: the first in rank. others: all others.
        tied: exactly as accurate as the first; each of them is also `equivalent` or `open`.
        beaten: shown to be less accurate. equivalent: shown to be so within the margin. open: neither.
        inside_margin: whether all that are beaten are so by less than the margin.
    """

    best: str
    others: tuple[str, ...]
    tied: tuple[str, ...]
    beaten: tuple[str, ...]
    equivalent: tuple[str, ...]
    open: tuple[str, ...]
    inside_margin: bool

    @property
    def first(self) -> tuple[str, ...]:
        """All that share the first place."""
        return self.best, *self.tied


def standing(compared: Comparison) -> Standing:
    """Sort the others by what is shown of them; there is at least one approach."""
    best, *others = (test.name for test in compared.ranked)
    pairs = {other: compared.pair(best, other)[0] for other in others}
    beaten = tuple(other for other, pair in pairs.items() if is_better(pair))
    return Standing(
        best=best,
        others=tuple(others),
        tied=tuple(other for other, pair in pairs.items() if is_tie(pair)),
        beaten=beaten,
        equivalent=tuple(other for other, pair in pairs.items() if pair.verdict == "equivalent"),
        open=tuple(other for other, pair in pairs.items() if pair.verdict == "undecided"),
        inside_margin=bool(beaten) and all(is_inside_margin(pairs[other]) for other in beaten),
    )
