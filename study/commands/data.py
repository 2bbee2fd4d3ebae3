"""data describe and data fetch."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from study.commands.options import Set, config_of, console
from trainables.errors import InputError

app = typer.Typer(no_args_is_help=True, help="Describe a data set, or fetch one.")


@app.command()
def describe(
    data: Annotated[str, typer.Argument(metavar="FOLDER|STUDY", help="A folder of images, or a study file or preset.")],
    set_: Set = None,
) -> None:
    """Describe a data set: classes, sizes of the splits and images, duplicates."""
    from study.show.screens import show_data
    from trainables.data.dataset import open_dataset
    from trainables.data.description import describe as described
    from trainables.data.folders import FolderData
    from trainables.data.tree import named_in_utf8

    is_folder = os.path.isdir(data)  # unlike Path.is_dir, also where the name is too long for one
    config = FolderData(path=str(named_in_utf8(Path(data)))) if is_folder else config_of(data, set_).data
    show_data(described(open_dataset(config)), console)


@app.command()
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
