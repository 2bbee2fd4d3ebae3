"""report.json: the names that other programs rely on. No NaN: what is unknown is null."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

import numpy as np

from analysis.report.comparison import Comparison, PairSummary, TestScores
from analysis.report.summary import ApproachSummary, StudySummary
from analysis.report.wording import verdict_sentence
from analysis.statistics.paired import Difference, Estimate

SCHEMA_VERSION = 1  # of the names in report.json; raised where a program that reads them would misread the new ones


def report_json(title: str, compared: Comparison | None, study: StudySummary | None) -> str:
    """Everything a report says, as JSON text; `study` is None for a bare table of predictions."""
    tested = {test.name: _test(test, compared.classes) for test in compared.approaches} if compared else {}
    searched = {approach.name: _search(approach) for approach in study.approaches} if study else {}
    names = searched or tested
    document = {
        "schema_version": SCHEMA_VERSION,
        "study": title,
        "verdict": verdict_sentence(compared, study),
        **(_comparison(compared) if compared else {}),
        "approaches": {name: _NO_TEST | tested.get(name, {}) | searched.get(name, {}) for name in names},
        "pairs": [_pair(pair) for pair in compared.pairs] if compared else [],
        **(_study(study) if study else {}),
    }
    return json.dumps(_finite(document), indent=2, ensure_ascii=False, allow_nan=False)


_NO_TEST = {"accuracy": None, "balanced_accuracy": None, "losses": None, "calibration": None}


def _comparison(compared: Comparison) -> dict[str, Any]:
    agreed = compared.agreement
    return {
        "significance": asdict(compared.design),
        "majority_rate": compared.majority_rate,
        "images": compared.images,
        "units": compared.units,
        "omnibus": asdict(compared.omnibus) if compared.omnibus else None,
        "agreement": {
            "approaches": agreed.names,
            "same_answer": agreed.same_answer.tolist(),
            "exactly_one_right": agreed.one_right.tolist(),
        },
        "yardstick": asdict(compared.yardstick),
        "class_differences": [
            {"class": compared.classes[it.label], **_difference(it.difference), "p_fdr": it.p_fdr}
            for it in compared.class_differences
        ],
    }


def _test(test: TestScores, classes: tuple[str, ...]) -> dict[str, Any]:
    return {
        "accuracy": asdict(test.accuracy),
        "balanced_accuracy": asdict(test.balanced_accuracy),
        "classes": {
            classes[c]: asdict(found) if isinstance(found, Estimate) else {"estimate": found}
            for c, found in test.classes.items()
        },
        "losses": asdict(test.losses) if test.losses else None,
        "hard_decisions": {it.convention: asdict(it.loss) for it in test.hard_decisions},
        "calibration": asdict(test.calibration) if test.calibration else None,
        "probabilities": test.probabilities,
        "confusion": test.confusion.tolist(),
    }


def _search(approach: ApproachSummary) -> dict[str, Any]:
    account = asdict(approach.account)
    incumbents = [asdict(incumbent) for incumbent in approach.incumbents]
    return {
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


def _pair(pair: PairSummary) -> dict[str, Any]:
    return {
        **_difference(pair.difference),
        "p_holm": pair.p_holm,
        "p_equivalence": pair.p_equivalence,
        "verdict": pair.verdict,
        "detectable": pair.detectable,
        "needed": [asdict(need) for need in pair.needed],
        "power": [asdict(curve) for curve in pair.power],
        "balanced": _difference(pair.balanced),
        "losses": (
            {"log_loss": _difference(pair.losses.log_loss), "brier": _difference(pair.losses.brier)}
            if pair.losses
            else None
        ),
        "posterior": asdict(pair.posterior) if pair.posterior else None,
        "superiority": asdict(pair.superiority),
        "mcnemar": [
            {"seed_a": s.seed_a, "seed_b": s.seed_b, **asdict(s.test), **asdict(s.interval)} for s in pair.seeds
        ],
    }


def _difference(d: Difference) -> dict[str, Any]:
    shown = asdict(d)
    del shown["seeds"]
    if not d.matched:
        del shown["components"]["matched"]
    return shown


def _study(study: StudySummary) -> dict[str, Any]:
    settings = study.records.settings
    return {
        "feature_cost": settings.feature_cost,
        "replicates": settings.replicates,
        "search": asdict(study.search),
        "overtakings": [asdict(found) for found in study.best_of_budget.overtakings],
        "choices": [asdict(choice) for choice in study.choices],
        "attribution": asdict(study.attribution),
        "data": _data(study),
        "environment": study.records.environment,
    }


def _data(study: StudySummary) -> dict[str, Any] | None:
    data = study.records.data
    if data is None:
        return None
    shown = data.model_dump(mode="json", exclude={"schema_version"})
    return {**shown, "classes": len(data.classes), "class_names": list(data.classes)}


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
