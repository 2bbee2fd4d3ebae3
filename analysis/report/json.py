"""report.json: the names that other programs rely on. No NaN: what is unknown is null."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from typing import Any

import numpy as np

from analysis.records.slugs import OBEYED
from analysis.report import views
from analysis.report.comparison import Comparison, PairSummary, TestScores
from analysis.report.reservations import reservations
from analysis.report.summary import ApproachSummary, StudySummary
from analysis.report.views import View
from analysis.report.wording import headline, verdict_sentence
from analysis.report.wording.pairs import held_fixed
from analysis.statistics.calibration import CalibrationError
from analysis.statistics.paired import Difference, Estimate

SCHEMA_VERSION = 2  # of the names in report.json; raised where a program that reads them would misread the new ones


def report_json(title: str, compared: Comparison | None, study: StudySummary | None) -> str:
    """Everything a report says, as JSON text; `study` is None for a bare table of predictions."""
    tested = {test.name: _test(test, compared.classes) for test in compared.approaches} if compared else {}
    searched = {approach.name: _search(approach) for approach in study.approaches} if study else {}
    names = searched or tested
    document = {
        "schema_version": SCHEMA_VERSION,
        "study": title,
        "headline": headline(compared, study),
        "verdict": verdict_sentence(compared, study),
        "reservations": reservations(compared, study),
        "held_fixed": held_fixed(study),
        **(_comparison(compared) if compared else {}),
        "approaches": {name: _NO_TEST | tested.get(name, {}) | searched.get(name, {}) for name in names},
        "pairs": [_pair(pair) for pair in compared.pairs] if compared else [],
        **(_study(study) if study else {}),
    }
    text = json.dumps(_plain(document), indent=2, ensure_ascii=False, allow_nan=False)
    return OBEYED.sub(lambda found: f"\\u{ord(found.group()):04x}", text)  # by a terminal that shows the file


_NO_TEST = {"accuracy": None, "balanced_accuracy": None, "losses": None, "calibration": None}
_NO_INTERVAL = {"low": None, "high": None}  # where no variance could be estimated


def _comparison(compared: Comparison) -> dict[str, Any]:
    agreed = compared.agreement
    return {
        "significance": {**asdict(compared.design), "look_alpha": compared.design.look_alpha},
        "majority_rate": compared.majority_rate,
        "images": compared.images,
        "units": compared.units,
        "effective_groups": compared.effective_groups,
        "omnibus": compared.omnibus,
        "agreement": {
            "approaches": agreed.names,
            "same_answer": agreed.same_answer,
            "exactly_one_right": agreed.one_right,
        },
        "yardstick": compared.yardstick,
        "notes": list(compared.notes),
        "class_differences": [
            {"class": compared.classes[found.label], **_difference(found.difference), "p_fdr": found.p_fdr}
            for found in compared.class_differences
        ],
    }


def _test(test: TestScores, classes: tuple[str, ...]) -> dict[str, Any]:
    return {
        "accuracy": test.accuracy,
        "balanced_accuracy": test.balanced_accuracy,
        "classes": {
            classes[c]: found if isinstance(found, Estimate) else {"estimate": found}
            for c, found in test.classes.items()
        },
        "losses": test.losses,
        "hard_decisions": {scored.convention: scored.loss for scored in test.hard_decisions},
        "calibration": test.calibration,
        "probabilities": test.probabilities,
        "confusion": test.confusion,
    }


def _search(approach: ApproachSummary) -> dict[str, Any]:
    spent = asdict(approach.spending)
    return {
        "charged_seconds": spent.pop("charged_s"),
        "budget_seconds": spent.pop("budget_s"),
        **spent,
        "incumbent": approach.incumbent,
        "incumbents": approach.incumbents,
        "final_runs": approach.final_runs,
        "valid_accuracy": approach.valid_accuracy,
        "gap": approach.gap,
        "gap_interval": approach.gap_test,
        "curves": approach.curves,
        "problem": approach.problem,
    }


def _pair(pair: PairSummary) -> dict[str, Any]:
    return {
        **_difference(pair.difference),
        "p_adjusted": pair.p_adjusted,
        "simultaneous": pair.interval if pair.difference.has_interval else asdict(pair.interval) | _NO_INTERVAL,
        "p_equivalence": pair.p_equivalence,
        "p_equivalence_adjusted": pair.p_equivalence_adjusted,
        "within_margin": pair.within_margin,
        "verdict": pair.verdict,
        "detectable": pair.detectable,
        "needed": pair.needed,
        "needed_for_equivalence": pair.needed_for_equivalence,
        "power": pair.power,
        "sources": pair.sources,
        "losses": pair.losses,
        **{view.key: _view(view, pair) for view in views.VIEWS},
    }


def _view(view: View[Any], pair: PairSummary) -> object:
    found = pair.view(view)
    return None if found is None else view.to_json(found)


def _difference(d: Difference) -> dict[str, Any]:
    shown = asdict(d)
    del shown["seeds"]
    if not d.matched:
        del shown["components"]["matched"]
    return shown if d.has_interval else shown | _NO_INTERVAL


def _study(study: StudySummary) -> dict[str, Any]:
    settings = study.records.settings
    return {
        "feature_cost": settings.feature_cost,
        "replicates": settings.replicates,
        "test_reads": study.test_reads,
        "search": study.search,
        "overtakings": study.best_of_budget.overtakings,
        "choices": study.choices,
        "attribution": study.attribution,
        "data": _data(study),
        "environment": study.records.environment,
        "later_environments": study.records.later_environments,
    }


def _data(study: StudySummary) -> dict[str, Any] | None:
    data = study.records.data
    if data is None:
        return None
    shown = data.model_dump(mode="json", exclude={"schema_version"})
    return {**shown, "classes": len(data.classes), "class_names": list(data.classes)}


def _plain(value: Any) -> Any:
    """Dataclasses as dictionaries, arrays as lists, what is not finite as null."""
    if isinstance(value, Difference):
        return _plain(_difference(value))
    if is_dataclass(value):
        shown = {part.name: _plain(getattr(value, part.name)) for part in fields(value)}
        known = not isinstance(value, Estimate | CalibrationError) or value.has_interval
        return shown if known else shown | _NO_INTERVAL
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
