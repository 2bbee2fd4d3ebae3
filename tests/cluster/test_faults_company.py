"""Others are at work on a study while it runs: who only reads it, and who would run it too."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.nodes import Cluster, cluster, study_file
from tests.cluster.soundness import assert_sound
from tests.support.waiting import PATIENCE_S, until

pytestmark = pytest.mark.cluster
COMMANDS = ("report", "status", "check")
# One process for all of them: what takes long is to start one. A line each: command, exit code, lines on either stream.
READER = """
import contextlib, io, json, os, sys
from pathlib import Path
from study import cli
study, stop = sys.argv[1:]
ends = False
while not ends:
    ends = Path(stop).exists()  # and one more round, which has begun after the end of the study
    for command in ("report", "status", "check"):
        sys.argv = ["transfer-study", command, study]
        out, err = io.StringIO(), io.StringIO()
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                cli.main()
        except SystemExit as end:
            print(json.dumps([command, end.code, out.getvalue(), err.getvalue()]), flush=True)
"""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster of one node with two slots."""
    with cluster(tmp_path_factory.mktemp("company"), 2) as made:
        study_file(made.folder, final={"runs": 1, "trial_seconds": 1})
        yield made


def test_reports_that_are_asked_for_while_a_study_runs_are_whole_and_the_study_is_unharmed(node):
    study = node.folder / "read"
    lines = node.folder / "lines"
    with node.held(), open(lines, "w") as out:
        driver = node.start("run", "study.yaml", "--out", study)
        until(lambda: (study / "study.yaml").exists(), driver)
        reader = subprocess.Popen(
            [sys.executable, "-c", READER, str(study), str(node.folder / "stop")],
            env=node._environment(), stdout=out, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        until(lambda: len(lines.read_text().splitlines()) >= len(COMMANDS), reader)
    told, complaints = driver.communicate(timeout=PATIENCE_S)
    (node.folder / "stop").touch()
    _, noise = reader.communicate(timeout=PATIENCE_S)

    assert (driver.returncode, complaints) == (0, ""), told
    assert (reader.returncode, noise) == (0, "")
    answers = [json.loads(line) for line in lines.read_text().splitlines()]
    assert len(answers) >= 2 * len(COMMANDS), "it has been read while it ran, and after"
    assert tuple(command for command, *_ in answers[-3:]) == COMMANDS
    for command, code, out, err in answers:
        assert code in (0, 1 if command == "check" else 2), (command, code, out, err)
        assert len(err.splitlines()) == (code == 2), (command, code, err)
        assert len(err) <= 300, err
        assert out or code == 2
    assert answers[-1][1] == answers[-2][1] == answers[-3][1] == 0, answers[-3:]
    # A study that is sound is found so while it runs, too: what has come since is read again.
    assert [out for command, code, out, _ in answers if command == "check" and code] == []
    assert_sound(study, node.diary)


def test_of_two_that_would_run_or_resume_one_study_one_does_and_the_other_says_why_not(node):
    finished = "--out", "twice"
    one, other = (node.start("run", "study.yaml", *finished) for _ in range(2))
    assert_one_is_refused(one, other, stop=node.folder / "twice")
    one, other = (node.start("resume", "twice") for _ in range(2))
    assert_one_is_refused(one, other, stop=None)
    assert_sound(node.folder / "twice", None)


def assert_one_is_refused(*drivers: subprocess.Popen[str], stop: Path | None) -> None:
    """One is refused in one line with exit code 2; the other goes on, to its end or until it has worked somewhat."""
    until(lambda: any(driver.poll() is not None for driver in drivers))
    (refused,) = [driver for driver in drivers if driver.poll() is not None]
    (works,) = [driver for driver in drivers if driver is not refused]
    _, complaints = refused.communicate()
    assert refused.returncode == 2, complaints
    (line,) = complaints.splitlines()
    assert line.startswith("error: twice: "), line
    if stop is not None:
        until(lambda: len(list(stop.glob("records/*/*.json"))) > 3, works)
        os.killpg(works.pid, signal.SIGINT)
    told, complaints = works.communicate(timeout=PATIENCE_S)
    assert works.returncode == (130 if stop else 0), told + complaints
