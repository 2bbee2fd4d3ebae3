"""What several commands take: options, a study file with its overrides; and the consoles on which they write."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analysis.records.errors import cut
from study.show.terminal import PlainConsole, Screen, as_is
from trainables.errors import InputError

if TYPE_CHECKING:
    from study.config.models import StudyConfig
    from study.show.remote import Terminal

console = PlainConsole()
errors = PlainConsole(stderr=True, soft_wrap=True)

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
TrustCode = Annotated[
    bool,
    typer.Option(
        "--trust-code", help="Run the code of approaches that came with the study, where they are not installed here."
    ),
]
JobServerAddress = Annotated[
    str | None, typer.Option(help="http:// address of a cluster's job server, for a directory that only it can read.")
]
Budget = Annotated[
    str | None,
    typer.Option(
        metavar="SECONDS",
        help="Charged seconds for one search of each approach; or a duration: 10min, 1h30min.",
        show_default="file",
    ),
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


@contextmanager
def loading(library: str) -> Iterator[None]:
    """Say what takes the first seconds, in which nothing else can be said."""
    if not console.is_terminal:
        console.print(f"Loading {library}")
        yield
        return
    began = time.monotonic()
    with Screen(console, lambda: as_is(f"Loading {library}, {time.monotonic() - began:.0f} s")):
        yield


@contextmanager
def counting() -> Iterator[None]:
    """Show how many images are read or decoded meanwhile, where that is done."""
    from study.show.progress import Progress
    from trainables.data.image_cache import watched

    with Progress(console) as shown, watched(shown.doing):
        yield


def config_of(
    study: str,
    assignments: list[str] | None,
    *,
    budget: str | None = None,
    replicates: int | None = None,
    runs: int | None = None,
) -> StudyConfig:
    """A study from its file or preset, with `--set` and the options that stand for a key of it.

    Raises:
        InputError: an assignment is none, or as `read_config`.
    """
    from study.config.study_file import read_config, read_yaml

    overrides: dict[str, Any] = {"replicates": replicates, "final.runs": runs}
    overrides["budget.search_seconds"] = seconds_of(budget)
    overrides = {key: value for key, value in overrides.items() if value is not None}
    for assignment in assignments or []:
        key, equals, value = assignment.partition("=")
        if not equals:
            told = cut(" ".join(assignment.split()), 60)
            raise InputError(f"--set {told}: not of the form KEY=VALUE, as in --set final.runs=10")
        overrides[key] = read_yaml(value, name=f"--set {cut(assignment, 60)}")
    return read_config(study, overrides)


def seconds_of(budget: str | None) -> float | None:
    """The seconds of `--budget`.

    Raises:
        InputError: it is neither a number of them nor a duration.
    """
    from analysis.records.seconds import read_seconds
    from study.config.study_file import read_yaml

    if budget is None:
        return None
    try:
        written = read_yaml(budget, name="--budget")
        return read_seconds("" if written is None else written)
    except ValueError as error:
        raise InputError(f"--budget: {error}") from None


def is_job_server(address: str | None) -> bool:
    """Whether `--address` names a job server, rather than a cluster to connect to."""
    return address is not None and address.startswith(("http://", "https://"))


def terminal() -> Terminal:
    """Where a command that a job server answers writes."""
    from study.show.remote import Terminal

    return Terminal(console, errors)
