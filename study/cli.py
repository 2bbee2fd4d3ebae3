"""The command line of transfer-study, put together from commands/.

Torch, Ray and Matplotlib are imported inside the commands that need them, so that `--help` is instant. What the user
got wrong ends in one line and exit code 2.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from analysis.entrance import enter
from analysis.records.errors import RecordsError
from study.commands import cache, data, results, running
from study.commands.options import console
from trainables.errors import InputError

app = typer.Typer(
    name="transfer-study",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
app.add_typer(data.app, name="data")
app.add_typer(cache.app, name="cache")


def _show_version(asked: bool) -> None:
    if asked:
        from importlib import metadata

        console.print(f"transfer-study {metadata.version('transfer-study')}")
        raise typer.Exit


@app.callback()
def transfer_study(
    version: Annotated[
        bool, typer.Option("--version", help="Say which version this is.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    """Compare image-classification approaches at equal compute, and test whether the difference is real."""


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


def new_approach(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the approach: small letters, digits and _.")],
    to: Annotated[Path, typer.Option(help="Folder to write into.")] = Path(),
) -> None:
    """Write an approach to begin with: a class that runs, its test, and a study that compares it."""
    from study.new_approach import write_approach
    from study.show.screens import show_new_approach

    show_new_approach(*write_approach(name, to), console)


COMMANDS: tuple[Callable[..., None], ...] = (
    running.run,
    running.resume,
    running.extend,
    running.plan,
    schema,
    results.status,
    results.check,
    results.report,
    results.export,
    results.board,
    results.published,
    new_approach,
)  # as --help lists them
for command in COMMANDS:
    app.command()(command)


def main() -> None:
    """Entry point: what the user got wrong is one line and exit code 2, never a stack trace."""
    enter(app, "transfer-study", InputError, RecordsError)
