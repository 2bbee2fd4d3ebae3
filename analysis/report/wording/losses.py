"""The sentences about losses of decisions that come without probabilities."""

from __future__ import annotations

from math import e, log

from analysis.statistics.losses import CLIP, one_hot_losses


def hard_decision_sentence(name: str, accuracy: float, classes: int) -> str:
    """Why a one-hot loss looks bad, and what it is made of."""
    as_logits, clipped = one_hot_losses(accuracy, classes)
    return (
        f"A hard decision claims certainty, so every error of {name} costs the maximum, however close the call, and the"
        f" loss depends on its accuracy and on the convention alone: at accuracy {accuracy:.3f} with {classes} classes"
        f" it is {as_logits:.3f} where one-hot vectors are read as logits (ln(e + {classes - 1}) − accuracy, so"
        f" {log(e + classes - 1) - 1:.3f} without a single error), and {clipped:.3f} where they are clipped at"
        f" {CLIP}. Neither says how good its probabilities are."
    )


def no_probabilities_sentence(name: str) -> str:
    """What follows where an approach only decides."""
    return (
        f"{name} gives no probabilities, so it has no log-loss, no Brier score and no calibration; its decisions are"
        " scored by named conventions instead."
    )
