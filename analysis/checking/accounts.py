"""Accounts: what each search was charged, and that features were charged once to each search that uses them."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.checking.findings import Checked, checked
from analysis.checking.reading import Fields, Plain
from analysis.records.trials import uses_features

HAIR = 1e-6
Account = tuple[str, int]


def accounts_are_within_the_budget(study: Plain) -> Checked:
    """Every search was charged its trials, each once, and its features, and no more than the budget in all."""
    accounts = charges(study)
    budget_s = study.budget("search_seconds")
    over = (
        f"records: {approach}, replicate {replicate}, was charged {charged_s:.6g} s of {budget_s:g} s"
        for (approach, replicate), charged_s in accounts.items()
        if not charged_s <= budget_s * (1 + HAIR)
    )
    return checked("no search was charged more than the budget", len(accounts), "search", over)


def features_are_charged(study: Plain) -> Checked:
    """Frozen features are charged once to every search of every approach that uses them."""
    count = sum(len(features["approaches"]) for features in study.records["features"].values())
    return checked("every approach was charged for its features, once", count, "approach", _uncharged(study))


def charges(study: Plain) -> dict[Account, float]:
    """Seconds that each search was charged: its trials and, by the rule `first_use`, its features."""
    accounts = {(name, r): feature_s(study, name, r) for name in study.approaches for r in range(study.replicates)}
    for history in study.trials.values():
        first, last = history[0], history[-1]
        if first["phase"] == "search" and (first["approach"], first["replicate"]) in accounts:
            accounts[first["approach"], first["replicate"]] += last["charged_s"]
    return accounts


def feature_s(study: Plain, approach: str, replicate: int) -> float:
    """What the features of one search cost it; records of version 1 charged the first replicate alone."""
    if study.feature_rule != "first_use":
        return 0.0
    paid = [one for one in study.records["features"].values() if approach in one["approaches"]]
    return sum(float(one["cost_s"]) for one in paid if replicate == 0 or one["schema_version"] > 1)


def _uncharged(study: Plain) -> Iterator[str]:
    for name, features in study.records["features"].items():
        if name != f"features/{features['key']}.json" or features["cost_s"] < 0:
            yield f"{name}: holds the features {features['key']}, at {features['cost_s']:g} s"
        if unknown := [one for one in features["approaches"] if one not in study.approaches]:
            yield f"{name}: for {unknown[0]}, which study.yaml does not have"
    for approach, settings in study.approaches.items():
        files = [name for name, one in study.records["features"].items() if approach in one["approaches"]]
        if len(files) > 1:
            yield f"{files[1]}: charges {approach}, as {files[0]} does"
        if not files and study.trials and uses_features(settings):
            yield f"features: no cost of the frozen features that {approach} uses"
    for history in study.trials.values():
        yield from _precharged(study, history[0])


def _precharged(study: Plain, first: Fields) -> Iterator[str]:
    """A trial starts with the cost of its features where every trial pays for them, and with nothing elsewhere."""
    if first.get("schema_version", 1) == 1:  # programs of then did not say
        return
    costs = [one["cost_s"] for one in study.records["features"].values() if first["approach"] in one["approaches"]]
    due_s = min(sum(costs), first["allowance_s"]) if study.feature_rule == "every_trial" else 0.0
    if abs(first["charged_s"] - due_s) > HAIR * max(1.0, due_s):
        yield f"{first['file']}: starts with {first['charged_s']:g} s, and its features cost it {due_s:g} s"
