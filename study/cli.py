"""The command line: transfer-study run | resume | status | report | board | plan | data.

Torch, Ray and Matplotlib are imported inside the commands that need them, so that `--help` is instant. What the user
got wrong ends in one line and exit code 2.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from analysis.records import RecordsError
from study.jobs import is_job_server
from trainables.errors import InputError

if TYPE_CHECKING:
    from study.config import StudyConfig
    from study.progress import Progress
    from study.remote import Terminal
    from study.runner import Outcome

app = typer.Typer(
    name="transfer-study",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="Compare image-classification approaches at equal compute, and test whether the difference is real.",
)
data_app = typer.Typer(no_args_is_help=True, help="Describe a data set, or fetch one.")
app.add_typer(data_app, name="data")
console = Console(highlight=False)
errors = Console(stderr=True, highlight=False, soft_wrap=True)

StudyFile = Annotated[str, typer.Argument(metavar="STUDY", help="A preset's name, or the path of a study file (YAML).")]
Directory = Annotated[str, typer.Argument(metavar="DIR", help="The directory of a study.")]
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
Budget = Annotated[float | None, typer.Option(help="Charged seconds for each approach's search.", show_default="file")]
Seeds = Annotated[int | None, typer.Option(help="Final runs of each approach.", show_default="file")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override any key of the file: `--set data.path=photos`."),
]


@app.command()
def run(
    study: StudyFile,
    budget: Budget = None,
    seeds: Seeds = None,
    out: Annotated[
        str | None, typer.Option(help="Directory of the new study. Default: its name, under the file's `storage`.")
    ] = None,
    address: Address = None,
    set_: Set = None,
) -> None:
    """Run a study: search at equal time, final runs, report."""
    config = _config(study, budget, seeds, set_)
    if is_job_server(address):
        from study import remote

        raise typer.Exit(remote.run(config, out, str(address), _terminal()))
    directory = out or _new_directory(config)
    _refuse_unwritable(directory)

    from study import runner

    _finish(lambda progress: runner.run(config, directory, address=address, progress=progress), directory)


@app.command()
def resume(directory: Directory, address: Address = None) -> None:
    """Continue a study that was interrupted; nothing finished runs again. A job that still runs is followed again."""
    if is_job_server(address):
        from study import remote

        raise typer.Exit(remote.resume(directory, str(address), _terminal()))
    from study import runner

    _finish(lambda progress: runner.resume(directory, address=address, progress=progress), directory)


@app.command()
def plan(
    study: StudyFile, budget: Budget = None, seeds: Seeds = None, address: Address = None, set_: Set = None
) -> None:
    """Say what `run` would do, and run nothing."""
    from study import plan as planning
    from study import remote
    from study.cluster import connected, nodes, slot_for, slots_of, this_machine
    from study.runner import open_checked
    from study.screens import show_plan

    config = _config(study, budget, seeds, set_)
    if is_job_server(address):
        raise typer.Exit(remote.plan(config, str(address), _terminal()))
    dataset = open_checked(config)
    if address is None:
        cluster = this_machine()
    else:
        with connected(address):
            cluster = nodes()
    slot = slot_for(config, cluster)
    show_plan(planning.plan(config, dataset, slots=slots_of(cluster, slot), gpus=slot.gpus), console)


@app.command()
def status(directory: Directory, address: JobServerAddress = None) -> None:
    """Say how far a study is: trials, charged seconds and best validation accuracy of each approach."""
    if address is not None:
        from study import remote

        raise typer.Exit(remote.status(directory, address, _terminal()))
    from analysis.ledger import accounts
    from analysis.records import read_study, trial_table
    from study.screens import show_status

    records = read_study(directory)
    show_status(records, accounts(records, trial_table(records.events)), console)


@app.command()
def report(directory: Directory) -> None:
    """Write the report again, from the records of a study."""
    from analysis.report import write_report
    from study.screens import show_report_paths

    show_report_paths(write_report(directory), console)


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
    from analysis.records import read_study

    read_study(directory)  # refuses what is no study
    folder = Path(directory).absolute() / "tensorboard"
    if not folder.is_dir():
        raise RecordsError(f"{folder}: no curves there yet; they appear when the search begins")
    shown = ("incumbent", "final", "search") if trials else ("incumbent", "final")
    spec = ",".join(f"{name}:{folder / name}" for name in shown)
    sys.argv = ["tensorboard", "--logdir_spec", spec, "--port", str(port), "--host", host]
    from tensorboard.main import run_main

    run_main()


@data_app.command()
def describe(
    data: Annotated[str, typer.Argument(metavar="FOLDER|STUDY", help="A folder of images, or a study file or preset.")],
    set_: Set = None,
) -> None:
    """Describe a data set: classes, sizes of the splits and images, duplicates."""
    from study.screens import show_data
    from trainables.data import FolderData, open_dataset
    from trainables.data import describe as described

    config = FolderData(path=data) if Path(data).is_dir() else _config(data, None, None, set_).data
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

    from study.screens import show_fetched
    from trainables.fetch import BOATS_URL, fetch_boats

    with Progress(*Progress.get_default_columns()[:2], DownloadColumn(), TimeRemainingColumn(), console=console) as bar:
        task = bar.add_task("boats", total=None)
        fetched = fetch_boats(
            to, url=source or BOATS_URL, progress=lambda done, total: bar.update(task, completed=done, total=total)
        )
    show_fetched(fetched, console)


def main() -> None:
    """Entry point: what the user got wrong is one line and exit code 2, never a stack trace."""
    try:
        app(prog_name="transfer-study")
    except (InputError, RecordsError) as error:
        errors.print(f"[bold red]error:[/] {_escaped(str(error))}")
        raise SystemExit(2) from None


def _config(study: str, budget: float | None, seeds: int | None, assignments: list[str] | None) -> StudyConfig:
    from study.config import read_config, read_yaml

    overrides: dict[str, Any] = {"budget.search_seconds": budget, "final.seeds": seeds}
    overrides = {key: value for key, value in overrides.items() if value is not None}
    for assignment in assignments or []:
        key, equals, value = assignment.partition("=")
        if not equals:
            raise InputError(f"--set {assignment}: not of the form KEY=VALUE, as in --set final.seeds=3")
        overrides[key] = read_yaml(value, name=f"--set {assignment}")
    return read_config(study, overrides)


def _new_directory(config: StudyConfig) -> str:
    """The first of storage/name, storage/name-2, ... that does not exist yet."""
    first = f"{Path(config.storage).expanduser()}/{config.name}"
    candidates = itertools.chain([first], (f"{first}-{number}" for number in itertools.count(2)))
    return next(path for path in candidates if not Path(path).exists())


def _refuse_unwritable(directory: str) -> None:
    if "://" in directory:
        raise InputError(f"--out {directory}: a URI; give a folder (one that all nodes of a cluster see)")
    folder = Path(directory)
    try:
        known = folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        if not known:
            folder.rmdir()
    except OSError as error:
        raise InputError(f"{directory}: cannot be written ({error.strerror}); choose another with --out") from error


def _finish(start: Callable[[Progress], Outcome], directory: str) -> None:
    from study.progress import Progress

    try:
        with Progress(console) as progress:
            outcome = start(progress)
    except KeyboardInterrupt:
        errors.print(f"interrupted; `transfer-study resume {directory}` goes on where it stopped", soft_wrap=True)
        raise typer.Exit(130) from None
    from study.screens import show_outcome

    show_outcome(outcome.directory, console)


def _terminal() -> Terminal:
    from study.remote import Terminal

    return Terminal(console, errors)


def _escaped(text: str) -> str:
    return text.replace("[", r"\[")
