"""The classifier of the fuzzers: what it calls each way in which an input can end."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.fuzz.outcomes import CLEAR, HANDLED, HANG, LONG, TRACEBACK, WRONG, WrongNumber, ending
from trainables.errors import DataError


def _raise(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (DataError("x.png: no image"), CLEAR),
        (DataError(f"/here/{'x' * 296}"), CLEAR),
        (DataError("x" * 301), LONG),
        (DataError("two\nlines"), LONG),
        (DataError(""), LONG),
        (KeyError("x"), TRACEBACK),
        (SystemExit(1), TRACEBACK),
        (WrongNumber("one: two"), WRONG),
    ],
)
def test_an_error_is_called_by_what_a_user_sees_of_it(error, outcome):
    assert ending(lambda: _raise(error), seconds=5, folder=Path("/here")).outcome == outcome


def test_what_returns_is_handled():
    assert ending(lambda: None, seconds=5, folder=Path("/here")).outcome == HANDLED


def _spin() -> None:
    while True:
        try:
            sum(range(1000))
        except Exception:
            continue


def test_what_uses_its_seconds_up_hangs():
    assert ending(_spin, seconds=0.2, folder=Path("/here")).outcome == HANG


def test_what_waits_for_ever_hangs():
    assert ending(signal.pause, seconds=0.05, folder=Path("/here")).outcome == HANG


def test_the_timers_are_stopped_again():
    ending(lambda: None, seconds=0.05, folder=Path("/here"))
    assert signal.getitimer(signal.ITIMER_PROF) == signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_traceback_names_the_innermost_function_of_the_program():
    from trainables.data.folders import FolderData

    ended = ending(lambda: FolderData.model_validate({"path": "x"}).read(), seconds=5, folder=Path("/here"))
    assert (ended.outcome, ended.place) == (CLEAR, "trainables/data/folders.py:_read DataError")
