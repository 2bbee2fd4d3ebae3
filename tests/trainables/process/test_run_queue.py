"""The wait for a CPU, measured against real rivals for it, and told by stand-ins of the kernel."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.rivals import on_one_cpu
from trainables.clock import Clock
from trainables.process import run_queue
from trainables.process.run_queue import waits

LINUX = pytest.mark.skipif(not run_queue.SCHEDSTAT.exists(), reason="the kernel keeps no count of waits")
CPU_S = 0.3  # of work, as long as that takes


def worked() -> Clock:
    """A clock that has charged CPU_S of this thread's CPU time."""
    clock = Clock(cpu=time.thread_time, waited=waits(1))
    with clock.charging():
        until = time.thread_time() + CPU_S
        while time.thread_time() < until:
            pass
    return clock


@LINUX
def test_what_work_waits_for_a_cpu_is_what_it_takes_beyond_its_own_seconds_of_cpu():
    """Fair shares: three rivals leave it a quarter, so it waits about three times as long as it works."""
    with on_one_cpu(rivals=3):
        clock = worked()
    assert clock.waited_s is not None
    assert clock.waited_s > clock.cpu_s >= CPU_S
    assert clock.waited_s == pytest.approx(clock.charged_s - clock.cpu_s, rel=0.5)


@LINUX
def test_work_that_waits_for_something_else_than_a_cpu_does_not_count_as_waiting():
    """A process that ends in its own time, as a file that comes from a slow disk does."""
    clock = Clock(cpu=time.thread_time, waited=waits(1))
    with clock.charging():
        subprocess.run([sys.executable, "-c", "import time; time.sleep(0.5)"], check=True)
    assert clock.waited_s is not None
    assert clock.charged_s >= 0.5
    assert clock.waited_s < clock.charged_s / 2


@pytest.mark.parametrize("content", [None, "", "0 0 0\n", "nothing\n"])
def test_where_the_kernel_does_not_tell_one_thread_waits_while_it_is_on_no_cpu(monkeypatch, tmp_path, content):
    told = tmp_path / "schedstat"
    if content is not None:
        told.write_text(content)
    monkeypatch.setattr(run_queue, "SCHEDSTAT", told)
    monkeypatch.setattr("trainables.process.run_queue.time.monotonic", lambda: 100.0)
    monkeypatch.setattr("trainables.process.run_queue.time.thread_time", lambda: 60.0)
    off_cpu = waits(1)
    assert off_cpu is not None
    assert off_cpu() == 40.0
    assert waits(4) is None, "of several threads one may rest while another works"


def test_nanoseconds_of_the_kernel_are_told_in_seconds(monkeypatch, tmp_path):
    told = Path(tmp_path, "schedstat")
    told.write_text("5000000000 2500000000 17\n")
    monkeypatch.setattr(run_queue, "SCHEDSTAT", told)
    counted = [count() for count in map(waits, (1, 4)) if count is not None]
    assert counted == [2.5, 2.5]
