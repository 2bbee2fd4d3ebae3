"""Being asked to end, and an end to waiting for a library."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading

import pytest

from study.cluster.signals import at_most, handler_given_back, terminable


def test_what_hangs_is_ended_even_where_it_catches_every_exception_and_tries_again():
    def hang() -> None:
        while True:
            with contextlib.suppress(Exception):
                threading.Event().wait()

    with pytest.raises(TimeoutError, match=r"not ready after 0\.05 s"), at_most(0.05):
        hang()


def test_what_is_done_in_time_is_left_alone_and_so_is_the_alarm_of_others():
    before = signal.getsignal(signal.SIGALRM)
    with at_most(3600):
        pass
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) is before


def test_ctrl_c_is_still_ctrl_c():
    with pytest.raises(KeyboardInterrupt), at_most(3600):
        signal.raise_signal(signal.SIGINT)


def test_in_another_thread_nothing_is_set():
    done = []

    def work() -> None:
        with at_most(0.001):
            done.append(signal.getitimer(signal.ITIMER_REAL))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [(0.0, 0.0)]


WAITING = """
import sys, typer
from study.cluster.signals import handler_given_back, terminable
from study.commands.running import finish
def start(progress):
    with handler_given_back(), terminable():
        print("waiting", flush=True)
        while sys.stdin.readline():  # a line is how the test goes on
            print("still here", flush=True)
    raise SystemExit(7)
try:
    finish(start, "no-study")
except typer.Exit as end:
    sys.exit(end.exit_code)
"""


CLEANING = """
import sys, typer
from study.cluster import signals
from study.commands.running import finish
def start(progress):
    try:
        with signals.handler_given_back(), signals.terminable():
            print("waiting", flush=True)
            sys.stdin.readline()
    finally:
        print("cleaning", flush=True)
        sys.stdin.readline()
        print("cleaned", flush=True)
try:
    finish(start, "no-study")
except typer.Exit as end:
    sys.exit(end.exit_code)
"""
AT_ONCE = "from study.cluster import signals; signals.CLEANING_S = -1.0"


def waiting(*wrapped: str, program: str = WAITING) -> subprocess.Popen[str]:
    command = [*wrapped, sys.executable, "-c", program]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "waiting\n"
    return process


@pytest.mark.parametrize(("asking", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_process_that_is_asked_to_end_says_so_in_one_line(asking, code):
    with waiting() as process:
        process.send_signal(asking)
        _, complaints = process.communicate()
    assert process.returncode == code
    assert complaints == "interrupted; nothing is on record yet\n"


def test_under_nohup_a_study_outlives_its_terminal():
    with waiting("nohup") as process:
        process.send_signal(signal.SIGHUP)
        out, _ = process.communicate("line\n")
    assert process.returncode == 7
    assert out == "still here\n"


@pytest.mark.parametrize("asking", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_what_is_pressed_twice_ends_a_process_once_and_lets_it_clean_up(asking):
    """The second one was raised inside whatever the first one had begun to clean up."""
    with waiting(program=CLEANING) as process:
        process.send_signal(asking)
        assert process.stdout.readline() == "cleaning\n"
        process.send_signal(asking)
        out, complaints = process.communicate("go on\n")
    assert (process.returncode, out, complaints) == (
        128 + asking,
        "cleaned\n",
        "interrupted; nothing is on record yet\n",
    )


def test_who_presses_again_when_cleaning_up_takes_long_ends_it_at_once():
    with waiting(program=AT_ONCE + CLEANING) as process:
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "cleaning\n"
        process.send_signal(signal.SIGINT)
        out, complaints = process.communicate()
    assert (process.returncode, out, complaints) == (143, "", "")


def test_ctrl_c_that_somebody_else_handles_stays_so():
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        with handler_given_back(), terminable():
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
