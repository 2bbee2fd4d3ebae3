from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from analysis.records.storage import Storage
from tests.support.workers import CNN, LONG, config_of, run, start, worked
from trainables.checkpoints import CheckpointStore
from trainables.errors import UnreachableError

pytestmark = pytest.mark.usefixtures("dictated_time")


class TestCheckpoints:
    def test_a_trial_goes_on_in_a_new_process_from_its_last_checkpoint(self, places):
        whole = run(start(config_of(trial="undisturbed", params=LONG), {"cnn": CNN}, places))
        interrupted(places)  # after 56 s
        resumed = run(start(config_of(params=LONG), {"cnn": CNN}, places))
        assert resumed[0]["resumed_at_s"] == 40
        assert worked(resumed) == worked(whole)[3:]

    def test_the_process_of_a_trial_that_ends_leaves_it_until_the_end_is_on_record(self, places):
        interrupted(places)
        run(start(config_of(params=LONG), {"cnn": CNN}, places))
        assert checkpoints(places) == ["cnn-r0-0000.pt"]

    def test_another_trial_does_not_take_it(self, places):
        interrupted(places)
        other = start(config_of(trial="cnn-r0-0001", params=LONG), {"cnn": CNN}, places)
        assert other.step()["resumed_at_s"] == 0

    def test_the_next_one_is_due_after_as_long_as_ever_also_in_a_trial_that_goes_on(self, places):
        interrupted(places)
        resumed = start(config_of(params=LONG), {"cnn": CNN}, places)
        assert [resumed.step()["charged_s"] for _ in range(2)] == [56, 68]
        assert CheckpointStore(places["checkpoints"], "cnn-r0-0000").load()["charged_s"] == 40

    def test_a_damaged_one_is_said_to_be_and_the_trial_starts_from_the_beginning(self, places, caplog):
        interrupted(places)
        file = Path(places["checkpoints"].location, "cnn-r0-0000.pt")
        file.write_bytes(file.read_bytes()[:1000])
        assert start(config_of(params=LONG), {"cnn": CNN}, places).step()["resumed_at_s"] == 0
        assert "cnn-r0-0000.pt: left out as damaged" in caplog.text

    def test_a_trial_that_cannot_write_one_goes_on(self, places, caplog):
        Path(places["checkpoints"].location).write_text("a file where the folder should be")
        worker = start(config_of(params=LONG), {"cnn": CNN}, places)
        assert [worker.step()["event"] for _ in range(4)] == ["heartbeat", "validated", "heartbeat", "validated"]
        assert "cnn-r0-0000: no checkpoint written" in caplog.text


def interrupted(places: dict[str, Any]) -> None:
    """Leave a trial in the middle, as a process that is killed does, 16 s after its last checkpoint."""
    killed = start(config_of(params=LONG), {"cnn": CNN}, places)
    for _ in range(4):
        killed.step()
    assert "cnn-r0-0000.pt" in checkpoints(places)


def checkpoints(places: dict[str, Any]) -> list[str]:
    return [file.name for file in Path(places["checkpoints"].location).iterdir()]


class TestCheckpointStore:
    def test_gives_back_what_was_saved_last(self, tmp_path):
        store = CheckpointStore(Storage(f"{tmp_path}/deep/below"), "a")
        assert store.load() is None
        store.save({"steps": 1, "weights": torch.arange(3)})
        store.save({"steps": 2, "weights": torch.arange(4)})
        loaded = CheckpointStore(Storage(f"{tmp_path}/deep/below"), "a").load()
        assert loaded["steps"] == 2
        assert torch.equal(loaded["weights"], torch.arange(4))
        store.delete()
        assert store.load() is None
        store.delete()  # a second time does no harm

    def test_ignores_what_a_crash_left_half_written(self, tmp_path):
        (tmp_path / "a.pt.part").write_bytes(b"half")
        store = CheckpointStore(Storage(str(tmp_path)), "a")
        assert store.load() is None
        store.save({"steps": 1})
        assert store.load() == {"steps": 1}

    def test_that_cannot_be_read_is_not_taken_for_none(self):
        """The trial would begin anew, and what it has done would be done twice."""
        with pytest.raises(UnreachableError, match=r"a: checkpoint not read \(ConnectionError: no route"):
            CheckpointStore(Unreachable(), "a").load()

    def test_that_cannot_be_deleted_does_no_harm(self, caplog):
        CheckpointStore(Unreachable(), "a").delete()
        assert "a: checkpoint not removed (ConnectionError: no route to the store)" in caplog.text


class Unreachable:
    """Files in a store that cannot be reached."""

    def __getattr__(self, name: str) -> Any:
        raise ConnectionError("no route to the store")
