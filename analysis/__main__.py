"""`python -m analysis PREDICTIONS --out DIR`: the significance report of predictions that were made elsewhere."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer

from analysis.entrance import enter, speak_utf8
from analysis.records.errors import RecordsError
from analysis.records.slugs import visible


class Seeds(StrEnum):
    """Whether seed s means the same in every approach."""

    matched = "matched"
    unmatched = "unmatched"


def main(
    predictions: Annotated[
        str,
        typer.Argument(
            metavar="PREDICTIONS",
            help="CSV or Parquet: approach, seed, image, label, prediction; optional group and p_<class>.",
        ),
    ],
    out: Annotated[str, typer.Option(help="Folder for report.html, report.md, report.json and data/.")],
    margin: Annotated[float, typer.Option(help="Accuracies closer than this count as equivalent.")] = 0.01,
    alpha: Annotated[float, typer.Option(help="Level of the tests; intervals have the level 1 - alpha.")] = 0.05,
    seeds: Annotated[
        Seeds,
        typer.Option(help="Matched: seed s shares its split of the training data, say, between approaches."),
    ] = Seeds.unmatched,
) -> None:
    """Test whether accuracy differences are significant, over seeds and images."""
    from analysis.report.design import Design
    from analysis.report.write import write_table_report

    try:
        design = Design(alpha=alpha, margin=margin, matched=seeds is Seeds.matched)
    except RecordsError as error:
        raise RecordsError(f"--{error}") from None
    paths = write_table_report(predictions, out, design)
    headline, *rest = map(visible, (paths.headline, paths.verdict, *paths.notes))
    typer.echo("\n\n".join((typer.style(headline, bold=True), *rest)) + "\n", file=sys.stdout)
    for path in (paths.html, paths.markdown, paths.json):
        typer.echo(visible(path), file=sys.stdout)


def run() -> None:
    """Entry point: what the user got wrong is one line and exit code 2, never a stack trace."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    enter(app, "python -m analysis", RecordsError)


if __name__ == "__main__":
    speak_utf8()
    run()
