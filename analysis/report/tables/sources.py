"""Where the uncertainty of each difference comes from."""

from __future__ import annotations

from analysis.numbers import number
from analysis.report.comparison import Comparison, PairSummary
from analysis.report.summary import StudySummary
from analysis.report.table import Column, Table, table
from analysis.report.wording.pairs import pair_name


def sources(compared: Comparison, study: StudySummary | None) -> Table:
    """The shares of Var(D) by source, and what was held fixed."""
    units = "groups" if compared.grouped else "images"
    repeated = compared.design.unit == "replicate"
    return table("x", [Column("first − second", lambda pair: pair_name(pair.difference), "text")], compared.pairs)
