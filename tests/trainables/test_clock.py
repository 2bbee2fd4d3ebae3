from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.support.stand_ins import Ticker
from trainables.clock import Clock, clock_for


def test_only_what_happens_while_charging_is_charged():
    ticker = Ticker(now=100.0)
    clock = Clock(ticker)
    ticker.now += 5
    with clock.charging():
        ticker.now += 2
    ticker.now += 7
    with clock.charging():
        ticker.now += 0.5
    assert clock.charged_s == 2.5


def test_work_that_raises_is_charged_all_the_same():
    ticker = Ticker()
    clock = Clock(ticker)

    def fail_after_3_s() -> None:
        with clock.charging():
            ticker.now += 3
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_after_3_s()
    assert clock.charged_s == 3


def test_a_trial_that_goes_on_counts_on_from_what_it_was_charged():
    ticker = Ticker()
    clock = Clock(ticker, charged_s=40.0)
    with clock.charging():
        ticker.now += 2
    assert clock.charged_s == 42


def test_what_the_device_had_queued_before_is_not_charged_and_what_was_queued_inside_is():
    ticker = Ticker()
    queue = [4.0]

    def synchronise() -> None:
        ticker.now += sum(queue)
        queue.clear()

    clock = Clock(ticker, synchronise)
    with clock.charging():
        queue.append(3.0)
    assert clock.charged_s == 3


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 1000)), max_size=20))
def test_the_charge_is_the_sum_of_the_charged_spans(spans):
    ticker = Ticker()
    clock = Clock(ticker)
    for charged, seconds in spans:
        if charged:
            with clock.charging():
                ticker.now += seconds
        else:
            ticker.now += seconds
    assert clock.charged_s == sum(seconds for charged, seconds in spans if charged)


def test_the_clock_for_the_cpu_runs_forward():
    clock = clock_for(torch.device("cpu"), charged_s=1.0)
    with clock.charging():
        torch.ones(8).sum()
    assert clock.charged_s >= 1


def test_the_clock_for_a_gpu_waits_for_that_gpu(monkeypatch):
    waited_for: list[torch.device] = []
    monkeypatch.setattr(torch.cuda, "synchronize", waited_for.append)
    with clock_for(torch.device("cuda", 1)).charging():
        pass
    assert waited_for == [torch.device("cuda", 1)] * 2  # before the first look at the time, and before the second


class Machine:
    """Time, CPU time and waiting, each moved by hand."""

    def __init__(self) -> None:
        self.now, self.cpu, self.waited = Ticker(50.0), Ticker(7.0), Ticker(3.0)

    def clock(self) -> Clock:
        return Clock(self.now, cpu=self.cpu, waited=self.waited)

    def work(self, *, cpu_s: float, waited_s: float = 0.0) -> None:
        self.cpu.now += cpu_s
        self.waited.now += waited_s
        self.now.now += cpu_s + waited_s


def test_cpu_and_waiting_count_only_while_the_clock_runs():
    machine = Machine()
    clock = machine.clock()
    machine.work(cpu_s=1, waited_s=5)
    with clock.charging():
        machine.work(cpu_s=2, waited_s=4)
    machine.work(cpu_s=1, waited_s=5)
    with clock.charging():
        machine.work(cpu_s=3)
    assert (clock.charged_s, clock.cpu_s, clock.waited_s) == (9, 5, 4)


def test_all_counts_go_on_from_another_clock():
    machine = Machine()
    clock = machine.clock()
    clock.go_on(40.0, 30.0, 9.0)
    with clock.charging():
        machine.work(cpu_s=2, waited_s=1)
    assert (clock.charged_s, clock.cpu_s, clock.waited_s) == (43, 32, 10)


def test_of_a_trial_that_began_where_nobody_counted_the_wait_is_not_known():
    machine = Machine()
    clock = machine.clock()
    clock.go_on(40.0, 30.0, None)
    with clock.charging():
        machine.work(cpu_s=2, waited_s=1)
    assert (clock.charged_s, clock.cpu_s, clock.waited_s) == (43, 32, None)


def test_nobody_waits_longer_than_is_charged():
    """The two counts are read one after the other, and the kernel's clock is not the program's."""
    machine = Machine()
    clock = machine.clock()
    with clock.charging():
        machine.work(cpu_s=0, waited_s=2)
        machine.waited.now += 0.5
    assert clock.waited_s == 2


def test_beside_a_gpu_the_wait_is_not_known_also_after_going_on_from_a_clock_that_knew(monkeypatch):
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: None)
    clock = clock_for(torch.device("cuda"))
    clock.go_on(40.0, 30.0, 9.0)
    with clock.charging():
        torch.ones(8).sum()
    assert clock.cpu_s >= 30
    assert clock.waited_s is None


def test_cpu_seconds_are_those_of_the_process_over_the_cpus_of_its_slot(monkeypatch):
    process = Ticker()
    monkeypatch.setattr("trainables.clock.time.process_time", process)
    torch.set_num_threads(2)
    clock = clock_for(torch.device("cpu"))
    with clock.charging():
        process.now += 6
    assert clock.cpu_s == 3
