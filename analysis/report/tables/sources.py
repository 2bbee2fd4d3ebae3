"""Where the uncertainty of each difference comes from."""

from __future__ import annotations

from analysis.report.comparison import Comparison, PairSummary
from analysis.report.summary import StudySummary
from analysis.report.table import Column, Table, table
from analysis.report.wording.pairs import pair_name


def sources(compared: Comparison, study: StudySummary | None) -> Table:
    """The shares of Var(D) by source, and what was held fixed."""
    repeated = compared.design.unit == "replicate"
    columns: list[Column[PairSummary]] = [
        Column("first − second", lambda pair: pair_name(pair.difference), "text"),
        Column("searches and their runs" if repeated else "runs", lambda pair: _share(pair, _units(pair))),
        Column("groups" if compared.grouped else "images", lambda pair: _share(pair, pair.difference.components.image)),
    ]
    return table(
        "Where the uncertainty of each difference comes from",
        columns,
        compared.pairs,
        about="Shares of the variance Var(D) of each difference.",
        notes=[_held_fixed(study, repeated=repeated)],
        instead=lambda pair: None if pair.difference.se else "no variance could be estimated",
    )


def _units(pair: PairSummary) -> float:
    c = pair.difference.components
    return c.seed_a + c.seed_b + c.matched


def _share(pair: PairSummary, part: float) -> str:
    return f"{100 * max(0.0, part) / pair.difference.se**2:.0f} %"


def _held_fixed(study: StudySummary | None, *, repeated: bool) -> str:
    if study is None:
        return "Held fixed, so not in these shares: whatever all runs have in common, as the data they were trained on."
    search = [] if repeated else ["the search (there was one)"]
    return f"Held fixed, so not in these shares: {', '.join([*search, 'the data split', 'the machine'])}."
