"""The sentences about what it would take to settle an open pair: to find the difference, or to show equivalence."""

from __future__ import annotations

from analysis.numbers import counted, in_points, unsigned_points
from analysis.report.comparison import Comparison, PairSummary
from analysis.report.wording.pairs import pair_name
from analysis.statistics.crossed import ROUNDING
from analysis.statistics.power import POWER, Needed

DIGITS = 9  # to which an effect that was seen may be the margin itself


def settling_sentences(compared: Comparison) -> list[str]:
    """For each open pair, what it would take to settle it."""
    nothing = "no variance could be estimated, so nothing can be planned."
    return [
        f"{pair_name(pair.difference)}: {needed_sentence(compared, pair) or nothing}"
        for pair in compared.pairs
        if pair.verdict == "undecided"
    ]


def needed_sentence(compared: Comparison, pair: PairSummary) -> str | None:
    """What it would take to settle an open pair; None where it is settled or nothing can be said."""
    if pair.verdict != "undecided" or not pair.needed:
        return None
    effects = {round(need.effect, DIGITS): need for need in pair.needed}
    ways = [f"{_true_difference(need, pair)} {_takes(compared, pair, need)}" for need in effects.values()]
    sentence = f"An {100 * POWER:.0f} % chance to find a true difference {'; '.join(ways)}."
    if pair.needed_for_equivalence is None:
        return sentence
    margin = in_points(compared.design.margin)
    takes = _takes(compared, pair, pair.needed_for_equivalence)
    return f"{sentence} The same chance to show equivalence within {margin}, if they are equal, {takes}."


def _true_difference(need: Needed, pair: PairSummary) -> str:
    same = abs(need.effect - abs(pair.difference.difference)) < ROUNDING
    return f"of {unsigned_points(need.effect)} points{', as seen here,' if same else ', the margin,'}"


def _takes(compared: Comparison, pair: PairSummary, need: Needed) -> str:
    """So many images at these seeds, or so many seeds at these images, as the rest of a sentence."""
    unit = compared.design.unit
    images = "groups of images" if compared.grouped else "images"
    ways = []
    if need.units:
        these = ("group of images" if compared.grouped else "image") if need.units == 1 else images
        ways.append(f"{need.units:,} test {these} at these {unit}s")
    if need.seeds:
        ways.append(f"{counted(need.seeds, unit)} at these {images}")
    if ways:
        return f"takes {', or '.join(ways)}"
    varied = any(s.df for s in pair.difference.seeds)
    return f"cannot be had with any number of test {images}{f' or of {unit}s' if varied else ''} alone"
