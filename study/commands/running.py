"""run, resume, extend and plan."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Annotated

import typer

from study.commands.options import (
    Address,
    Budget,
    Directory,
    Replicates,
    Runs,
    Set,
    StudyFile,
    TrustCode,
    config_of,
    console,
    counting,
    errors,
    is_job_server,
    loading,
    seconds_of,
    terminal,
)
from trainables.errors import InputError

if TYPE_CHECKING:
    from study.planning.timing import Timing, Untimed
    from study.runner import Outcome
    from study.show.progress import Progress


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
    with ending_in_a_line(), loading("PyTorch"):
        config = config_of(study, set_, budget=budget, replicates=replicates, runs=runs)
    if is_job_server(address):
        from study.show import remote

        raise typer.Exit(remote.run(config, out, str(address), terminal()))
    with ending_in_a_line(), loading("Ray"):
        from study import runner
    from study.place import new_directory

    directory = out or new_directory(config)
    finish(lambda progress: runner.run(config, directory, address=address, progress=progress), directory)


def resume(directory: Directory, address: Address = None, trust_code: TrustCode = False) -> None:
    """Continue a study that was interrupted; nothing finished runs again. A job that still runs is followed again."""
    if is_job_server(address):
        from study.show import remote

        raise typer.Exit(remote.resume(directory, str(address), terminal(), trust_code=trust_code))
    from analysis.records.reading import existing_study

    existing_study(directory)  # refuses what is no study, before what is slow to import
    with ending_in_a_line(directory), loading("PyTorch and Ray"):
        from study import runner

    finish(
        lambda progress: runner.resume(directory, address=address, progress=progress, trust_code=trust_code), directory
    )


def extend(
    directory: Directory,
    replicates: Annotated[
        int | None, typer.Option(help="Replicates of the search in all, more than there are.", min=1)
    ] = None,
    runs: Annotated[
        int | None, typer.Option(help="Final runs of each approach in all, more than there are.", min=1)
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            metavar="SECONDS",
            help="Charged seconds for one search of each approach in all, more than it had; or a duration: 1h30min.",
        ),
    ] = None,
    address: Address = None,
    trust_code: TrustCode = False,
) -> None:
    """Add replicates, final runs or seconds to a finished study, and look again; the report counts the looks."""
    search_seconds = seconds_of(budget)
    if is_job_server(address):
        from study.show import remote

        given = {"--replicates": replicates, "--runs": runs, "--budget": budget}
        options = [part for name, value in given.items() if value is not None for part in (name, str(value))]
        options += ["--trust-code"] if trust_code else []
        raise typer.Exit(remote.extend(directory, options, str(address), terminal()))
    from analysis.records.parsing import parse_settings
    from analysis.records.reading import existing_study
    from study.extend import More, refuse_no_more

    store, more = existing_study(directory), More(replicates, runs, search_seconds)
    has = parse_settings(store.path("study.yaml"), store.read_whole("study.yaml"))
    refuse_no_more(more, More(has.replicates, None, has.budget.search_seconds))  # before what is slow to import
    with ending_in_a_line(directory), loading("PyTorch and Ray"):
        from study import runner

    finish(
        lambda progress: runner.extend(directory, more, address=address, progress=progress, trust_code=trust_code),
        directory,
    )


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
    with ending_in_a_line():
        with loading("PyTorch"):
            config = config_of(study, set_, budget=budget, replicates=replicates, runs=runs)
        if suggested and (address or not timing):
            raise InputError(
                "--suggest: rests on timing the approaches on this machine; leave out --address, --no-timing"
            )
        if is_job_server(address):
            from study.show import remote

            raise typer.Exit(remote.plan(config, str(address), terminal()))
        with loading("the planning"):
            from study.cluster.nodes import nodes, slot_for, slots_of, this_machine
            from study.planning import plan as planning
            from study.show.plan_screen import show_plan, show_suggestion
            from trainables.data.dataset import open_checked

        with counting():
            dataset = open_checked(config.data, config.replicates, config.image_sizes)
        if address is None:
            cluster = this_machine()
        else:
            from study.cluster.connection import connected

            with connected(address):
                cluster = nodes()
        slot = slot_for(config, cluster)
        timings: tuple[Timing | Untimed, ...] = ()
        if timing and address is None:
            from study.planning.here import time_here
            from trainables.process.memory import keep_freed_memory

            keep_freed_memory()  # as in processes of trials, whose speed is asked for; this one ends with the command
            with console.status("Timing a step and a validation of each approach"):
                timings = time_here(config, dataset, slot)
        with counting():
            made = planning.plan(config, dataset, slots=slots_of(cluster, slot), gpus=slot.gpus, timings=timings)
        show_plan(made, console)
        if address is not None:
            console.print(
                "Not timed: the slots are a cluster's, where `run` times each approach before its search begins"
            )
        if suggested:
            show_suggestion(made, console)


def finish(start: Callable[[Progress], Outcome], directory: str) -> None:
    """Start what is shown while it runs, and print its last screen; an interrupt says how it goes on."""
    with ending_in_a_line(directory):
        from study.show.progress import Progress
        from study.show.screens import show_outcome
        from study.show.terminal import Ends

        ends = Ends(console.file)
        outcome = start(Progress(console))
        with ends.noticed():
            show_outcome(outcome.directory, console)


@contextmanager
def ending_in_a_line(directory: str | None = None) -> Iterator[None]:
    """Whatever asks the process to end, Ctrl-C, SIGTERM or SIGHUP, ends it in a line that says how the study goes on.

    Args:
        directory: of the study, where it is known by then.

    Raises:
        Exit: an interrupt came; with 128 and its number, as a shell has it.
    """
    from study.cluster.signals import Terminated, handler_given_back, terminable

    try:
        with handler_given_back(), terminable():
            yield
    except KeyboardInterrupt as end:
        from study.place import begun

        goes_on = "nothing is on record yet"
        if directory is not None and begun(directory):
            goes_on = f"`transfer-study resume {shlex.quote(directory)}` goes on where it stopped"
        with suppress(OSError):  # the terminal may have gone
            errors.print(f"interrupted; {goes_on}", soft_wrap=True)
        raise typer.Exit(128 + (end.signum if isinstance(end, Terminated) else signal.SIGINT)) from None
