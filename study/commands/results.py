"""status, check, report, export, board and published."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from analysis.records.errors import RecordsError
from study.commands.options import Directory, JobServerAddress, console, terminal
from trainables.errors import InputError


def status(directory: Directory, address: JobServerAddress = None) -> None:
    """Say how far a study is: trials, charged seconds and best validation accuracy of each approach."""
    if address is not None:
        from study.show import remote

        raise typer.Exit(remote.status(directory, address, terminal()))
    from analysis.records.reading import read_study
    from analysis.records.trials import charged_first, trial_table, without_superseded
    from analysis.search.accounts import spending
    from analysis.search.contention import contended, contention
    from study.show.busy import busy_line
    from study.show.screens import show_status
    from study.show.watch import findings, sentence

    records = read_study(directory)
    trials = without_superseded(trial_table(records.events))
    found = [sentence(finding) for finding in findings(records, trials)]
    show_status(records, trials, spending(records, trials), found, console)
    budget_s = records.settings.replicates * records.settings.budget.search_seconds
    first = charged_first(records.features, records.settings.feature_cost)
    factors = contention(trials, records.features, budget_s=budget_s, charged_first=first)
    if line := busy_line(contended(factors)):
        console.print(line, soft_wrap=True)


def check(directory: Directory) -> None:
    """Verify a study by reading it anew: records, sums, budgets, predictions. Runs and changes nothing.

    Prints a line a rule and what it found. Exit code 0: sound; 1: something was found; 2: not a study.
    """
    from analysis.checking.check import check_study

    verdict = check_study(directory)
    for line in verdict.lines:
        console.print(line, soft_wrap=True)
    raise typer.Exit(0 if verdict.sound else 1)


def report(
    directory: Annotated[
        str, typer.Argument(metavar="DIR|FILE", help="A study's directory or URI, or a file of predictions.")
    ],
    out: Annotated[
        str | None, typer.Option(metavar="DIR", help="Of a file of predictions: where its report goes.")
    ] = None,
    margin: Annotated[
        float | None, typer.Option(help="Of a file: accuracies closer than this count as equivalent (0.01).")
    ] = None,
    alpha: Annotated[float | None, typer.Option(help="Of a file: the level of the tests (0.05).")] = None,
    seeds: Annotated[
        Literal["matched", "unmatched"] | None,
        typer.Option(help="Of a file: whether seed s shares what it decides between approaches (unmatched)."),
    ] = None,
) -> None:
    """Write the report again, from the records of a study, or that of predictions made elsewhere.

    A file, CSV or Parquet, has the columns approach, seed, image, label and prediction, and, where there are any, group
    and p_<class>; `python -m analysis` is the same without a study's packages.
    """
    from analysis.predictions.files import is_predictions_file
    from analysis.report.design import Design
    from analysis.report.write import write_report, write_table_report
    from study.show.screens import show_report

    options = {"out": out, "margin": margin, "alpha": alpha, "seeds": seeds}
    if not is_predictions_file(directory):
        if asked := [name for name, value in options.items() if value is not None]:
            raise InputError(f"--{asked[0]}: of a file of predictions; a study's stands in its study file")
        show_report(write_report(directory), console)
        return
    if out is None:
        raise InputError(f"{directory}: say where its report goes, with --out DIR")
    try:
        design = Design(
            alpha=Design.alpha if alpha is None else alpha,
            margin=Design.margin if margin is None else margin,
            matched=seeds == "matched",
        )
    except RecordsError as error:
        raise InputError(f"--{error}") from None
    show_report(write_table_report(directory, out, design), console)


def export(
    directory: Directory,
    optuna: Annotated[
        str | None,
        typer.Option(metavar="URL", help="An Optuna study for each search: sqlite:///search.db, journal:///search.log"),
    ] = None,
    table: Annotated[
        str | None, typer.Option(metavar="FILE", help="One table of all trials, as .parquet or .csv")
    ] = None,
    mlflow: Annotated[
        str | None, typer.Option(metavar="DIR", help="The runs in MLflow's file format, where MLflow is installed.")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Write anew what is in a target already.")] = False,
) -> None:
    """Write a study, also an unfinished one, for other tools: Optuna's dashboard, MLflow, tables."""
    from study.export.write import export, targets

    for line in export(directory, targets(table=table, mlflow=mlflow, optuna=optuna, replace=replace)):
        console.print(line, soft_wrap=True)


def board(
    directory: Directory,
    trials: Annotated[
        bool, typer.Option("--trials", help="Also every trial of the search, and all of them in the HParams tab.")
    ] = False,
    port: Annotated[int, typer.Option(help="Port to serve on.")] = 6006,
    host: Annotated[str, typer.Option(help="Address to serve on.")] = "127.0.0.1",
) -> None:
    """Show a study's curves in TensorBoard, until Ctrl-C: each approach's incumbent, and the final runs.

    The horizontal axis "Relative" is charged time. TensorBoard draws up to 40 runs at once by itself; with --trials
    there are usually more, so tick the ones to see.
    """
    from analysis.records.reading import read_records
    from analysis.records.storage import Storage
    from analysis.records.store import Store

    curves = Storage(f"{Store(read_records(directory).location).absolute}/tensorboard")
    if not curves.names(""):
        raise RecordsError(f"{curves.location}: no curves there yet; they appear when the search begins")
    from study.show.board import serve

    raise typer.Exit(serve(curves, trials=trials, host=host, port=port))


def published(
    accuracy: Annotated[
        list[str] | None,
        typer.Option(metavar="A", help="As printed, all digits: `0.860` or `86.0%`. Once for each approach."),
    ] = None,
    images: Annotated[
        int | None, typer.Option(metavar="N", help="Images that the accuracies were measured on.", min=1)
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="CSV or YAML with `name`, `accuracy` and, if need be, `images`, `split`, `one_hot_loss` and `classes` "
            "of each row.",
        ),
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Split they were all measured on: train, valid or test. Default: not known.")
    ] = None,
    alpha: Annotated[float, typer.Option(help="Level of the tests, over all pairs together.")] = 0.05,
) -> None:
    """Say what published accuracies alone can tell: is the difference significant?

    Which images each approach got right is not known, so every answer holds for all the ways they may overlap.
    """
    from analysis.published.table import analyse, read_rows, rows_of_options
    from study.show.screens import show_published

    if (table is None) == (not accuracy):
        raise InputError("give either --accuracy, once for each approach, or --table FILE")
    rows = read_rows(table, images, split) if table else rows_of_options(accuracy or [], images, split)
    show_published(analyse(rows, alpha=alpha), console)
