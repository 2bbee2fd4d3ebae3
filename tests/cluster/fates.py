"""What became of the studies of a soak, one by one, on file and counted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

COUNTED = (
    *("studies", "sittings", "finished", "unsound", "records lost", "charged twice", "over budget", "verdict differs"),
    "noisy",
)


@dataclass(kw_only=True)
class Fate:
    """What became of one study.

    Attributes:
        seed, number: of the soak, and of the study in it: all that was drawn follows from these two.
        met: the misfortunes.
        sittings: of the driver, the first included.
        finished, sound: whether it did, and whether assert_sound holds at the end.
        lost: records that had been written and are gone or changed.
        twice: trials with more than one start or end on record.
        over: approaches charged more than their budgets.
        differs: whether its verdict is another than its twin's.
        noisy: drivers that ended with more than one line on standard error.
        complaint: of the first thing that was not as it must be.
    """

    seed: int
    number: int
    met: list[str] = field(default_factory=list)
    sittings: int = 0
    finished: bool = False
    sound: bool = False
    lost: int = 0
    twice: int = 0
    over: int = 0
    differs: bool = False
    noisy: int = 0
    complaint: str = ""

    @property
    def good(self) -> bool:
        return self.finished and self.sound and not (self.lost or self.twice or self.over or self.differs or self.noisy)

    def __str__(self) -> str:
        told = self.complaint or ("well" if self.good else "not as it must be")
        return f"study {self.number}, {'+'.join(self.met) or 'nothing'}, {self.sittings} sittings: {told}"


def add_fate(fate: Fate, out: Path) -> None:
    """Add a line of JSON to a file; several processes may do so, one write for each line."""
    with open(out, "ab", buffering=0) as file:
        file.write(f"\n{json.dumps(asdict(fate))}\n".encode())  # after a line that a kill cut short, if there is one


def read_fates(out: Path) -> list[Fate]:
    """The fates in a file, by seed and number; without what a kill cut short. None where there is no file."""
    fates = []
    for line in out.read_text().splitlines() if out.exists() else ():
        with suppress(json.JSONDecodeError):
            fates.append(Fate(**json.loads(line)))
    return sorted(fates, key=lambda fate: (fate.seed, fate.number))


def fates_table(fates: Sequence[Fate]) -> str:
    """A row for each misfortune; a study that met two counts in both, and in the last row once."""
    head = f"| misfortune | {' | '.join(COUNTED)} |"
    kinds = sorted({kind for fate in fates for kind in fate.met})
    rows = [_row(kind, [fate for fate in fates if kind in fate.met]) for kind in kinds]
    complaints = [f"{'+'.join(fate.met)}: {fate.complaint}" for fate in fates if fate.complaint]
    return "\n".join([head, "|" + " --- |" * (len(COUNTED) + 1), *rows, _row("all", fates), *complaints])


def _row(name: str, fates: Sequence[Fate]) -> str:
    sums = (
        len(fates),
        sum(fate.sittings for fate in fates),
        sum(fate.finished for fate in fates),
        sum(not fate.sound for fate in fates),
        sum(fate.lost for fate in fates),
        sum(fate.twice for fate in fates),
        sum(fate.over for fate in fates),
        sum(fate.differs for fate in fates),
        sum(fate.noisy for fate in fates),
    )
    return f"| {name.replace('_', ' ')} | " + " | ".join(map(str, sums)) + " |"
