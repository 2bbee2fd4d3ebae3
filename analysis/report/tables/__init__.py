"""The report's tables: each is defined here once, and page and Markdown write it from that (table.py).

accuracy.py      what each approach reached on the test split
differences.py   the pairs: differences, secondary views, McNemar's test run by run
sources.py       where the uncertainty of each difference comes from
losses.py        losses of probabilities, their differences, hard decisions scored by convention
classes.py       accuracy class by class
study.py         who was charged what, incumbents, hyperparameters, final runs, environment
"""

from __future__ import annotations

from analysis.report.comparison import Comparison
from analysis.report.summary import StudySummary
from analysis.report.table import Table
from analysis.report.tables.accuracy import accuracy
from analysis.report.tables.classes import classes
from analysis.report.tables.differences import differences, mcnemar_runs, secondary_views
from analysis.report.tables.losses import hard_decisions, loss_differences, losses
from analysis.report.tables.sources import sources
from analysis.report.tables.study import accounts, environment, final_runs, incumbents, within_approaches


def comparison_tables(compared: Comparison, study: StudySummary | None) -> dict[str, Table]:
    """By the name that the templates use, every table of the test split for which there are data."""
    found = {"accuracy": accuracy(compared, study), "losses": losses(compared)}
    if compared.pairs:
        found |= {"differences": differences(compared), "secondary_views": secondary_views(compared)}
        found |= {"mcnemar_runs": mcnemar_runs(compared), "sources": sources(compared, study)}
    if any(pair.losses for pair in compared.pairs):
        found["loss_differences"] = loss_differences(compared)
    return found | {"hard_decisions": hard_decisions(compared), "classes": classes(compared)}


def study_tables(study: StudySummary) -> dict[str, Table]:
    """By the name that the templates use, every table of the search."""
    return {
        "accounts": accounts(study),
        "incumbents": incumbents(study),
        "within_approaches": within_approaches(study),
        "final_runs": final_runs(study),
        "environment": environment(study),
    }
