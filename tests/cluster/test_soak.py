"""The book-keeping of the soak: what was found out is on file at once, and a soak that was stopped goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cluster.fates import Fate, add_fate, fates_table, read_fates
from tests.cluster.lane import Lane
from tests.cluster.misfortunes import MISFORTUNES, Scene
from tests.cluster.nodes import Cluster
from tests.cluster.soak import main


class Pretended(Lane):
    """A lane that draws misfortunes and runs nothing; it is stopped at the study of a number."""

    stop_at = -1

    def _prepare(self, file: int) -> None:
        pass

    def _run_twin(self, file: int) -> None:
        self.twins[file] = None

    def _refuses_a_bad_image(self, fate: Fate) -> None:
        fate.met = ["bad_image"]

    def _suffer(self, met, fate: Fate) -> None:
        if fate.number == self.stop_at:
            raise KeyboardInterrupt
        fate.met = [*fate.met, *(misfortune.__name__ for misfortune in met)]
        fate.finished = True

    def _judge(self, fate: Fate, file: int) -> None:
        fate.sound = True

    def _clear(self) -> None:
        pass


def lane(out: Path) -> Pretended:
    return Pretended(Cluster(out.parent, out.parent), 7, out)


def test_a_soak_that_was_stopped_goes_on_with_the_draws_of_one_that_was_not(tmp_path, capsys):
    lane(tmp_path / "whole").one_after_the_other(range(30))
    stopped = lane(tmp_path / "parts")
    stopped.stop_at = 11
    with pytest.raises(KeyboardInterrupt):
        stopped.one_after_the_other(range(30))
    assert [fate.number for fate in read_fates(tmp_path / "parts")] == [*range(11)]
    lane(tmp_path / "parts").one_after_the_other(range(11, 30))
    assert read_fates(tmp_path / "parts") == read_fates(tmp_path / "whole")
    met = {kind for fate in read_fates(tmp_path / "whole") for kind in fate.met}
    assert met == {misfortune.__name__ for misfortune in MISFORTUNES} | {"bad_image"}
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 30 + 11 + 19
    assert told[0].startswith("0:00:0")
    assert "29 left in this lane; study 0, " in told[0]


def test_a_line_that_a_kill_cut_short_costs_that_study_alone(tmp_path):
    out = tmp_path / "fates"
    add_fate(Fate(seed=0, number=1), out)
    with open(out, "a") as file:
        file.write(json.dumps({"seed": 0, "number": 2})[:9])
    add_fate(Fate(seed=0, number=0), out)
    assert [fate.number for fate in read_fates(out)] == [0, 1]


GOOD = Fate(seed=0, number=0, met=["kill_driver"], finished=True, sound=True, sittings=2)


@pytest.fixture
def soak(tmp_path, monkeypatch):
    """Gives how to call `main` with arguments and this file of fates."""
    monkeypatch.setattr("signal.signal", lambda *_: None)

    def call(*arguments: str) -> int:
        monkeypatch.setattr("sys.argv", ["soak", *arguments, str(tmp_path / "fates")])
        return main()

    return call


def test_a_soak_of_which_all_is_on_file_prints_its_table_and_judges_it(tmp_path, capsys, soak):
    add_fate(GOOD, tmp_path / "fates")
    add_fate(replace(GOOD, number=1, met=["fill_disk"], lost=1), tmp_path / "fates")
    assert soak("--studies", "2", "--out") == 1
    assert capsys.readouterr().out == fates_table(read_fates(tmp_path / "fates")) + "\n"
    assert soak("--table") == 0
    assert "| fill disk | 1 | 2 | 1 | 0 | 1 |" in capsys.readouterr().out


def test_a_soak_is_judged_by_the_studies_that_were_asked_for(tmp_path, capsys, soak):
    add_fate(GOOD, tmp_path / "fates")
    add_fate(replace(GOOD, seed=1, lost=1), tmp_path / "fates")
    add_fate(replace(GOOD, number=1, twice=1), tmp_path / "fates")
    assert soak("--studies", "1", "--out") == 0
    assert capsys.readouterr().out == fates_table([GOOD]) + "\n"


def test_a_lane_that_failed_and_was_begun_again_counts_for_nothing(tmp_path, monkeypatch, soak):
    """A lane's exit code is not asked for: what it has left undone is known from the file."""
    ends = iter([1, 0])

    class PretendedLane:
        def __init__(self, *_: object, **__: object) -> None:
            self.code = next(ends)

        def wait(self) -> int:
            if self.code == 0:
                add_fate(GOOD, tmp_path / "fates")
            return self.code

    monkeypatch.setattr("subprocess.Popen", PretendedLane)
    assert soak("--studies", "1", "--out") == 0


def test_a_soak_some_of_whose_studies_could_not_be_run_ends_with_1(tmp_path, monkeypatch, capsys, soak):
    add_fate(GOOD, tmp_path / "fates")
    monkeypatch.setattr("tests.cluster.soak._run", lambda *_: False)
    assert soak("--studies", "3", "--out") == 1
    assert "2 of 3 studies are not known yet" in capsys.readouterr().out


class Idle(Cluster):
    """A cluster on which a driver does nothing, for ever."""

    def start(self, *arguments: object, program: str = "") -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", "import signal; signal.pause()"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip


@pytest.fixture
def idle(tmp_path, monkeypatch) -> Iterator[Lane]:
    """A lane whose study has begun, on such a cluster of two nodes; nothing is waited for."""
    monkeypatch.setattr("tests.cluster.lane.PATIENCE_S", 0.1)
    monkeypatch.setattr("tests.cluster.lane.BAD_IMAGES", 0.0)
    lane = Lane(Idle(tmp_path, tmp_path, nodes=[None, None]), 0, tmp_path / "fates")
    lane.study.mkdir(parents=True)
    (lane.study / "study.yaml").touch()
    yield lane
    lane._end_driver()


@pytest.mark.parametrize("error", [AssertionError("stays writable"), subprocess.CalledProcessError(32, "mount")])
def test_what_a_misfortune_has_done_is_undone_though_it_fails_itself(idle, monkeypatch, error):
    undone: list[str] = []

    def fail_halfway(scene: Scene) -> None:
        scene.mends.callback(undone.append, "first")
        scene.mends.callback(subprocess.run, "false", check=True)
        raise error

    monkeypatch.setattr("tests.cluster.lane.MISFORTUNES", (fail_halfway, fail_halfway))
    fate = idle._attempt(0, 0)
    assert not fate.good
    assert "Error: " in fate.complaint
    assert undone == ["first"]


def test_a_driver_that_was_waited_for_in_vain_is_ended(idle, monkeypatch):
    def nothing(scene: Scene) -> None: ...

    monkeypatch.setattr("tests.cluster.lane.MISFORTUNES", (nothing, nothing))
    fate = idle._attempt(0, 0)
    assert fate.complaint.startswith("TimeoutExpired: ")
    assert idle.driver.returncode == -9


def test_a_folder_that_cannot_be_removed_ends_the_lane(idle, monkeypatch):
    """Or every later study would begin in what is left of it, and be judged by that."""
    monkeypatch.setattr("tests.support.waiting.PATIENCE_S", 0.1)
    monkeypatch.setattr("shutil.rmtree", lambda *_, **__: None)
    with pytest.raises(AssertionError):
        idle._prepare(0)
