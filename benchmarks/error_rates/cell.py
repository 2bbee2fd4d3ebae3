"""A cell of the calibration: studies whose truth is known, and how often each thing that must hold of them does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Protocol
from zlib import crc32

import numpy as np

from benchmarks.error_rates.limits import limits

ALPHA = 0.05
ACCURACY = 0.8
CHUNK = 500  # studies that one process simulates at a time, so that any number of them has something to do
SCORES = 1_000_000  # simulated at once, so that a process stays below some 50 MB


class Tally:
    """Of how many studies each quantity was judged, and of how many it was true."""

    def __init__(self) -> None:
        self.true: Counter[str] = Counter()
        self.studies: Counter[str] = Counter()

    def add(self, judged: Mapping[str, bool]) -> None:
        """One study."""
        for quantity, true in judged.items():
            self.add_many(quantity, int(true), 1)

    def add_many(self, quantity: str, true: int, studies: int) -> None:
        """So many studies, for so many of which it was true."""
        self.true[quantity] += true
        self.studies[quantity] += studies

    def __add__(self, other: Tally) -> Tally:
        both = Tally()
        for one in (self, other):
            for quantity, studies in one.studies.items():
                both.add_many(quantity, one.true[quantity], studies)
        return both


class Cell(Protocol):
    """One way in which studies can be; a frozen dataclass.

    Attributes:
        group: which table it belongs to.
        name: begins with the group's.
        studies: how many the whole calibration simulates.
    """

    @property
    def group(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def studies(self) -> int: ...

    def tally(self, studies: int, rng: np.random.Generator) -> Tally:
        """Simulate so many studies and judge them."""


@dataclass(frozen=True, kw_only=True)
class Rate:
    """The share of a cell's studies for which `quantity` was true, with its Monte Carlo standard error.

    Attributes:
        required_low, required_high: between which it must lie; 0 and 1 where nothing is required.
    """

    group: str
    cell: str
    quantity: str
    studies: int
    rate: float
    se: float
    required_low: float
    required_high: float

    @property
    def required(self) -> bool:
        """Whether anything is."""
        return (self.required_low, self.required_high) != (0.0, 1.0)

    @property
    def holds(self) -> bool:
        """Whether it lies where it must."""
        return self.required_low <= self.rate <= self.required_high


@dataclass(frozen=True)
class Chunk:
    """Some of a cell's studies, with random numbers of their own: the same whatever else is measured, and where."""

    cell: Cell
    number: int
    studies: int

    def tally(self) -> Tally:
        """Simulate and judge them."""
        rng = np.random.default_rng([crc32(self.cell.name.encode()), self.number])
        return self.cell.tally(self.studies, rng)


def chunks(cell: Cell, studies: int) -> list[Chunk]:
    """The chunks that so many studies of a cell come in."""
    sizes = [min(CHUNK, studies - start) for start in range(0, studies, CHUNK)]
    return [Chunk(cell, number, size) for number, size in enumerate(sizes)]


def rates(cell: Cell, tally: Tally) -> list[Rate]:
    """What the tally of a cell comes to, in the order in which its quantities were judged."""
    return [_rate(cell, quantity, tally.true[quantity], studies) for quantity, studies in tally.studies.items()]


def batches(studies: int, scores: int) -> Iterator[int]:
    """Numbers of studies, of so many scores each, that are simulated at once."""
    most = max(1, SCORES // scores)
    while studies:
        yield min(studies, most)
        studies -= min(studies, most)


def _rate(cell: Cell, quantity: str, true: int, studies: int) -> Rate:
    rate, (low, high) = true / studies, limits(cell.name, quantity)
    return Rate(
        group=cell.group,
        cell=cell.name,
        quantity=quantity,
        studies=studies,
        rate=rate,
        se=sqrt(rate * (1 - rate) / studies),
        required_low=low,
        required_high=high,
    )
