"""A command that is told to end before a study has begun: while images are read, and while Ray starts."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

import pytest

from study.cluster.signals import Terminated, handler_given_back, terminable
from study.show.progress import Progress
from study.show.terminal import PlainConsole
from tests.cluster.nodes import marked
from tests.support.commands import Machine, machine
from tests.support.waiting import PATIENCE_S

WAITS = "print('waiting', file=sys.__stderr__, flush=True); sys.stdin.readline()"
READING = f"""
import sys
from study import cli, runner
def reads(config):
    {WAITS}
runner.open_dataset = reads
cli.main()
"""
STARTING = f"""
import sys
from ray._private.node import Node
from study import cli
started = Node.start_ray_processes
def starts(node):
    started(node)
    {WAITS}
Node.start_ray_processes = starts
cli.main()
"""
ASKING = [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)]


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Machine]:
    (tmp_path / "tmp").mkdir()
    with machine(tmp_path) as made:
        yield made


def begun(here: Machine, program: str) -> subprocess.Popen[str]:
    """`transfer-study run`, as this program has it, when it has come to where it waits."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, "run", "digits", "--out", "study"],
        cwd=here.folder,
        env=here._environment() | {"TMPDIR": str(here.folder / "tmp")},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    assert process.stderr.readline() == "waiting\n"
    return process


@pytest.mark.slow
@pytest.mark.parametrize(("asking", "code"), ASKING)
@pytest.mark.parametrize("program", [READING, STARTING], ids=["reading", "starting"])
def test_a_run_that_is_told_to_end_before_it_has_begun_says_so_in_one_line(here, program, asking, code):
    with begun(here, program) as process:
        process.send_signal(asking)
        _, complaints = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, complaints) == (code, "interrupted; nothing is on record yet\n")
    assert marked(f"RAY_TMPDIR={here.ray}") == []
    assert list(here.ray.iterdir()) == [], "Ray's half-started processes wrote into its folder while it was removed"
    assert not (here.folder / "study").exists()
    assert [path.name for path in (here.folder / "tmp").iterdir() if "study" in path.name] == []


def test_ray_sets_the_handler_that_is_kept_from_it():
    """Else SIGTERM would end a process without a word while Ray starts."""
    from ray._private import utils

    assert callable(utils.set_sigterm_handler)


def test_a_terminal_that_has_gone_ends_what_is_drawn_on_it_as_its_signal_does(terminal):
    """Drawing failed with EIO, which ended the study with exit code 2, or went on in another thread."""
    with pytest.raises(Terminated) as end, handler_given_back(), terminable():
        draw_on_it_when_it_has_gone(terminal)
    assert end.value.signum == signal.SIGHUP


def test_under_nohup_nothing_is_drawn_any_more_and_the_study_goes_on(terminal):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        draw_on_it_when_it_has_gone(terminal)
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.fixture
def terminal() -> Iterator[tuple[int, IO[str]]]:
    """The side of whoever looks, to be closed, and that of whoever writes."""
    master, slave = pty.openpty()
    file = os.fdopen(slave, "w")
    yield master, file
    with suppress(OSError):
        file.close()


def draw_on_it_when_it_has_gone(terminal: tuple[int, IO[str]]) -> None:
    master, file = terminal
    with Progress(PlainConsole(file=file)) as shown:
        shown.phase("prepare", 0)
        os.close(master)
        shown.doing("reading images")
        shown.say("a line that nobody reads")
