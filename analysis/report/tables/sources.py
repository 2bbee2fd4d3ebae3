"""Where the uncertainty of each difference comes from."""

from __future__ import annotations

from functools import partial

from analysis.report.comparison import Comparison, PairSummary
from analysis.report.summary import StudySummary
from analysis.report.table import Column, Table, table
from analysis.report.wording.pairs import held_fixed, pair_name

NOTES = {
    "search and run": (
        "“Search and run”: each search had one final run, so that what another search and another run would change"
        " cannot be told apart."
    ),
    "groups": "“Groups”: of test images, which come in groups.",
}


def sources(compared: Comparison, study: StudySummary | None) -> Table:
    """The shares of the variance of each difference by source, and what was held fixed."""
    kinds = list(dict.fromkeys(source.kind for pair in compared.pairs for source in reversed(pair.sources)))
    columns: list[Column[PairSummary]] = [
        Column("first − second", lambda pair: pair_name(pair.difference), "text"),
        *(Column(kind, partial(_share, kind=kind)) for kind in kinds),
    ]
    return table(
        "Where the uncertainty of each difference comes from",
        columns if kinds else [*columns, Column("source", lambda _: "–", "text")],
        compared.pairs,
        about="Shares of the variance of each difference; below them, those of the first and of the second approach.",
        notes=[
            *(NOTES[kind] for kind in kinds if kind in NOTES),
            f"Held fixed, and so in no share: {held_fixed(study)}.",
        ],
        instead=lambda pair: None if pair.sources else "no variance could be estimated",
    )


def _share(pair: PairSummary, kind: str) -> str:
    """The share of one kind; a dash where one of the kind says nothing of others."""
    own = [source for source in pair.sources if source.kind == kind]
    if all(source.measured == 1 for source in own):
        return "–"
    whole = _percent(sum(source.share for source in own))
    if len(own) < 2:
        return whole
    return f"{whole}\n({' and '.join('–' if one.measured == 1 else _percent(one.share) for one in own)})"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
