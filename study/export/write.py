"""Several targets in one call: nothing is written before all of them are known to be free."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from analysis.records.reading import StudyRecords, read_study
from trainables.errors import InputError


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


def targets(*, table: str | None, mlflow: str | None, optuna: str | None, replace: bool) -> list[Target]:
    """The targets that are named; each tool is imported only where it is asked for.

    Raises:
        InputError: none is named.
    """
    chosen: list[Target] = []
    if table is not None:
        from study.export.table import TableTarget

        chosen.append(TableTarget(table, replace))
    if mlflow is not None:
        from study.export.mlflow_runs import MlflowTarget

        chosen.append(MlflowTarget(mlflow, replace))
    if optuna is not None:  # the last, as looking into a new database makes it
        from study.export.optuna_studies import OptunaTarget

        chosen.append(OptunaTarget(optuna, replace))
    if not chosen:
        raise InputError("give where to export to: --optuna URL, --table FILE or --mlflow DIR")
    return chosen


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
