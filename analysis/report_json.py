"""report.json: the names that other programs rely on. No NaN: what is unknown is null."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

from analysis.summary import ApproachSummary, PairSummary, StudySummary
from analysis.wording import verdict_sentence


def report_json(study: StudySummary) -> str:
    """The whole summary as JSON text."""
    settings = study.records.settings
    document = {
        "study": settings.name,
        "verdict": verdict_sentence(study),
        "significance": settings.significance.model_dump(),
        "feature_cost": settings.feature_cost,
        "replicates": settings.replicates,
        "majority_rate": study.majority_rate,
        "units": study.units,
        "approaches": {approach.name: _approach(approach) for approach in study.approaches},
        "pairs": [_pair(pair) for pair in study.pairs],
        "search": asdict(study.search),
        "data": _data(study),
        "environment": study.records.environment,
    }
    return json.dumps(_finite(document), indent=2, ensure_ascii=False, allow_nan=False)


def _approach(approach: ApproachSummary) -> dict[str, Any]:
    account = asdict(approach.account)
    incumbents = [asdict(incumbent) for incumbent in approach.incumbents]
    return {
        **_test(approach),
        "charged_seconds": account.pop("charged_s"),
        "budget_seconds": account.pop("budget_s"),
        **account,
        "incumbent": max(incumbents, key=lambda i: float(i["valid_accuracy"])) if incumbents else None,
        "incumbents": incumbents,
        "final_runs": [asdict(run) for run in approach.final_runs],
        "valid_accuracy": approach.valid_accuracy,
        "gap": approach.gap,
        "curves": [asdict(curve) for curve in approach.curves],
        "problem": approach.problem,
    }


def _test(approach: ApproachSummary) -> dict[str, Any]:
    test = approach.test
    return {
        "accuracy": asdict(test.accuracy) if test else None,
        "balanced_accuracy": test.balanced_accuracy if test else None,
        "log_loss": test.log_loss if test else None,
        "one_hot_log_loss": test.one_hot_log_loss if test else None,
        "probabilities": test.probabilities if test else None,
        "confusion": test.confusion.tolist() if test else None,
    }


def _pair(pair: PairSummary) -> dict[str, Any]:
    return {
        **asdict(pair.difference),
        "p_holm": pair.p_holm,
        "p_equivalence": pair.p_equivalence,
        "verdict": pair.verdict,
        "detectable": pair.detectable,
        "mcnemar": [{"seed_a": s.seed_a, "seed_b": s.seed_b, **asdict(s.test)} for s in pair.seeds],
    }


def _data(study: StudySummary) -> dict[str, Any] | None:
    data = study.records.data
    if data is None:
        return None
    return {**data.model_dump(mode="json"), "classes": len(data.classes), "class_names": list(data.classes)}


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
