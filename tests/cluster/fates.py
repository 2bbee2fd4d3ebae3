"""What became of the studies of a soak, one by one and counted."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

COUNTED = (
    *("studies", "sittings", "finished", "unsound", "records lost", "charged twice", "over budget", "verdict differs"),
    "noisy",
)


@dataclass(kw_only=True)
class Fate:
    """What became of one study.

    Attributes:
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


def write_fates(fates: Sequence[Fate], out: Path) -> None:
    with open(out, "w", newline="") as file:
        writer = csv.DictWriter(file, [one.name for one in fields(Fate)])
        writer.writeheader()
        writer.writerows(asdict(fate) | {"met": "+".join(fate.met)} for fate in fates)


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
