"""The event files, read back with TensorBoard's own reader."""

from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2

from analysis.records.schema import TrialEvent
from analysis.records.storage import Storage
from study.show.curves import Boards
from study.show.event_files import EventFiles

START = 1_700_000_000.0  # any date: no event's wall time may be one


def event(name: str, order: int, kind: str, **more: object) -> TrialEvent:
    identity = {"approach": "cnn", "phase": "search", "index": int(name[-1])}
    return TrialEvent(**identity | {"trial": name, "order": order, "event": kind, "time": START + order} | more)


def one_trial(name: str, *, best: float, begins_s: float = 0.0) -> list[TrialEvent]:
    """Started, validated at 2 s, finished at 5 s."""
    half = {"charged_s": 2.0, "epoch": 1.0, "lr": 1e-3, "train_loss": 2.0, "train_accuracy": 0.4}
    full = half | {"charged_s": 5.0, "epoch": 2.0, "train_loss": 1.0, "train_accuracy": 0.6}
    return [
        event(name, 0, "started", params={"lr": 1e-3, "kernel": "rbf", "flip": True, "epochs": 2}, charged_s=begins_s),
        event(name, 1, "validated", **half, valid_loss=1.5, valid_accuracy=best / 2, best_accuracy=best / 2),
        event(name, 2, "finished", **full, valid_loss=1.2, valid_accuracy=best, best_accuracy=best),
    ]


def write(folder: Path, events: list[TrialEvent], **charged_s: float) -> None:
    boards = Boards(EventFiles(Storage(str(folder))), charged_s)
    for event in events:
        boards(event)
    boards.close()


def read(folder: Path) -> EventAccumulator:
    return EventAccumulator(str(folder)).Reload()


def points(folder: Path, tag: str) -> list[tuple[float, int, Any]]:
    """(wall time, step, value) of one curve."""
    return [(event.wall_time, event.step, pytest.approx(event.value)) for event in read(folder).Scalars(tag)]


def test_a_trial_has_a_curve_for_each_quantity(tmp_path):
    write(tmp_path, one_trial("cnn-0", best=0.8))
    assert set(read(tmp_path / "search/cnn-0").Tags()["scalars"]) >= {
        "loss/train",
        "loss/valid",
        "accuracy/train",
        "accuracy/valid",
        "learning_rate",
        "charged_seconds",
    }


def test_the_wall_time_of_a_point_is_the_charged_seconds_and_its_step_the_epoch(tmp_path):
    write(tmp_path, one_trial("cnn-0", best=0.8))
    assert points(tmp_path / "search/cnn-0", "accuracy/valid") == [(2.0, 1, 0.4), (5.0, 2, 0.8)]
    assert points(tmp_path / "search/cnn-0", "loss/train") == [(2.0, 1, 2.0), (5.0, 2, 1.0)]


def test_curves_begin_at_zero_so_that_the_relative_axis_is_the_budget(tmp_path):
    write(tmp_path, one_trial("cnn-0", best=0.8))
    assert points(tmp_path / "search/cnn-0", "charged_seconds") == [(0.0, 0, 0.0), (2.0, 1, 2.0), (5.0, 2, 5.0)]
    assert read(tmp_path / "search/cnn-0").Scalars("charged_seconds")[0].wall_time == 0.0


def test_a_quantity_that_an_approach_does_not_have_leaves_no_curve(tmp_path):
    events = [event("svm-0", 0, "started", params={}), event("svm-0", 1, "finished", charged_s=1.0, best_accuracy=0.9)]
    write(tmp_path, events)
    assert "loss/valid" not in read(tmp_path / "search/svm-0").Tags()["scalars"]


def test_a_trial_that_starts_with_its_features_charged_is_drawn_from_zero_all_the_same(tmp_path):
    write(tmp_path, one_trial("cnn-0", best=0.8, begins_s=1.0))
    assert read(tmp_path / "search/cnn-0").Scalars("charged_seconds")[0].wall_time == 0.0


def test_the_incumbent_never_falls_and_stands_at_all_seconds_charged_so_far(tmp_path):
    events = [
        event for name, best in (("cnn-0", 0.5), ("cnn-1", 0.8), ("cnn-2", 0.6)) for event in one_trial(name, best=best)
    ]
    write(tmp_path, events)
    assert points(tmp_path / "incumbent/cnn", "accuracy/valid") == [
        (0.0, 0, 0.0),
        (2.0, 1, 0.25),
        (5.0, 1, 0.5),
        (10.0, 2, 0.8),
        (15.0, 3, 0.8),
    ]


def test_the_incumbent_of_an_approach_begins_after_what_its_features_cost(tmp_path):
    write(tmp_path, one_trial("cnn-0", best=0.8), cnn=7.0)
    assert [wall_time for wall_time, *_ in points(tmp_path / "incumbent/cnn", "accuracy/valid")] == [0.0, 9.0, 12.0]


def test_trials_side_by_side_add_up_on_their_approach_incumbent(tmp_path):
    a, b = one_trial("cnn-0", best=0.5), one_trial("cnn-1", best=0.8)
    write(tmp_path, [a[0], b[0], a[1], b[1], a[2], b[2]])
    seconds = [wall_time for wall_time, *_ in points(tmp_path / "incumbent/cnn", "accuracy/valid")]
    assert seconds == sorted(seconds)
    assert seconds[-1] == 10.0


def test_the_incumbent_never_runs_backwards_when_work_is_lost_and_done_again(tmp_path):
    started, validated, finished = one_trial("cnn-0", best=0.8)
    lost = validated.model_copy(update={"order": 2, "event": "lost", "charged_s": 0.5})
    again = validated.model_copy(update={"order": 3, "charged_s": 1.5, "best_accuracy": 0.6})
    write(tmp_path, [started, validated, lost, again, finished.model_copy(update={"order": 4})])
    assert [wall_time for wall_time, *_ in points(tmp_path / "incumbent/cnn", "accuracy/valid")] == [0.0, 2.0, 2.0, 5.0]


def test_approaches_have_incumbents_of_their_own(tmp_path):
    other = [event.model_copy(update={"approach": "svm"}) for event in one_trial("svm-1", best=0.9)]
    write(tmp_path, one_trial("cnn-0", best=0.5) + other)
    assert points(tmp_path / "incumbent/svm", "accuracy/valid")[-1] == (5.0, 2, 0.9)
    assert points(tmp_path / "incumbent/cnn", "accuracy/valid")[-1] == (5.0, 1, 0.5)


def hparams(folder: Path) -> dict[str, object]:
    """The hyperparameters that TensorBoard's HParams tab would show for a run."""
    (content,) = [
        data
        for tag, data in read(folder).PluginTagToContent("hparams").items()
        if tag == "_hparams_/session_start_info"
    ]
    started = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info.hparams
    return {name: getattr(value, value.WhichOneof("kind")) for name, value in started.items()}


def test_hyperparameters_stand_in_the_hparams_tab_beside_the_best_accuracy(tmp_path):
    write(tmp_path, one_trial("cnn-0", best=0.8))
    assert hparams(tmp_path / "search/cnn-0") == {
        "approach": "cnn",
        "lr": 1e-3,
        "kernel": "rbf",
        "flip": True,
        "epochs": 2.0,
    }
    assert points(tmp_path / "search/cnn-0", "hparam/best_valid_accuracy") == [(5.0, 2, 0.8)]
    assert points(tmp_path / "search/cnn-0", "hparam/charged_seconds") == [(5.0, 2, 5.0)]


@pytest.mark.parametrize("ending", ["cut", "diverged", "failed"])
def test_a_trial_has_hyperparameters_however_it_ended(tmp_path, ending):
    events = [event("cnn-0", 0, "started", params={"lr": 1.0}), event("cnn-0", 1, ending, charged_s=3.0)]
    write(tmp_path, events)
    assert hparams(tmp_path / "search/cnn-0")["lr"] == 1.0
    assert points(tmp_path / "search/cnn-0", "hparam/best_valid_accuracy") == [(3.0, 0, 0.0)]


def test_a_final_run_shows_its_test_accuracy_and_is_no_incumbent(tmp_path):
    final = [event.model_copy(update={"phase": "final"}) for event in one_trial("cnn-0", best=0.8)]
    final.append(final[-1].model_copy(update={"event": "evaluated", "order": 3, "test_accuracy": 0.7}))
    write(tmp_path, final)
    assert points(tmp_path / "final/cnn-0", "hparam/test_accuracy") == [(5.0, 2, 0.7)]
    assert points(tmp_path / "final/cnn-0", "accuracy/valid") == [(2.0, 1, 0.4), (5.0, 2, 0.8)]
    assert not (tmp_path / "incumbent").exists()


def test_seconds_lost_in_a_crash_are_taken_back_from_the_incumbent(tmp_path):
    started, validated, finished = one_trial("cnn-0", best=0.8)
    lost = validated.model_copy(update={"event": "lost", "charged_s": 0.0, "lost_s": 2.0})
    write(tmp_path, [started, validated, lost, finished])
    assert points(tmp_path / "incumbent/cnn", "accuracy/valid")[-1] == (5.0, 1, 0.8)


def test_a_resumed_study_has_the_curves_of_an_uninterrupted_one(tmp_path):
    events = [event for name, best in (("cnn-0", 0.5), ("cnn-1", 0.8)) for event in one_trial(name, best=best)]
    write(tmp_path / "whole", events)
    write(tmp_path / "resumed", events[:4])
    boards = Boards(EventFiles(Storage(str(tmp_path / "resumed"))), {})
    boards.replay(events[:4])
    for event in events[4:]:
        boards(event)
    boards.close()
    for run in ("search/cnn-0", "search/cnn-1", "incumbent/cnn"):
        tag = "accuracy/valid"
        assert points(tmp_path / "resumed" / run, tag) == points(tmp_path / "whole" / run, tag)


def test_every_replicate_begins_after_what_its_features_cost(tmp_path):
    again = [one.model_copy(update={"replicate": 1, "trial": "cnn-r1-0"}) for one in one_trial("cnn-0", best=0.8)]
    write(tmp_path, one_trial("cnn-0", best=0.8) + again, cnn=7.0)
    for search in ("cnn", "cnn-r1"):
        assert [second for second, *_ in points(tmp_path / f"incumbent/{search}", "accuracy/valid")] == [0.0, 9.0, 12.0]


@pytest.mark.parametrize(
    "strange", ["../../victim", "x/../../../victim", "/victim", "..", "a\0b", "x" * 300, "[/]", ""]
)
def test_a_name_that_no_study_file_would_take_is_no_path_and_stands_inside(tmp_path, strange):
    """Records of a study that somebody sent may hold anything."""
    folder = tmp_path / "a" / "b" / "study"
    other = f"{strange}/other"
    for name in (strange, other):
        write_on = [one.model_copy(update={"trial": name, "approach": name}) for one in one_trial("cnn-0", best=0.8)]
        boards = Boards(EventFiles(Storage(str(folder))), {})
        boards.replay([])
        for one in write_on:
            boards(one)
        boards.close()
        (run,) = (folder / "search").iterdir()
        (incumbent,) = (folder / "incumbent").iterdir()
        for place in (run, incumbent):
            text = read(place).Tensors("name/text_summary")[0].tensor_proto.string_val[0]
            assert text.decode() == name
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert all(folder in path.parents for path in files)


def test_strange_names_in_one_study_have_curves_of_their_own(tmp_path):
    names = ("a/b", "a\\b", "../b", "ab")
    events = [one.model_copy(update={"trial": name}) for name in names for one in one_trial("cnn-0", best=0.8)]
    write(tmp_path, events)
    assert len(list((tmp_path / "search").iterdir())) == len(names)
    assert (tmp_path / "search" / "ab").is_dir()
