"""Probabilities as people print them: rounded ones are made to sum to 1 again, and both that and odd ones are said.

n numbers rounded to d digits sum to 1 within n/2 units of the last digit.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

FEWEST_DIGITS, MOST_DIGITS = 2, 6
EXACT = 1e-3  # what sums may be off without a word
EPSILON = 1e-9


def renormalised(p: pd.DataFrame) -> tuple[pd.DataFrame, str | None]:
    """Rounded probabilities (rows x classes), every row divided by its sum, and a sentence on it.

    What is not explained by rounding is left as it is, for the check that follows to refuse.
    """
    values = p.to_numpy(dtype=np.float64)
    totals = values.sum(axis=1)
    off = np.abs(totals - 1) > EXACT  # false where an approach gives none
    digits = _digits(values)
    if not off.any() or digits is None or (values < 0).any() or not (totals[off] > 0).all():
        return p, None
    if (np.abs(totals[off] - 1) > values.shape[1] / 2 * 10.0**-digits + EPSILON).any():
        return p, None
    divided = values / np.where(off, totals, 1.0)[:, None]
    rows = int(off.sum())
    told = (
        f"The probabilities are rounded to {digits} digits; those of {rows:,} row{'s' if rows > 1 else ''} sum to"
        f" {totals[off].min():.3f} to {totals[off].max():.3f} and were divided by their sum."
    )
    return pd.DataFrame(divided, index=p.index, columns=p.columns), told


def contradictions(p: pd.DataFrame, predicted: NDArray[np.int64], approaches: pd.Series) -> list[str]:
    """A sentence for each approach that predicts other classes than those it calls the most probable.

    Args:
        p: rows x classes. predicted: (rows,) class indices. approaches: (rows,) names.
    """
    values = p.to_numpy(dtype=np.float64)
    own = values[np.arange(len(values)), predicted]
    known = ~np.isnan(own)
    lower = pd.Series(known & (own < np.where(known, np.nanmax(np.nan_to_num(values), axis=1), 0.0)), index=p.index)
    told = []
    for name, rows in lower.groupby(approaches, sort=False):
        if count := int(rows.sum()):
            told.append(
                f"{count:,} of {len(rows):,} predictions of {name} are not the class that it gives the highest"
                " probability; its accuracy rests on the predictions, its loss and calibration on the probabilities."
            )
    return told


def _digits(values: NDArray[np.float64]) -> int | None:
    """To how many digits they are rounded; None where they are not."""
    known = values[~np.isnan(values)]
    for digits in range(FEWEST_DIGITS, MOST_DIGITS + 1):
        if np.allclose(known, known.round(digits), rtol=0, atol=EPSILON):
            return digits
    return None
