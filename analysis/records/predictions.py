"""The predictions of final runs: which columns a table of them has, and what is checked before one is written."""

from __future__ import annotations

import pandas as pd

from analysis.records.errors import RecordsError

PREDICTION_COLUMNS = ("approach", "seed", "image", "group", "label", "prediction")


def check_predictions(predictions: pd.DataFrame) -> None:
    """Check one table of predictions.

    Raises:
        RecordsError: a column is missing, a pair (approach, seed, image) occurs twice, or a row of probabilities
            does not sum to one.
    """
    missing = [name for name in PREDICTION_COLUMNS if name not in predictions]
    if missing:
        raise RecordsError(f"predictions lack the column {missing[0]!r}; needed are {', '.join(PREDICTION_COLUMNS)}")
    repeated = predictions.duplicated(["approach", "seed", "image"])
    if repeated.any():
        row = predictions.loc[repeated.idxmax()]
        raise RecordsError(f"predictions hold {row.approach}, seed {row.seed}, image {row.image!r} more than once")
    columns = probability_columns(predictions)
    if columns:
        _check_probabilities(predictions[columns])


def _check_probabilities(p: pd.DataFrame) -> None:
    gaps = p.isna()
    partly = gaps.any(axis=1) & ~gaps.all(axis=1)
    if partly.any():
        raise RecordsError(f"probabilities of row {partly.idxmax()} are given for some classes only; give all or none")
    outside = (p < 0) | (p > 1 + 1e-6)
    if outside.any(axis=None):
        row, column = outside.stack().idxmax()
        raise RecordsError(f"{column} of row {row} is {p.loc[row, column]:.4g}; a probability lies in [0, 1]")
    off = (p.sum(axis=1, skipna=False) - 1).abs() > 1e-3  # false where an approach gives none
    if off.any():
        total = float(p.loc[off.idxmax()].sum())
        raise RecordsError(f"probabilities of row {off.idxmax()} sum to {total:.4f}; they must sum to 1")


def probability_columns(predictions: pd.DataFrame) -> list[str]:
    """The columns p_0, p_1, ... in the order of the class index."""
    columns = [name for name in predictions.columns if name.startswith("p_") and name[2:].isdigit()]
    return sorted(columns, key=lambda name: int(name[2:]))
