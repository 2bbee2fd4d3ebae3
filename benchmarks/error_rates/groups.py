"""Two approaches on images that come in few groups, or in groups of very different sizes."""

from __future__ import annotations

from benchmarks.error_rates.pairs import KINDS, Pair

SIZES = {
    "half-in-one-of-21": (100, *(5,) * 20),
    "98-percent-in-one-of-21": (980, *(1,) * 20),
    "8": (25,) * 8,
    "12": (25,) * 12,
}


def _cell(sizes: str, kind: str, seeds: int) -> Pair:
    images = sum(SIZES[sizes])
    name = f"groups-{sizes}-{kind}-S{seeds}"
    return Pair(name, KINDS[kind], seeds, images, SIZES[sizes], group="groups")


# One seed, whose luck the intervals leave out, only where it has none.
VARYING = (("no-seed-variance", 1), ("no-seed-variance", 3), ("large", 3), ("large", 5))
CELLS = [_cell(sizes, kind, seeds) for sizes in SIZES for kind, seeds in VARYING]
