"""An end to waiting for a library."""

from __future__ import annotations

import contextlib
import signal
import threading

import pytest

from study.cluster.signals import at_most


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
