"""What a report says of a study in a few numbers: possible ones, and those of before it was damaged."""

from __future__ import annotations

import math
from collections.abc import Mapping

from analysis.report.summary import StudySummary
from tests.fuzz.outcomes import WrongNumber

Facts = Mapping[str, Mapping[str, float | None]]


def facts(study: StudySummary) -> Facts:
    """Of each approach."""
    return {
        one.name: {
            "accuracy": one.test.accuracy.estimate if one.test else None,
            "final runs": float(len(one.final_runs)),
            "tested runs": float(len(one.test.accuracy.per_seed)) if one.test else None,
            "charged seconds": one.spending.charged_s,
            "budget seconds": one.spending.budget_s,
            "trials": float(one.spending.trials),
            "validation accuracy": one.valid_accuracy,
        }
        for one in study.approaches
    }


def sane(found: Facts) -> None:
    """No seconds below zero, no accuracy outside [0, 1], nothing infinite."""
    for name, numbers in found.items():
        for what, value in numbers.items():
            outside = value is not None and (not math.isfinite(value) or value < 0)
            if outside or ("accuracy" in what and value is not None and value > 1):
                raise WrongNumber(f"an impossible number: {what} of {name} is {value}")


def same_facts(found: Facts, before: Facts) -> None:
    """Of a study whose files were lost, copied, swapped or damaged, and that is reported without a word."""
    if found.keys() != before.keys():
        raise WrongNumber(f"other approaches than before: {sorted(found)}")
    for name, numbers in before.items():
        for what, value in numbers.items():
            if found[name][what] != value:
                raise WrongNumber(f"another {what}: of {name} {found[name][what]}, and {value} before the damage")
