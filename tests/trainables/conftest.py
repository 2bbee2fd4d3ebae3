from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from threadpoolctl import threadpool_limits

from analysis.records.storage import Storage
from trainables.clock import Clock

PIECE_S = 4.0


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One thread in every test, as exact repetition needs, whatever a test does to the number."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpool_limits(1):
        yield
    torch.set_num_threads(before)


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is decoded, extracted or fetched is kept in the test's own folder."""
    monkeypatch.setenv("TRANSFER_STUDY_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def dictated_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every step and every validation of an ApproachTrainable takes PIECE_S seconds, whatever it really takes."""
    looks = itertools.count()

    def clock_for(device: torch.device, *, charged_s: float = 0.0) -> Clock:
        return Clock(lambda: next(looks) * PIECE_S, charged_s=charged_s)

    monkeypatch.setattr("trainables.trainable.clock_for", clock_for)


@pytest.fixture
def places(tmp_path: Path, own_cache: None) -> dict[str, Any]:
    """Where an ApproachTrainable keeps its checkpoints; what it caches is in the test's own folder too."""
    return {"checkpoints": Storage(str(tmp_path / "checkpoints"))}
