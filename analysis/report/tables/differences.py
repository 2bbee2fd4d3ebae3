"""The pairs of approaches: their differences, the secondary views, and McNemar's test run by run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from analysis.numbers import in_points, level, number, p_value, signed, signed_interval
from analysis.report import views
from analysis.report.comparison import Comparison, PairSummary
from analysis.report.design import Design
from analysis.report.table import Column, Table, table
from analysis.report.views import MCNEMAR, View
from analysis.report.wording.pairs import interval_name, interval_words, pair_name, pair_verdict
from analysis.statistics.secondary.mcnemar import RunPair

T = TypeVar("T")
NAME: Column[PairSummary] = Column("first − second", lambda pair: pair_name(pair.difference), "text")


def differences(compared: Comparison) -> Table:
    """Differences of the accuracies with tests, equivalence, verdict and what could have been detected."""
    design, pairs = compared.design, compared.pairs
    matched = f", {design.unit}s matched" if design.matched else ""
    corrected = "p (adjusted), the interval beside it and equivalence are corrected over all pairs, the first p is not"
    columns: list[Column[PairSummary]] = [
        NAME,
        Column("difference", lambda pair: signed(pair.difference.difference)),
        Column(
            interval_name(compared),
            lambda pair: interval_words(pair, signed),
            "interval",
        ),
        Column("p", lambda pair: p_value(pair.difference.p), "unbroken"),
        Column("p (adjusted)", lambda pair: p_value(pair.p_adjusted), "unbroken"),
        Column("df", lambda pair: number(pair.difference.df, 1)),
        Column("p (equivalence)", lambda pair: p_value(pair.p_equivalence_adjusted), "unbroken"),
        Column("verdict", lambda pair: pair_verdict(pair, design), "text"),
        Column("detectable", lambda pair: number(pair.detectable)),
    ]
    return table(
        "Paired differences",
        columns,
        pairs,
        about=(
            f"Test split, {design.unit}s and images both random{matched}; {corrected}."
            f" Margin of equivalence {in_points(design.margin)}. The more accurate one stands first."
        ),
    )


def secondary_views(compared: Comparison) -> Table:
    """What the views say of each pair; their columns come from their entries in VIEWS."""
    columns = [column for view in views.VIEWS for column in _columns(view, compared.design)]
    return table(
        "Secondary views of each pair",
        [NAME, *columns],
        compared.pairs,
        about=(
            "Other readings of the same predictions, given because the field uses them. They are no basis for a"
            " verdict."
        ),
        notes=[" ".join(view.footnote for view in views.VIEWS)],
    )


def mcnemar_runs(compared: Comparison) -> Table:
    """McNemar's test and Newcombe's interval of every pair of single runs."""
    columns: list[Column[tuple[PairSummary, RunPair]]] = [
        Column("first − second", lambda row: pair_name(row[0].difference), "text"),
        Column("runs", lambda row: f"{row[1].seed_a}, {row[1].seed_b}", "unbroken"),
        Column("only first right", lambda row: str(row[1].test.only_a)),
        Column("only second right", lambda row: str(row[1].test.only_b)),
        Column("exact p", lambda row: p_value(row[1].test.p_exact), "unbroken"),
        Column("mid-p", lambda row: p_value(row[1].test.p_mid), "unbroken"),
        Column("difference", lambda row: signed(row[1].interval.difference)),
        Column(
            f"{level(compared.design.look_alpha)} interval",
            lambda row: signed_interval(row[1].interval.low, row[1].interval.high),
            "interval",
        ),
    ]
    rows = [(pair, runs) for pair in compared.pairs for runs in pair.view(MCNEMAR) or ()]
    return table("McNemar's test of single runs", columns, rows)


def _columns(view: View[T], design: Design) -> Iterable[Column[PairSummary]]:
    for column in view.columns(design):
        yield Column(column.heading, _cell(view, column), column.form)


def _cell(view: View[T], column: Column[T]) -> Callable[[PairSummary], str]:
    """The cell of a pair, from the view's result of it; a dash where the view has nothing to say."""

    def cell(pair: PairSummary) -> str:
        found = pair.view(view)
        return "–" if found is None else column.cell(found)

    return cell
