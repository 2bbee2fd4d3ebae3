"""run, resume, extend, plan and status on a cluster's job server: the dialogue with the user while a job does the work.

The job is the same command with `--address auto`, so the cluster's head does everything, also reading the study's
directory; the process here can be interrupted, and comes back with `resume`.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import typer
from rich.console import Console

from analysis.records.errors import line
from study.cluster.code import code_of
from study.cluster.jobs import STUDY_FILE, ConnectionLost, JobServer
from study.config.models import StudyConfig
from trainables.errors import InputError

ON_THE_CLUSTER = ("--address", "auto")
INTERRUPTED = 130


@dataclass(frozen=True)
class Terminal:
    """Where the lines of a job go: what it says, and what is wrong."""

    out: Console
    err: Console

    def say(self, line: str) -> None:
        self.out.print(line, markup=False, soft_wrap=True)

    def complain(self, line: str) -> None:
        self.err.print(line, markup=False, soft_wrap=True)

    def pass_on(self, line: str) -> None:
        """A line of a job, which mixes both."""
        (self.complain if line.startswith("error: ") else self.say)(line)


def run(config: StudyConfig, out: str | None, address: str, terminal: Terminal) -> int:
    """Run a study as a job; the exit code is that of the study.

    Raises:
        InputError: the directory means nothing on the cluster, or the job server cannot be used.
    """
    directory = _shared(out or f"{config.storage}/{config.name}")
    server = JobServer(address)
    command = ("run", STUDY_FILE, "--out", directory, *ON_THE_CLUSTER)
    job = server.submit(command, study=config.to_yaml(), code=code_of(config.classes), directory=directory)
    return _follow_study(server, job, directory, terminal)


def resume(directory: str, address: str, terminal: Terminal, *, trust_code: bool = False) -> int:
    """Follow the job that runs a study, or continue the study in a new one.

    Raises:
        InputError: as for `run`.
    """
    directory = _shared(directory)
    server = JobServer(address)
    job = server.running(directory)
    if job is None:
        trusting = ("--trust-code",) if trust_code else ()
        job = server.submit(("resume", directory, *trusting, *ON_THE_CLUSTER), directory=directory)
    else:
        terminal.say(f"{directory} is running; from its first line:")
    return _follow_study(server, job, directory, terminal)


def extend(directory: str, options: Sequence[str], address: str, terminal: Terminal) -> int:
    """Extend a study in a job; `options` say by what.

    Raises:
        InputError: as for `run`.
    """
    directory = _shared(directory)
    server = JobServer(address)
    job = server.submit(("extend", directory, *options, *ON_THE_CLUSTER), directory=directory)
    return _follow_study(server, job, directory, terminal)


def plan(config: StudyConfig, address: str, terminal: Terminal) -> int:
    """Say what `run` would do there."""
    server = JobServer(address)
    command = ("plan", STUDY_FILE, *ON_THE_CLUSTER)
    job = server.submit(command, study=config.to_yaml(), code=code_of(config.classes))
    return _follow_briefly(server, job, terminal)


def status(directory: str, address: str, terminal: Terminal) -> int:
    """Say how far a study is, and which job runs it."""
    directory = _shared(directory)
    server = JobServer(address)
    running = server.running(directory)
    terminal.say(f"job {running} runs it" if running else "no job of this cluster runs it at this moment")
    return _follow_briefly(server, server.submit(("status", directory)), terminal)


def _shared(directory: str) -> str:
    if not directory.startswith("/") and "://" not in directory:
        raise InputError(
            f"{directory}: a relative path, which means nothing to a job; give a folder or URI that all nodes of the "
            "cluster see, such as --out s3://bucket/digits"
        )
    return directory.rstrip("/")


def _follow_study(server: JobServer, job: str, directory: str, terminal: Terminal) -> int:
    terminal.say(f"job {job} on {server.address}")
    again = f"`transfer-study resume {shlex.quote(directory)} --address {server.address}`"
    try:
        return _follow(server, job, terminal, stopped=f"job {job} was stopped; {again} goes on where it stopped")
    except KeyboardInterrupt:
        if _wants_it_stopped():
            server.stop(job)
            terminal.complain(f"stopped; {again} goes on where it stopped")
        else:
            terminal.complain(
                f"job {job} goes on; {again} follows it again, `ray job stop {job} --address {server.address}` ends it"
            )
        return INTERRUPTED
    except ConnectionLost:
        terminal.complain(f"error: {server.address} no longer answers; if the cluster lives, the job goes on: {again}")
        return 1


def _follow_briefly(server: JobServer, job: str, terminal: Terminal) -> int:
    try:
        return _follow(server, job, terminal, stopped=f"job {job} was stopped")
    except KeyboardInterrupt:
        server.stop(job)
        return INTERRUPTED
    except ConnectionLost:
        terminal.complain(f"error: {server.address} no longer answers")
        return 1


def _follow(server: JobServer, job: str, terminal: Terminal, *, stopped: str) -> int:
    refused: list[str] = []
    ending = server.follow(job, _noting_refusals(terminal.pass_on, refused))
    if ending.stopped:
        terminal.complain(stopped)
    elif ending.exit_code and not refused:  # a command that refuses says why itself
        terminal.complain(f"error: {line(f'job {job} failed with exit code {ending.exit_code}: {ending.reason}')}")
    return ending.exit_code


def _noting_refusals(show: Callable[[str], None], refused: list[str]) -> Callable[[str], None]:
    def note(line: str) -> None:
        if line.startswith("error: "):
            refused.append(line)
        show(line)

    return note


def _wants_it_stopped() -> bool:
    """Ask, where somebody can answer. Ctrl-C once more leaves the job running."""
    if not sys.stdin.isatty():
        return False
    try:
        return typer.confirm("\nStop the job? It goes on otherwise", err=True)
    except typer.Abort:
        return False
