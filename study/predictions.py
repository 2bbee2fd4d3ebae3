"""Writing what a final run predicted for the test split."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.records.store import Store
from trainables.approach import Predictions, Probabilities
from trainables.spec import TrialSpec


def write_predictions(
    spec: TrialSpec,
    predictions: Predictions,
    probabilities: Probabilities,
    *,
    location: str,
    ids: tuple[str, ...],
    groups: tuple[str, ...] | None,
    labels: np.ndarray,
) -> None:
    """Write what one final run predicted for the test split; called where the run is, with what `deliver` passes."""
    frame = pd.DataFrame(
        {
            "approach": spec.approach,
            "seed": spec.index,
            "image": list(ids),
            "group": list(groups) if groups is not None else None,
            "label": labels,
            "prediction": predictions.labels,
        }
    )
    if predictions.probabilities is not None:
        columns = [f"p_{index}" for index in range(predictions.probabilities.shape[1])]
        frame = pd.concat([frame, pd.DataFrame(predictions.probabilities, columns=columns)], axis=1)
    Store(location).write_predictions(spec.trial, frame)
