"""Whole studies that go on after their report: because somebody extends them, and by themselves."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from analysis.records.reading import read_study
from analysis.records.schema import LookEvent, TrialEvent
from analysis.records.store import Store
from tests.support.commands import machine
from tests.support.session import Session
from tests.support.session import session as open_session
from tests.support.study_files import small_study

pytestmark = pytest.mark.slow
NAMES = ("one", "other")
CNN = {
    "approach": "better_cnn",
    "image_size": [16, 16],
    "space": {"lr": {"loguniform": [1e-4, 1e-2]}, "epochs": 2},
    "max_trials": 2,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("extended")
    # Nothing is cut short, however busy the machine is.
    budget = {"search_seconds": 240, "trial_seconds": 80}
    study = small_study(approaches=dict.fromkeys(NAMES, CNN), backbones={}, budget=budget, replicates=2, final={}) | {
        "significance": {"alpha": 1e-9, "margin": 1e-4},  # so that nothing is ever settled
    }
    (made / "study.yaml").write_text(yaml.safe_dump(study))
    (made / "settling.yaml").write_text(yaml.safe_dump(study | {"settle": {"until": "verdict", "at_most": 3}}))
    return made


@pytest.fixture(scope="module")
def session(folder) -> Iterator[Session]:
    with machine(folder) as here, open_session(here, cpus=1) as opened:
        yield opened


@pytest.fixture(scope="module")
def finished(folder, session) -> Path:
    """That study after its first report, to be copied."""
    assert session.transfer_study("run", "study.yaml", "--out", "finished").code == 0
    return folder / "finished"


def looks(directory: Path) -> tuple[LookEvent, ...]:
    return read_study(str(directory)).looks


def events(directory: Path) -> list[TrialEvent]:
    return Store(str(directory)).trial_events()


def records(directory: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in (directory / "records").rglob("*.json")}


def test_an_extended_study_keeps_all_it_has_and_looks_again(finished, session):
    directory = Path(shutil.copytree(finished, finished.with_name("mine")))
    first, before = records(directory), (directory / "study.yaml").read_text()

    refused = session.transfer_study("extend", "mine", "--replicates", 2)
    assert "--replicates 2: the study has 2 already" in refused.complaint
    assert (directory / "study.yaml").read_text() == before

    told = session.transfer_study("extend", "mine", "--replicates", 3)
    assert told.code == 0, told.err
    assert records(directory).items() > first.items()
    assert set(Counter(event.trial for event in events(directory) if event.event == "started").values()) == {1}
    assert [(look.replicates, look.runs, look.test_reads) for look in looks(directory)] == [(2, 2, 4), (3, 3, 6)]
    assert looks(directory)[0].study == before
    assert looks(directory)[1].study == (directory / "study.yaml").read_text()
    report = json.loads((directory / "report" / "report.json").read_text())
    assert [len(report["approaches"][name]["final_runs"]) for name in NAMES] == [3, 3]

    session.transfer_study("report", "mine")
    assert len(looks(directory)) == 2, "nothing new was seen"

    told = session.transfer_study("extend", "mine", "--budget", 300)
    assert told.code == 0, told.err
    assert len(looks(directory)) == 2, "both approaches ran out of configurations long ago"

    told = session.transfer_study("extend", "mine", "--runs", 4)
    assert told.code == 0, told.err
    assert [(look.replicates, look.runs) for look in looks(directory)] == [(2, 2), (3, 3), (3, 4)]


def test_an_extension_that_is_interrupted_is_resumed(finished, session):
    """As it lies there when it was killed right after the study file was replaced."""
    directory = Path(shutil.copytree(finished, finished.with_name("cut")))
    content = yaml.safe_load((directory / "study.yaml").read_text()) | {"replicates": 3}
    (directory / "study.yaml").write_text(yaml.safe_dump(content))
    assert "not finished" in session.transfer_study("extend", "cut", "--replicates", 4).complaint
    assert session.transfer_study("resume", "cut").code == 0
    assert [look.replicates for look in looks(directory)] == [2, 3]


def test_a_study_that_settles_goes_on_until_it_may_no_more_and_says_what_is_open(folder, session):
    told = session.transfer_study("run", "settling.yaml", "--out", "settling")
    assert told.code == 0, told.err
    seen = looks(folder / "settling")
    assert [(look.replicates, look.planned) for look in seen] == [(2, 3), (3, 3)]
    assert all(look.alpha < 1e-9 for look in seen)
    out = " ".join(told.out.split())
    pair = seen[0].verdicts[0]  # whichever of the two equal approaches was ahead is named first
    assert f"Look 1, at 2 of at most 3 replicates: still open: {pair.a} − {pair.b}, " in out
    assert "going on with 3" in out
    assert "the study ends here all the same" in out
