"""The comparison of a table of predictions that were made elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from analysis.predictions.outcomes import read_outcomes
from analysis.predictions.table import PredictionTable
from analysis.records.errors import RecordsError
from analysis.report.comparison import Comparison, compare
from analysis.report.design import Design


def compare_table(table: PredictionTable, design: Design, *, names: Sequence[str] | None = None) -> Comparison:
    """Compare the approaches of a table, in the order given, or all of them in the order of the table.

    Raises:
        RecordsError: the runs do not share their images, a name has no predictions, matched seeds do not match, or
            there are fewer than two images or groups.
    """
    found = list(dict.fromkeys(table.predictions.approach))
    wanted = found if names is None else list(dict.fromkeys(names))
    unknown = [name for name in wanted if name not in found]
    if unknown or not wanted:
        missing = f"no predictions of {unknown[0]!r}" if unknown else "no approach to compare"
        raise RecordsError(f"{table.source}: {missing}; there are those of {', '.join(found)}")
    rows = table.predictions[table.predictions.approach.isin(wanted)]
    try:
        seen = read_outcomes(rows, grouped=table.grouped)
        compared = compare(seen, names=wanted, classes=table.classes, design=design)
    except (RecordsError, ValueError) as error:
        raise RecordsError(f"{table.source}: {error}") from None
    return replace(compared, notes=table.notes)
