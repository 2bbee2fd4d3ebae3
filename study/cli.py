"""The command line of transfer-study: a function for each command.

Torch, Ray and Matplotlib are imported inside the commands that need them, so that `--help` is instant. What the user
got wrong ends in one line and exit code 2.
"""

from __future__ import annotations

import shlex
import signal
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console

from analysis.records.errors import RecordsError
from analysis.records.storage import Storage
from study.cluster.jobs import is_job_server
from study.place import begun, new_directory
from trainables.errors import InputError

if TYPE_CHECKING:
    from study.config.models import StudyConfig
    from study.planning.timing import Timing, Untimed
    from study.runner import Outcome
    from study.show.progress import Progress
    from study.show.remote import Terminal

app = typer.Typer(
    name="transfer-study",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
data_app = typer.Typer(no_args_is_help=True, help="Describe a data set, or fetch one.")
app.add_typer(data_app, name="data")
cache_app = typer.Typer(invoke_without_command=True)
app.add_typer(cache_app, name="cache")
console = Console(highlight=False, emoji=False)
errors = Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)

StudyFile = Annotated[str, typer.Argument(metavar="STUDY", help="A preset's name, or the path of a study file (YAML).")]
Directory = Annotated[
    str, typer.Argument(metavar="DIR", help="The directory of a study, or its URI, such as s3://bucket/prefix/name.")
]
Address = Annotated[
    str | None,
    typer.Option(
        help="Ray cluster to run on: `auto` for the one this machine belongs to, or the http:// address of a cluster's "
        "job server. Default: this machine."
    ),
]
JobServerAddress = Annotated[
    str | None, typer.Option(help="http:// address of a cluster's job server, for a directory that only it can read.")
]
Budget = Annotated[
    float | None, typer.Option(help="Charged seconds for one search of each approach.", show_default="file")
]
Replicates = Annotated[
    int | None, typer.Option(help="How often the whole search is repeated with new seeds.", show_default="file")
]
Runs = Annotated[
    int | None, typer.Option(help="Final runs of each approach, spread over the replicates.", show_default="file")
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override any key of the file: `--set data.path=photos`."),
]


def _show_version(asked: bool) -> None:
    if asked:
        console.print(f"transfer-study {metadata.version('transfer-study')}")
        raise typer.Exit


@app.callback()
def transfer_study(
    version: Annotated[
        bool, typer.Option("--version", help="Say which version this is.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    """Compare image-classification approaches at equal compute, and test whether the difference is real."""


@app.command()
def run(
    study: StudyFile,
    budget: Budget = None,
    replicates: Replicates = None,
    runs: Runs = None,
    out: Annotated[
        str | None,
        typer.Option(help="Directory or URI of the new study. Default: its name, under the file's `storage`."),
    ] = None,
    address: Address = None,
    set_: Set = None,
) -> None:
    """Run a study: search at equal time, final runs, report."""
    config = _config(study, set_, budget=budget, replicates=replicates, runs=runs)
    if is_job_server(address):
        from study.show import remote

        raise typer.Exit(remote.run(config, out, str(address), _terminal()))
    from study import runner

    directory = out or new_directory(config)
    _finish(lambda progress: runner.run(config, directory, address=address, progress=progress), directory)


@app.command()
def resume(directory: Directory, address: Address = None) -> None:
    """Continue a study that was interrupted; nothing finished runs again. A job that still runs is followed again."""
    if is_job_server(address):
        from study.show import remote

        raise typer.Exit(remote.resume(directory, str(address), _terminal()))
    from analysis.records.store import existing_study

    existing_study(directory)  # refuses what is no study, before what is slow to import
    from study import runner

    _finish(lambda progress: runner.resume(directory, address=address, progress=progress), directory)


@app.command()
def extend(
    directory: Directory,
    replicates: Annotated[
        int | None, typer.Option(help="Replicates of the search in all, more than there are.", min=1)
    ] = None,
    runs: Annotated[
        int | None, typer.Option(help="Final runs of each approach in all, more than there are.", min=1)
    ] = None,
    budget: Annotated[
        float | None, typer.Option(help="Charged seconds for one search of each approach in all, more than it had.")
    ] = None,
    address: Address = None,
) -> None:
    """Add replicates, final runs or seconds to a finished study, and look again; the report counts the looks."""
    if is_job_server(address):
        from study.show import remote

        given = {"--replicates": replicates, "--runs": runs, "--budget": budget}
        options = [part for name, value in given.items() if value is not None for part in (name, f"{value:g}")]
        raise typer.Exit(remote.extend(directory, options, str(address), _terminal()))
    from analysis.records.store import existing_study

    existing_study(directory)  # refuses what is no study, before what is slow to import
    from study import runner
    from study.extend import More

    more = More(replicates, runs, budget)
    _finish(lambda progress: runner.extend(directory, more, address=address, progress=progress), directory)


@app.command()
def plan(
    study: StudyFile,
    budget: Budget = None,
    replicates: Replicates = None,
    runs: Runs = None,
    address: Address = None,
    set_: Set = None,
    timing: Annotated[
        bool, typer.Option(help="Time a step and a validation of each approach on this machine: a quarter of a minute.")
    ] = True,
    suggested: Annotated[
        bool,
        typer.Option("--suggest", help="Print budgets with which each approach can train, and 20 trials are tried."),
    ] = False,
) -> None:
    """Say what `run` would do, and run nothing but a few steps to time them."""
    from study.cluster.nodes import connected, nodes, slot_for, slots_of, this_machine
    from study.planning import plan as planning
    from study.planning.here import time_here
    from study.runner import open_checked
    from study.show import remote
    from study.show.screens import show_plan, show_suggestion

    config = _config(study, set_, budget=budget, replicates=replicates, runs=runs)
    if suggested and (address or not timing):
        raise InputError("--suggest: rests on timing the approaches on this machine; leave out --address, --no-timing")
    if is_job_server(address):
        raise typer.Exit(remote.plan(config, str(address), _terminal()))
    dataset = open_checked(config)
    if address is None:
        cluster = this_machine()
    else:
        with connected(address):
            cluster = nodes()
    slot = slot_for(config, cluster)
    timings: tuple[Timing | Untimed, ...] = ()
    if timing and address is None:
        with console.status("Timing a step and a validation of each approach"):
            timings = time_here(config, dataset, slot)
    made = planning.plan(config, dataset, slots=slots_of(cluster, slot), gpus=slot.gpus, timings=timings)
    show_plan(made, console)
    if address is not None:
        console.print("Not timed: the slots are a cluster's, where `run` times each approach before its search begins")
    if suggested:
        show_suggestion(made, console)


@app.command()
def schema(
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write it to a file instead.", dir_okay=False)
    ] = None,
) -> None:
    """Print the JSON Schema of the study file, with which editors complete and check one."""
    from study.config.json_schema import schema_text

    if out is None:
        typer.echo(schema_text(), nl=False)
        return
    try:
        out.write_text(schema_text())
    except OSError as error:
        raise InputError(f"{out}: cannot be written ({error.strerror}); choose another with --out") from error


@app.command()
def status(directory: Directory, address: JobServerAddress = None) -> None:
    """Say how far a study is: trials, charged seconds and best validation accuracy of each approach."""
    if address is not None:
        from study.show import remote

        raise typer.Exit(remote.status(directory, address, _terminal()))
    from analysis.records.store import read_study
    from analysis.records.trials import trial_table, without_superseded
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
    if line := busy_line(contended(contention(trials, records.features, budget_s=budget_s))):
        console.print(line, markup=False, soft_wrap=True)


@app.command()
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


@app.command()
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
        console.print(line, soft_wrap=True, markup=False)


@app.command()
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
    from analysis.records.store import existing_study

    curves = Storage(f"{existing_study(directory).absolute}/tensorboard")
    if not curves.names(""):
        raise RecordsError(f"{curves.location}: no curves there yet; they appear when the search begins")
    from study.show.board import serve

    raise typer.Exit(serve(curves, trials=trials, host=host, port=port))


@app.command()
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


@app.command()
def new_approach(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the approach: small letters, digits and _.")],
    to: Annotated[Path, typer.Option(help="Folder to write into.")] = Path(),
) -> None:
    """Write an approach to begin with: a class that runs, its test, and a study that compares it."""
    from study.new_approach import write_approach
    from study.show.screens import show_new_approach

    show_new_approach(*write_approach(name, to), console)


@data_app.command()
def describe(
    data: Annotated[str, typer.Argument(metavar="FOLDER|STUDY", help="A folder of images, or a study file or preset.")],
    set_: Set = None,
) -> None:
    """Describe a data set: classes, sizes of the splits and images, duplicates."""
    from study.show.screens import show_data
    from trainables.data.dataset import describe as described
    from trainables.data.dataset import open_dataset
    from trainables.data.folders import FolderData

    config = FolderData(path=data) if Path(data).is_dir() else _config(data, set_).data
    show_data(described(open_dataset(config)), console)


@data_app.command()
def fetch(
    name: Annotated[str, typer.Argument(metavar="NAME", help="`boats`: the photographs of the seed study.")],
    to: Annotated[Path, typer.Option(help="Folder to unpack into.")] = Path("data/boats"),
    source: Annotated[
        str | None, typer.Option("--from", metavar="URL", help="Another URL, or the path of a zip file.")
    ] = None,
) -> None:
    """Download and unpack a data set."""
    if name != "boats":
        raise InputError(f"{name}: no such data set to fetch; there is boats")
    from rich.progress import DownloadColumn, Progress, TimeRemainingColumn

    from study.show.screens import show_fetched
    from trainables.data.boats import BOATS_URL, fetch_boats

    with Progress(*Progress.get_default_columns()[:2], DownloadColumn(), TimeRemainingColumn(), console=console) as bar:
        task = bar.add_task("boats", total=None)
        fetched = fetch_boats(
            to, url=source or BOATS_URL, progress=lambda done, total: bar.update(task, completed=done, total=total)
        )
    show_fetched(fetched, console)


@cache_app.callback()
def cache(context: typer.Context) -> None:
    """List the images and features kept between studies, with what they cost."""
    if context.invoked_subcommand is None:
        from study.show.cache import show_cache
        from trainables.cache import cache_dir, entries

        show_cache(entries(cache_dir()), cache_dir(), console)


@cache_app.command("drop")
def drop_cached(
    key: Annotated[str, typer.Argument(metavar="KEY|all", help="A key that the list shows, or the beginning of one.")],
) -> None:
    """Remove images or features from the cache; they are made anew when a study wants them."""
    from study.show.cache import show_dropped
    from trainables.cache import cache_dir, drop

    show_dropped(drop(key, cache_dir()), cache_dir(), console)


def main() -> None:
    """Entry point: what the user got wrong is one line and exit code 2, never a stack trace."""
    try:
        app(prog_name="transfer-study")
    except (InputError, RecordsError) as error:
        errors.print(f"[bold red]error:[/] {_escaped(str(error))}")
        raise SystemExit(2) from None


def _config(
    study: str,
    assignments: list[str] | None,
    *,
    budget: float | None = None,
    replicates: int | None = None,
    runs: int | None = None,
) -> StudyConfig:
    from study.config.study_file import read_config, read_yaml

    overrides: dict[str, Any] = {"budget.search_seconds": budget, "replicates": replicates, "final.runs": runs}
    overrides = {key: value for key, value in overrides.items() if value is not None}
    for assignment in assignments or []:
        key, equals, value = assignment.partition("=")
        if not equals:
            raise InputError(f"--set {assignment}: not of the form KEY=VALUE, as in --set final.runs=10")
        overrides[key] = read_yaml(value, name=f"--set {assignment}")
    return read_config(study, overrides)


def _finish(start: Callable[[Progress], Outcome], directory: str) -> None:
    from study.cluster.nodes import Terminated
    from study.show.progress import Progress

    try:
        outcome = start(Progress(console))
    except KeyboardInterrupt as end:
        goes_on = f"`transfer-study resume {shlex.quote(directory)}` goes on where it stopped"
        errors.print(
            f"interrupted; {goes_on if begun(directory) else 'nothing is on record yet'}", markup=False, soft_wrap=True
        )
        raise typer.Exit(128 + (signal.SIGTERM if isinstance(end, Terminated) else signal.SIGINT)) from None
    from study.show.screens import show_outcome

    show_outcome(outcome.directory, console)


def _terminal() -> Terminal:
    from study.show.remote import Terminal

    return Terminal(console, errors)


def _escaped(text: str) -> str:
    return text.replace("[", r"\[")
