"""Commands that are measured: what they took, and that nothing of them stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.processes import MARK, CommandError, end_all, python


def test_a_command_tells_what_it_printed_and_what_its_children_used(tmp_path):
    work = "sum(range(10**6))"
    code = f"import subprocess, sys; {work}; subprocess.run([sys.executable, '-c', '{work}']); print('done')"
    run = python(["-c", code], tree=tmp_path)
    assert run.output.split() == ["done"]
    assert run.wall_s >= run.cpu_s / os.cpu_count() > 0
    assert run.peak_mb > 5


def test_a_command_runs_in_its_tree_and_imports_from_there(tmp_path):
    (tmp_path / "mine.py").write_text("value = 'from the tree'\n")
    run = python(["-c", "import mine, os; print(mine.value); print(os.getcwd())"], tree=tmp_path)
    assert run.output.splitlines() == ["from the tree", os.path.realpath(tmp_path)]


def test_a_command_that_fails_says_why(tmp_path):
    with pytest.raises(CommandError, match=r"exit code 1\s+no such thing"):
        python(["-c", "raise SystemExit('no such thing')"], tree=tmp_path)


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are found by /proc")
def test_all_processes_of_a_run_are_ended_whoever_is_their_parent():
    sleep = "import time; print('here', flush=True); time.sleep(600)"
    of_the_run, another = (
        subprocess.Popen(
            [sys.executable, "-c", sleep], env={MARK: mark}, stdout=subprocess.PIPE, start_new_session=True
        )
        for mark in ("one", "another")
    )
    with of_the_run, another:
        assert [process.stdout.readline() for process in (of_the_run, another)] == [b"here\n", b"here\n"]
        end_all("one")
        assert of_the_run.wait(timeout=60) == -signal.SIGKILL
        assert another.poll() is None
        another.kill()


def test_a_command_is_interrupted_after_its_time_as_by_ctrl_c(tmp_path):
    run = python(["-c", "import time; time.sleep(600)"], tree=tmp_path, stop_after_s=0.5)
    assert run.code in (-signal.SIGINT, 1, 130)  # by the signal, or by the exception that it becomes
    assert run.wall_s < 600
