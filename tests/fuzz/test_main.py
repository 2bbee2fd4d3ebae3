"""`make fuzz`: what it counts, prints and ends with, whatever the inputs came to."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from multiprocessing import active_children, get_context
from pathlib import Path

import pytest

from tests.fuzz import __main__ as fuzz
from tests.fuzz.many import Stuck, _pool, many
from tests.fuzz.oddities import Input
from tests.fuzz.outcomes import CLEAR, FAULTS, HANDLED, Ending
from tests.fuzz.runner import Tried
from tests.support.waiting import PATIENCE_S, until


def tries(*outcomes: str, digest: str = "") -> list[Tried]:
    return [Tried(Input(str(n)), digest or f"{n}", Ending(outcome, "m", "p")) for n, outcome in enumerate(outcomes)]


@pytest.fixture
def end(monkeypatch, capsys, tmp_path):
    """Exit code, standard output and standard error for what was tried of one kind; an exception ends it."""

    def call(
        *found: list[Tried] | BaseException, inputs: int = 2, reduced=lambda faults, root: faults
    ) -> tuple[int, str, str]:
        def pretended(*_):
            for one in found:
                if isinstance(one, BaseException):
                    raise one
                yield "tables", one

        monkeypatch.setattr(fuzz, "many", pretended)
        monkeypatch.setattr(fuzz, "reduced", reduced)
        monkeypatch.setattr("signal.signal", lambda *_: None)
        arguments = ["fuzz", "--kind", "tables", "--inputs", str(inputs), "--out", str(tmp_path / "out")]
        monkeypatch.setattr("sys.argv", arguments)
        return fuzz.main(), *capsys.readouterr()

    return call


def test_inputs_that_end_well_end_with_0_and_are_told_as_they_come(end):
    code, out, told = end(tries(HANDLED, CLEAR))
    assert code == 0
    assert "2 distinct inputs, 0 faults" in out
    assert told.startswith("2 of 2 inputs, ")


@pytest.mark.parametrize("fault", FAULTS)
def test_one_fault_of_any_kind_ends_with_1(end, fault):
    assert end(tries(HANDLED, HANDLED, fault))[0] == 1


def test_inputs_that_came_to_the_same_count_once(end):
    code, out, _ = end(tries(HANDLED, HANDLED, HANDLED, digest="same"))
    assert code == 1
    assert "1 distinct inputs, 0 faults" in out


def test_a_fault_is_not_hidden_by_the_same_input_that_ended_well(end):
    assert end(tries(HANDLED, CLEAR), tries(FAULTS[0]))[0] == 1
    assert end(tries(FAULTS[0], CLEAR), tries(HANDLED))[0] == 1


def test_what_was_found_until_an_interrupt_is_counted_and_saved(end, tmp_path):
    code, out, _ = end(tries(HANDLED, FAULTS[0]), KeyboardInterrupt())
    assert code == 1
    assert "interrupted" in out
    assert "2 distinct inputs, 1 faults" in out
    assert len([*(tmp_path / "out").iterdir()]) == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt(), Stuck("a process ended")])
def test_what_was_found_is_saved_as_it_is_where_its_reduction_is_interrupted(end, tmp_path, error):
    def interrupted(faults, root):
        raise error

    code, out, _ = end(tries(HANDLED, FAULTS[0]), reduced=interrupted)
    assert code == 1
    assert "2 distinct inputs, 1 faults" in out
    assert len([*(tmp_path / "out").iterdir()]) == 1


def be_stuck(begun: Path, ended: Path) -> None:
    """An input that ends by itself when the test has long failed."""
    begun.touch()
    threading.Event().wait(PATIENCE_S)
    ended.touch()


def interrupt_a_pool(begun: Path, ended: Path) -> None:
    with _pool(1) as pool:
        pool.submit(be_stuck, begun, ended)
        until(begun.exists)
        raise KeyboardInterrupt


@pytest.mark.slow
def test_an_interrupt_ends_the_processes_of_a_pool_in_their_midst_and_no_others(tmp_path):
    begun, ended = tmp_path / "begun", tmp_path / "ended"
    other = get_context("spawn").Process(target=signal.pause)
    other.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            interrupt_a_pool(begun, ended)
        assert active_children() == [other]
        assert not ended.exists()
    finally:
        other.kill()
        other.join()


@pytest.mark.slow
def test_an_interrupt_waits_for_no_input(tmp_path):
    """Or ten minutes could pass between Ctrl-C and the table."""
    running = many(["tables", "archives"], 10**6, 0, Path(tmp_path), until=float("inf"))
    assert isinstance(running, Generator)
    next(running)
    with pytest.raises(KeyboardInterrupt):
        running.throw(KeyboardInterrupt())
    assert active_children() == []
