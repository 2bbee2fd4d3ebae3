"""What is required of each quantity, and of which cells it is not, with the reason."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatch

FREE = (0.0, 1.0)

# Lowest and highest share of a cell's studies for which each may be true.
REQUIRED = {
    "false positives": (0.0, 0.075),
    "coverage, no difference": (0.93, 1.0),
    "coverage, a difference": (0.93, 1.0),
    "coverage, accuracy": (0.93, 1.0),
    "equivalent, a better by the margin": (0.0, 0.06),
    "equivalent, b better by the margin": (0.0, 0.06),
    "any false positive": (0.0, 0.06),
    "any false positive, one apart": (0.0, 0.06),
    "coverage of all differences": (0.93, 1.0),
    "coverage of all differences, one apart": (0.93, 1.0),
    "any false equivalence": (0.0, 0.06),
    "any false verdict at any look": (0.0, 0.06),
    "found at `detectable`": (0.75, 0.85),
    "found at `planned_detectable`": (0.75, 0.85),
}


@dataclass(frozen=True)
class Exemption:
    """Cells of which a quantity is not required, and why."""

    cells: str
    quantity: str
    why: str


EXEMPT = (
    Exemption("luck-*-1x5", "*", "one search: the report says so, and does not call the approach better"),
    Exemption("luck-*-resampled", "*", "tried, and not offered"),
    *(
        Exemption(f"power-*-K{K}-S2-*", "*", "14 points and more are promised, where approaches vary very differently")
        for K in (3, 4, 6)
    ),
)


def limits(cell: str, quantity: str) -> tuple[float, float]:
    """Between which rates the quantity must lie in this cell; (0, 1) where nothing is required."""
    exempt = any(fnmatch(cell, one.cells) and fnmatch(quantity, one.quantity) for one in EXEMPT)
    return FREE if exempt else REQUIRED.get(quantity, FREE)
