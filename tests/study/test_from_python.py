"""A study from Python, as notebooks run one: inside an event loop, and in a thread that may set no signal handlers."""

from __future__ import annotations

import json

import pytest
import yaml

from tests.support.commands import Finished, machine
from tests.support.study_files import ONE_SLOT, small_study

pytestmark = pytest.mark.slow
PROGRAM = """
import asyncio, json, os, signal, sys, threading
from study import read_config, resume, run

found = {}

async def cell():
    found["outcome"] = run(read_config("study.yaml", {"storage": "kept"}))

thread = threading.Thread(target=lambda: asyncio.run(cell()))
thread.start()
thread.join()
outcome = found["outcome"]

async def next_cell():
    found["again"] = resume(outcome.directory)

signal.signal(signal.SIGTERM, signal.SIG_IGN)
asyncio.run(next_cell())

import ray
told = {
    "directory": outcome.directory,
    "files": [os.path.isfile(path) for path in (outcome.report.html, outcome.report.markdown, outcome.report.json)],
    "verdict": outcome.verdict,
    "again": found["again"] == outcome,
    "handler": signal.getsignal(signal.SIGTERM) == signal.SIG_IGN,
    "ray": ray.is_initialized(),
}
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> Finished:
    folder = tmp_path_factory.mktemp("notebook")
    approaches = {"better_cnn": small_study()["approaches"]["better_cnn"] | {"max_trials": 2}}
    study = small_study(approaches=approaches, backbones={}, final={"runs": 2}, slot=ONE_SLOT)
    (folder / "study.yaml").write_text(yaml.safe_dump(study))
    with machine(folder) as here:
        return here.python(PROGRAM)


@pytest.fixture(scope="module")
def told(ran) -> dict:
    assert ran.code == 0, ran.err
    return json.loads(ran.out.splitlines()[-1])


def test_it_runs_in_a_thread_with_an_event_loop_and_says_where_all_is(told):
    assert told["directory"] == "kept/small"
    assert told["files"] == [True] * 3
    assert told["verdict"]


def test_it_is_resumed_in_the_main_thread_and_runs_nothing_again(told):
    assert told["again"]


def test_what_it_says_meanwhile_are_lines_and_none_of_them_a_complaint(ran):
    """A notebook's output is no terminal."""
    assert ran.err == ""
    for words in ("Preparing", "Searching", "Final runs", "Writing the report"):
        assert words in ran.out
    assert "\x1b" not in ran.out


def test_the_process_is_left_as_it_was(told):
    assert told["handler"], "SIGTERM is left to whoever had it"
    assert not told["ray"], "Ray was started for the study, and has ended with it"
