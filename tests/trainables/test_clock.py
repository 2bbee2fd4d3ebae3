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
