"""The predictions that the records say were evaluated: whole, or named.

A final run is evaluated when its last record says so. Its file of predictions was written before that, has a row for
every test image, and the accuracy in it is the one on record, to the last digit; where it is not, the file has changed
since, and the run has to be done again (`transfer-study resume` does it).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow as pa

from analysis.records.damage.sums import digest
from analysis.records.errors import RecordsError
from analysis.records.predictions import PREDICTION_COLUMNS, read_parquet
from analysis.records.schema import DataInfo
from analysis.records.trials import superseded, trial_table


@dataclass(frozen=True)
class Evaluated:
    """Which final runs were evaluated and count, and what of their predictions is there.

    Attributes:
        tables: by trial.
        digests: SHA-256 of their files, by trial.
        lost: what is wrong with the predictions of those that have none, or none that can be used; by trial.
    """

    tables: Mapping[str, pa.Table]
    digests: Mapping[str, str]
    lost: Mapping[str, str]


def evaluated_runs(events: pd.DataFrame) -> pd.DataFrame:
    """The last records of the final runs that were evaluated and count, by name; `events` as in StudyRecords."""
    ordered = events.sort_values("order", kind="stable").drop_duplicates("trial", keep="last")
    runs = ordered[ordered.event == "evaluated"].sort_values("trial")
    return runs if runs.empty else runs[~runs.trial.isin(superseded(trial_table(events)))]


def read_evaluated(
    runs: pd.DataFrame, contents: Mapping[str, bytes], data: DataInfo | None, known: Mapping[str, str]
) -> Evaluated:
    """Read the predictions of final runs.

    Args:
        runs: the last records of those that were evaluated and count.
        contents: their files, by trial, of those that have one.
        known: SHA-256 of the files that the last report read, by trial.
    """
    tables, digests, lost = {}, {}, {}
    for run in runs.to_dict("records"):
        trial = run["trial"]
        try:
            if trial not in contents:
                raise RecordsError("missing, and its run was evaluated")
            tables[trial], digests[trial] = _table(contents[trial], run, data), digest(contents[trial])
            if known.get(trial, digests[trial]) != digests[trial]:
                raise RecordsError("not as the last report read it")
        except RecordsError as error:
            lost[trial] = str(error)
    whole = {trial: table for trial, table in tables.items() if trial not in lost}
    return Evaluated(whole, digests, lost)


def joined(found: Evaluated) -> pd.DataFrame:
    """All predictions in one frame; empty, with the columns, where there are none."""
    if not found.tables:
        return pd.DataFrame(columns=list(PREDICTION_COLUMNS))
    frame: pd.DataFrame = pa.concat_tables(list(found.tables.values()), promote_options="permissive").to_pandas()
    return frame


def _table(content: bytes, run: Mapping[str, Any], data: DataInfo | None) -> pa.Table:
    """The table of one run, as its last record says that it must be."""
    table = read_parquet(content, rows=data.test if data else None)
    predictions = table.to_pandas()
    approach, index, recorded = run["approach"], run["index"], run["test_accuracy"]
    if set(predictions.approach) != {approach} or set(predictions.seed) != {index}:
        raise RecordsError(f"its rows are not those of {approach:.60}, final run {index}")
    highest = int(max(predictions.label.max(), predictions.prediction.max()))
    if data is not None and highest >= len(data.classes):
        raise RecordsError(f"class {highest}, and the data set has classes 0 to {len(data.classes) - 1}")
    accuracy = int((predictions.label == predictions.prediction).sum()) / len(predictions)
    if accuracy != recorded:
        raise RecordsError(f"its accuracy is {accuracy:.6g}, and {recorded or 0:.6g} is on record")
    return table
