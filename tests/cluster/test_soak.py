"""The book-keeping of the soak: what was found out is on file at once, and a soak that was stopped goes on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cluster.fates import Fate, add_fate, fates_table, read_fates
from tests.cluster.misfortunes import MISFORTUNES
from tests.cluster.nodes import Cluster
from tests.cluster.soak import Lane, main


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
    assert len(capsys.readouterr().err.splitlines()) == 30 + 11 + 19


def test_a_line_that_a_kill_cut_short_costs_that_study_alone(tmp_path):
    out = tmp_path / "fates"
    add_fate(Fate(seed=0, number=1), out)
    with open(out, "a") as file:
        file.write(json.dumps({"seed": 0, "number": 2})[:9])
    add_fate(Fate(seed=0, number=0), out)
    assert [fate.number for fate in read_fates(out)] == [0, 1]


def test_a_soak_of_which_all_is_on_file_prints_its_table_and_judges_it(tmp_path, capsys, monkeypatch):
    good = Fate(seed=0, number=0, met=["kill_driver"], finished=True, sound=True, sittings=2)
    add_fate(good, tmp_path / "fates")
    add_fate(replace(good, number=1, met=["fill_disk"], lost=1), tmp_path / "fates")
    arguments = ["soak", "--studies", "2", "--out", str(tmp_path / "fates")]
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr("sys.argv", arguments)
    assert main() == 1
    assert capsys.readouterr().out == fates_table(read_fates(tmp_path / "fates")) + "\n"
    monkeypatch.setattr("sys.argv", ["soak", "--table", str(tmp_path / "fates")])
    assert main() == 0
    assert "| fill disk | 1 | 2 | 1 | 0 | 1 |" in capsys.readouterr().out
