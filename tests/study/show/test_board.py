"""TensorBoard on a study wherever it lies: its own list of folders breaks at commas and colons."""

from __future__ import annotations

import warnings

import pytest
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer

from analysis.records.storage import Storage
from tests.study.show.test_curves import one_trial, write

with warnings.catch_warnings():  # of what TensorBoard brings along
    warnings.simplefilter("ignore", DeprecationWarning)
    from tensorboard import program

    from study.show.board import chosen, serve

PLACES = ("plain", "a,b", "a:b", "name:/x, y", "x[y]", "~")


def runs(logdir: str) -> set[str]:
    """What TensorBoard finds there."""
    return set(EventMultiplexer().AddRunsFromDirectory(logdir).Reload().Runs())


@pytest.mark.parametrize("name", PLACES)
def test_the_curves_of_a_study_are_found_whatever_its_path_holds(tmp_path, name):
    folder = tmp_path / name
    write(folder, one_trial("cnn-0", best=0.8))
    with chosen(folder, ("incumbent", "final")) as links:
        assert runs(str(links)) == {"incumbent/cnn"}, "final runs are still to come"
        final = [event.model_copy(update={"phase": "final"}) for event in one_trial("cnn-0", best=0.8)]
        write(folder, final)
        assert runs(str(links)) == {"incumbent/cnn", "final/cnn-0"}
    with chosen(folder, ("incumbent", "final", "search")) as links:
        assert "search/cnn-0" in runs(str(links))
    assert not links.exists()


@pytest.mark.parametrize("trials", [False, True])
def test_it_is_served_from_one_folder_that_needs_no_list(tmp_path, monkeypatch, trials):
    found = []

    def main(board: program.TensorBoard) -> int:
        found.append(runs(board.flags.logdir))
        return 0

    monkeypatch.setattr(program.TensorBoard, "main", main)
    write(tmp_path / "a,b:c", one_trial("cnn-0", best=0.8))
    assert serve(Storage(str(tmp_path / "a,b:c")), trials=trials, host="127.0.0.1", port=6006) == 0
    assert found == [{"incumbent/cnn", *(["search/cnn-0"] if trials else [])}]
