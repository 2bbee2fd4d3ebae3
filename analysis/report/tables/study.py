"""The search and the final runs: who was charged what, what was found, and where."""

from __future__ import annotations

from collections.abc import Mapping

from analysis.numbers import number, seconds
from analysis.report.summary import ApproachSummary, FinalRun, StudySummary
from analysis.report.table import Column, Table, table
from analysis.report.wording.search import exhausted_sentences, search_sentence
from analysis.search.importance import WithinApproach
from analysis.search.incumbents import Incumbent

FEATURE_RULES = {
    "first_use": "Frozen features were extracted once; every search that uses them was charged that cost once.",
    "every_trial": "Every trial that uses frozen features was charged the full cost of extracting them.",
    "free": "The extraction of frozen features was charged to nobody: approaches that use them had a head start.",
}
ACCOUNT_WORDS = (
    "Charged: feature extraction, training, validation. Refunded: reserved by trials that ended early, and spent on"
    " later ones. Overshoot: worked past an allowance and thrown away. Uncharged: building networks, checkpoints,"
    " waiting. Lost: worked, then lost to a crash. Cut: stopped at its allowance, with its best validated state as a"
    " valid result."
)
LEAST_SHARE = 0.005  # of all variance; smaller ones would be shown as 0 %


def accounts(study: StudySummary) -> Table:
    """Seconds and trials of each approach in the search."""
    columns: list[Column[ApproachSummary]] = [
        Column("approach", lambda approach: approach.name, "text"),
        Column("charged", lambda approach: number(approach.spending.charged_s, 1)),
        Column("budget", lambda approach: number(approach.spending.budget_s, 1)),
        Column("of it features", lambda approach: number(approach.spending.feature_s, 1)),
        Column("refunded", lambda approach: number(approach.spending.refunded_s, 1)),
        Column("overshoot", lambda approach: number(approach.spending.overshoot_s, 1)),
        Column("uncharged", lambda approach: number(approach.spending.uncharged_s, 1)),
        Column("lost", lambda approach: number(approach.spending.lost_s, 1)),
        Column("trials", lambda approach: str(approach.spending.trials)),
        Column("finished", lambda approach: str(approach.spending.finished)),
        Column("cut", lambda approach: str(approach.spending.cut)),
        Column("diverged", lambda approach: str(approach.spending.diverged)),
        Column("failed", lambda approach: str(approach.spending.failed)),
    ]
    settings = study.records.settings
    rule, one = settings.feature_cost, seconds(settings.budget.search_seconds)
    searches = f"All {settings.replicates} searches of {one} each together" if settings.replicates > 1 else "The search"
    return table(
        "Seconds and trials of each approach",
        columns,
        study.approaches,
        about=f"{searches}, in slot-seconds. {FEATURE_RULES[rule]} (feature_cost: {rule})",
        notes=[*exhausted_sentences(study), f"{ACCOUNT_WORDS} {search_sentence(study)}"],
    )


def incumbents(study: StudySummary) -> Table:
    """The best validated configuration of each approach and replicate."""
    repeated = study.records.settings.replicates > 1
    replicate: Column[tuple[str, Incumbent]] = Column("replicate", lambda row: str(row[1].replicate))
    columns: list[Column[tuple[str, Incumbent]]] = [
        Column("approach", lambda row: row[0], "text"),
        *([replicate] if repeated else []),
        Column("trial", lambda row: row[1].trial, "unbroken"),
        Column("validation accuracy", lambda row: number(row[1].valid_accuracy)),
        Column("first reached at charged second", lambda row: number(row[1].at_s, 1)),
        Column("configuration", lambda row: _configuration(row[1].params), "text"),
    ]
    return table(
        "Incumbents",
        columns,
        [(approach.name, found) for approach in study.approaches for found in approach.incumbents],
        about=(
            "The incumbents: the best configuration of each approach on the validation split, and when the approach"
            " first reached this accuracy."
        ),
    )


def within_approaches(study: StudySummary) -> Table:
    """What moves the validation accuracy within each approach."""
    columns: list[Column[WithinApproach]] = [
        Column("approach", lambda within: within.approach, "text"),
        Column("trials", lambda within: str(within.trials)),
        Column("mean", lambda within: number(within.mean)),
        Column("standard deviation", lambda within: number(within.sd)),
        Column("share of all variance by hyperparameter", _shares, "text"),
        Column("best accuracy in the low, middle and high third of lr", _thirds, "text"),
    ]
    label = "What moves the validation accuracy within each approach"
    return table(label, columns, study.attribution.approaches)


def final_runs(study: StudySummary) -> Table:
    """Every final run."""
    columns: list[Column[tuple[str, FinalRun]]] = [
        Column("approach", lambda row: row[0], "text"),
        Column("seed", lambda row: str(row[1].seed)),
        Column("validation accuracy", lambda row: number(row[1].valid_accuracy)),
        Column("test accuracy", lambda row: number(row[1].test_accuracy)),
        Column("charged s", lambda row: number(row[1].charged_s, 1)),
        Column("allowance s", lambda row: number(row[1].allowance_s, 1)),
        Column("status", lambda row: ": ".join(filter(None, (row[1].status, row[1].reason))), "text"),
    ]
    return table(
        "Final runs",
        columns,
        [(approach.name, run) for approach in study.approaches for run in approach.final_runs],
        about="Each incumbent trained again with new seeds, on a budget of its own.",
    )


def environment(study: StudySummary) -> Table:
    """What the study ran with."""
    columns: list[Column[tuple[str, object]]] = [
        Column("of the study", lambda row: row[0], "text"),
        Column("recorded", lambda row: _recorded(row[1]), "text"),
    ]
    first = study.records.environment
    rows = sorted(first.items()) or [("–", "not recorded")]
    for count, later in enumerate(study.records.later_environments, 2):
        rows += [
            (f"{name} (environment {count})", value)
            for name, value in sorted(later.items())
            if value != first.get(name)
        ]
    return table("Environment", columns, rows)


def _configuration(params: Mapping[str, object]) -> str:
    """Hyperparameters in one line, rounded for reading."""
    shown = (f"{value:.3g}" if isinstance(value, float) else str(value) for value in params.values())
    return ", ".join(f"{name} {value}" for name, value in zip(params, shown, strict=True))


def _shares(within: WithinApproach) -> str:
    shown = [one for one in within.hyperparameters if one.share >= LEAST_SHARE]
    return ", ".join(f"{one.name} {100 * one.share:.0f} %" for one in shown) or within.note or "none"


def _thirds(within: WithinApproach) -> str:
    return ", ".join(number(third.best) for third in within.thirds) or "–"


def _recorded(value: object) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{key} {item}" for key, item in value.items())
    return str(value)
