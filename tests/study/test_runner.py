"""A study that goes on by itself: what is opened once, and what each round is given."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console

from analysis.records.schema import LookEvent, PairVerdict
from analysis.records.store import Store
from study import runner
from study.config.models import StudyConfig
from study.listeners import History
from study.session.ready import Ready
from study.show.curves import Boards
from study.show.progress import Progress
from tests.support.study_files import small_config
from trainables.spec import Slot

CONFIG = small_config(replicates=2, final={}, settle={"at_most": 4})


class Sitting:
    """A session that only looks, and finds everything undecided."""

    rounds: list[tuple[StudyConfig, tuple[object, ...]]]

    def __init__(self, ready: Any, history: History, listeners: tuple[object, ...]) -> None:
        self.ready = ready
        self.rounds.append((ready.config, listeners))

    def to_the_end(self) -> None:
        config = self.ready.config
        open_ = PairVerdict(a="cnn", b="svm", difference=0.01, p=0.5, verdict="undecided")
        look = LookEvent(
            replicates=config.replicates,
            search_seconds=4.0,
            runs=config.final_runs,
            counted=tuple(map(str, range(config.final_runs))),
            test_reads=1,
            alpha=0.02,
            verdicts=(open_,),
            study=config.to_yaml(),
        )
        self.ready.store.write_look(look)


@pytest.fixture
def ready(tmp_path, monkeypatch) -> Ready:
    monkeypatch.setattr("study.session.session.Session", Sitting)
    Sitting.rounds = []
    return Ready(
        config=CONFIG,
        store=Store(str(tmp_path)),
        dataset=cast(Any, None),
        prepared=cast(Any, SimpleNamespace(owed_s={})),
        slot=Slot(1, 0),
        count_slots=lambda: 1,
        sharing=cast(Any, None),
        progress=Progress(Console(quiet=True)),
    )


def test_a_study_that_settles_opens_its_curves_once_however_many_rounds_it_takes(ready, monkeypatch):
    """Drawing them anew deletes the files that a running board has open."""
    replays = []
    monkeypatch.setattr(Boards, "replay", lambda self, events: replays.append(self))
    runner._until_settled(ready, History(), None)
    assert [config.replicates for config, _ in Sitting.rounds] == [2, 3, 4]
    assert len(replays) == 1
    assert len({id(listeners) for _, listeners in Sitting.rounds}) == 1
    assert "replicates: 4" in ready.store.read_bytes("study.yaml").decode()
