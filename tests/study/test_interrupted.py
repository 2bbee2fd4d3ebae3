"""A command that is told to end before a study has begun: while images are read, and while Ray starts."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import pytest

from study.cluster.signals import Terminated, handler_given_back, terminable
from study.show.progress import Progress
from study.show.terminal import Ends, PlainConsole
from tests.cluster.nodes import marked
from tests.support.commands import Machine, machine
from tests.support.synthetic_study import write_finished_study
from tests.support.waiting import PATIENCE_S, until

WAITS = (
    "open('waiting', 'w').close(); sys.stdin.readline()"  # a file: what it prints there, Ray's start keeps to itself
)
READING = f"""
import sys
from study import cli, runner
def reads(*_):
    {WAITS}
assert callable(runner.open_checked)
runner.open_checked = reads
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
PLANNING = f"""
import sys
from study import cli
from trainables.data import dataset
def reads(*_):
    {WAITS}
dataset.open_checked = reads
sys.argv = ["transfer-study", "plan", "digits"]
cli.main()
"""
FINISHED = f"""
import sys
from types import SimpleNamespace
from study import cli, runner
def finishes(config, directory, **_):
    {WAITS}
    return SimpleNamespace(directory=directory)
runner.run = finishes
cli.main()
"""
CONNECTED = """
import os, signal, typer
from study.cluster.connection import connected
from study.commands.running import ending_in_a_line
try:
    with ending_in_a_line(), connected(None, cpus=1):
        print(signal.getsignal(signal.SIGTERM).__module__, flush=True)
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()
except typer.Exit as end:
    raise SystemExit(end.exit_code)
"""
ASKING = [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)]


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Machine]:
    (tmp_path / "tmp").mkdir()
    with machine(tmp_path) as made:
        yield made


@contextmanager
def begun(here: Machine, program: str, stdout: int = subprocess.DEVNULL) -> Iterator[subprocess.Popen[str]]:
    """`transfer-study run`, as this program has it, when it has come to where it waits; it is ended afterwards."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, "run", "digits", "--out", "study"],
        cwd=here.folder,
        env=here._environment() | {"TMPDIR": str(here.folder / "tmp")},
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            until((here.folder / "waiting").exists, process)
            yield process
        finally:
            process.kill()


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


@pytest.mark.slow
def test_a_plan_that_is_told_to_end_says_so_in_one_line(here):
    """Without a word, SIGTERM ended it with 130 where it was connected to a cluster."""
    with begun(here, PLANNING) as process:
        process.send_signal(signal.SIGTERM)
        _, complaints = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, complaints) == (143, "interrupted; nothing is on record yet\n")


@pytest.mark.slow
def test_ctrl_c_pressed_twice_while_ray_starts_still_removes_what_ray_has_left(here):
    with begun(here, STARTING) as process:
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        _, complaints = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, complaints) == (130, "interrupted; nothing is on record yet\n")
    assert list(here.ray.iterdir()) == []


@pytest.mark.slow
def test_what_ray_sets_for_sigterm_as_it_starts_is_not_what_a_study_ends_by(here):
    """Ray's own exits without a word, and that of its C++ libraries aborted the process."""
    told = here.python(CONNECTED)
    assert told.out == "study.cluster.signals\n"
    assert (told.code, told.err) == (143, "interrupted; nothing is on record yet\n")


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


@pytest.mark.slow
@pytest.mark.parametrize(("ignoring", "code"), [((), 129), (("SIGHUP",), 0)], ids=["asked", "under nohup"])
def test_a_study_that_is_finished_when_its_terminal_has_gone_ends_as_any_other_then(here, terminal, ignoring, code):
    """Its last screen could not be written: that was exit code 2."""
    write_finished_study(here.folder / "study")
    master, file = terminal
    ignores = "".join(f"import signal; signal.signal(signal.{name}, signal.SIG_IGN)" for name in ignoring)
    with begun(here, ignores + FINISHED, file.fileno()) as process:
        os.close(master)
        _, complaints = process.communicate("go on\n", timeout=PATIENCE_S)
    assert process.returncode == code
    assert complaints == ("interrupted; `transfer-study resume study` goes on where it stopped\n" if code else "")


@pytest.fixture
def terminal() -> Iterator[tuple[int, IO[str]]]:
    """The side of whoever looks, to be closed, and that of whoever writes."""
    master, slave = pty.openpty()
    file = os.fdopen(slave, "w")
    yield master, file
    with suppress(OSError):
        file.close()


def test_a_terminal_that_has_gone_is_noticed_where_no_line_is_said(terminal):
    """Rich draws nothing on what is no terminal any more, and raises nothing: a study went on for hours."""
    with pytest.raises(Terminated) as end, handler_given_back(), terminable():
        draw_on_it_when_it_has_gone(terminal, say=False)
    assert end.value.signum == signal.SIGHUP


def test_a_file_that_is_no_terminal_from_the_start_has_no_end(tmp_path):
    with open(tmp_path / "out", "w") as file, Ends(file).noticed():
        file.write("a line")
    assert (tmp_path / "out").read_text() == "a line"


def draw_on_it_when_it_has_gone(terminal: tuple[int, IO[str]], *, say: bool = True) -> None:
    master, file = terminal
    with Progress(PlainConsole(file=file)) as shown:
        shown.phase("prepare", 0)
        os.close(master)
        shown.doing("reading images")
        if say:
            shown.say("a line that nobody reads")
