"""Several targets in one call: nothing is written before all of them are known to be free."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from analysis.records.store import StudyRecords, read_study


class Target(Protocol):
    """A place to export a study to."""

    def check(self, records: StudyRecords) -> None:
        """Refuse what would fail or overwrite something.

        Raises:
            InputError: the target cannot be used, or holds this study already.
        """

    def write(self, records: StudyRecords) -> str:
        """Write the study there, whole or not at all, and say in one line what was written.

        Raises:
            InputError: the target cannot be written.
        """


def export(directory: str, targets: Sequence[Target]) -> Iterator[str]:
    """Export a study, finished or not, given by its path or URI; one line for each target, when it is written.

    Raises:
        RecordsError: it is no study directory, or one of its files is damaged.
        InputError: a target cannot be used, or holds this study already.
    """
    records = read_study(directory)
    for target in targets:
        target.check(records)
    for target in targets:
        yield target.write(records)
