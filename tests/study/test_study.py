"""Whole studies for real: Ray, three approaches, a small image folder, through the command line.

One is a process of its own, as users start them; the other commands run one after another in the session of their
machine. One that is killed is in test_killed.py.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pandas as pd
import pytest
import yaml
from filelock import FileLock

from analysis.checking.check import check_study
from analysis.records.reading import read_study
from analysis.records.schema import ENDINGS, TrialEvent
from analysis.records.store import Store
from analysis.records.trials import feature_charges
from tests.support.commands import Finished, machine
from tests.support.pictures import PHOTO_SPLITS, photo_folder
from tests.support.session import Session
from tests.support.session import session as open_session
from tests.support.study_files import SMALL, small_study
from tests.support.waiting import free_port, until
from trainables.run_queue import SCHEDSTAT

pytestmark = pytest.mark.slow
APPROACHES = tuple(SMALL["approaches"])
BUDGET_S = SMALL["budget"]["search_seconds"]
REPLICATES, RUNS = 2, 3  # a search that is repeated is the normal case; the second replicate has one run less
FINAL_RUNS = ("r0-seed0", "r1-seed0", "r0-seed1")
INCUMBENTS = {f"incumbent/{name}{replicate}" for name in APPROACHES for replicate in ("", "-r1")}
PHOTOS = {"source": "folder", "path": "photos", "skip_corrupt": True, "groups": "^[a-z]+[0-9]+"}
TEST_IMAGES = 3 * PHOTO_SPLITS["test"]


@dataclass(frozen=True)
class Study:
    """One study that was run, in a folder that holds its data and its file."""

    folder: Path
    name: str
    told: Finished

    @property
    def directory(self) -> Path:
        return self.folder / self.name

    @property
    def store(self) -> Store:
        return Store(str(self.directory))

    @property
    def events(self) -> list[TrialEvent]:
        return self.store.trial_events()

    @property
    def report(self) -> dict:
        return json.loads((self.directory / "report" / "report.json").read_text())

    @property
    def predictions(self) -> pd.DataFrame:
        return read_study(str(self.directory)).predictions


def prepared(folder: Path, **changes: object) -> None:
    """Photos, one of them damaged, and a study of them."""
    photo_folder(folder / "photos")
    (folder / "photos" / "train" / "red" / "red9_9.png").write_bytes(b"no picture")
    (folder / "study.yaml").write_text(yaml.safe_dump(small_study(**{"data": PHOTOS} | changes)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("studies")
    prepared(made, replicates=REPLICATES, final={"runs": RUNS})
    return made


@pytest.fixture(scope="module")
def study(folder) -> Study:
    with machine(folder) as here:
        return Study(folder, "mine", here.transfer_study("run", "study.yaml", "--out", "mine"))


@pytest.fixture(scope="module")
def session(folder) -> Iterator[Session]:
    """Of one slot, so that the same study takes the same course, and a resumed one finds other slots than it had."""
    with machine(folder) as here, open_session(here, cpus=1) as opened:
        yield opened


def assert_fair_and_complete(study: Study) -> None:
    """What holds of every finished study, however it was interrupted."""
    for account in study.report["approaches"].values():
        assert account["charged_seconds"] <= account["budget_seconds"] == REPLICATES * BUDGET_S
        assert len(account["final_runs"]) == RUNS
    assert study.report["search"]["charged_spread"] <= 0.05
    started = Counter(event.trial for event in study.events if event.event == "started")
    assert set(started.values()) == {1}
    evaluated = {event.trial for event in study.events if event.event == "evaluated"}
    assert evaluated == {f"{name}-{run}" for name in APPROACHES for run in FINAL_RUNS}
    assert {file.stem for file in (study.directory / "predictions").iterdir()} == evaluated


def test_a_study_ends_by_itself_and_says_where_it_is(study):
    assert study.told.code == 0, study.told.err
    assert study.told.err == ""
    assert study.told.out.splitlines()[-1] == "mine"


def test_the_last_screen_says_who_won_and_where_everything_is(study):
    out = study.told.out
    assert " ".join(study.report["verdict"].split()) in " ".join(out.split())
    assert "Report: mine/report/report.html" in out
    assert "transfer-study board mine" in out
    assert all(name in out for name in APPROACHES)


def test_without_a_terminal_each_phase_is_a_line(study):
    positions = [
        study.told.out.index(words) for words in ("Preparing", "Searching", "Final runs", "Writing the report")
    ]
    assert positions == sorted(positions)


def test_without_a_terminal_what_is_done_before_the_first_trial_is_a_line_each(study):
    counted = ("decoding images at 16 x 16", "decoding images at 32 x 32", "frozen features")
    once = ("Loading PyTorch", "Loading Ray", "Preparing", "reading images", "starting Ray", "building each approach")
    done = (*once, "starting a process in a slot", *counted, "timing a step", "Searching", "starting processes")
    lines = study.told.out.splitlines()
    told = [[number for number, line in enumerate(lines) if words in line] for words in done]
    assert [numbers[0] for numbers in told] == sorted(numbers[0] for numbers in told)
    assert {len(numbers) for words, numbers in zip(done, told, strict=True) if words in once} == {1}
    assert "" not in lines[: told[-1][0]]


def test_a_study_directory_holds_what_others_rely_on(study):
    names = {file.relative_to(study.directory).as_posix() for file in study.directory.rglob("*") if file.is_file()}
    assert {"study.yaml", "data.json", "environment.json"} <= names
    assert {"report/report.html", "report/report.md", "report/report.json"} <= names
    assert sum(name.startswith("predictions/") for name in names) == len(APPROACHES) * RUNS
    assert not [name for name in names if name.startswith("checkpoints/") or name.endswith(".part")]


def test_the_study_file_in_it_gives_the_same_study_again(study):
    from study.config.study_file import read_config

    kept = read_config(str(study.directory / "study.yaml"))
    assert kept == read_config(str(study.folder / "study.yaml"))


def test_every_finished_study_is_fair_and_complete(study):
    assert_fair_and_complete(study)


def test_the_report_has_the_names_that_others_rely_on(study):
    report = study.report
    assert report["approaches"].keys() == set(APPROACHES)
    for approach in report["approaches"].values():
        assert approach["accuracy"].keys() >= {"estimate", "low", "high"}
        assert approach.keys() >= {"charged_seconds", "budget_seconds", "trials", "cut", "failed"}
        assert approach.keys() >= {"incumbent", "final_runs"}
    assert len(report["pairs"]) == 3
    for pair in report["pairs"]:
        assert pair.keys() >= {"a", "b", "difference", "low", "high", "p", "p_adjusted", "df", "verdict"}
        assert pair["verdict"] in ("a_better", "b_better", "equivalent", "undecided")
    assert report["search"].keys() >= {"wall_seconds", "slots", "utilisation"}
    assert report["environment"]["packages"]["ray"]


def test_the_report_counts_the_data_and_names_what_was_skipped(study):
    data = study.report["data"]
    assert (data["classes"], data["train"], data["valid"], data["test"]) == (3, 24, 12, TEST_IMAGES)
    assert len(data["fingerprint"]) == 64
    assert data["skipped"] == ["train/red/red9_9.png"]
    assert "red9_9.png" in (study.directory / "report" / "report.html").read_text()


def test_the_ledger_of_the_report_is_the_sum_of_the_records(study):
    last = {event.trial: event for event in study.events if event.phase == "search"}
    owed = feature_charges(study.store.feature_costs(), "first_use")
    assert owed.keys() == {"feature_svm"}
    for name, account in study.report["approaches"].items():
        trials = [event.charged_s for event in last.values() if event.approach == name]
        assert account["charged_seconds"] == pytest.approx(sum(trials) + REPLICATES * owed.get(name, 0.0))
        assert account["trials"] == len(trials)


def test_no_trial_charged_more_than_its_allowance(study):
    assert all(event.charged_s <= event.allowance_s for event in study.events)


def test_every_trial_that_ended_and_every_set_of_features_has_its_seconds_of_cpu(study):
    ended = [event for event in study.events if event.event in ENDINGS]
    assert ended
    assert all(event.cpu_s is not None and event.cpu_s > 0 for event in ended)
    assert all(cost.cpu_s is not None and cost.cpu_s > 0 for cost in study.store.feature_costs())
    if SCHEDSTAT.exists():
        assert all(0 <= event.waited_s <= event.charged_s + event.overshoot_s for event in ended)


def test_the_published_configurations_came_first(study):
    firsts = [event for event in study.events if event.event == "started" and event.index == 0]
    published = {name: SMALL["approaches"][name]["published"] for name in APPROACHES}
    for event in firsts:
        if event.phase == "search":
            assert event.origin == "published"
            assert published[event.approach].items() <= event.params.items()


def test_an_approach_that_ran_out_of_trials_is_reported_so(study):
    svm = study.report["approaches"]["feature_svm"]
    assert (svm["trials"], svm["exhausted"]) == (REPLICATES * 3, "max_trials: 3")


def test_the_search_never_saw_the_test_split(study):
    assert all(event.test_accuracy is None for event in study.events if event.phase == "search")
    scored = [event for event in study.events if event.test_accuracy is not None]
    assert {event.event for event in scored} == {"evaluated"}
    assert len(scored) == len(APPROACHES) * RUNS


def test_every_final_run_predicts_every_test_image_once(study):
    frame = study.predictions
    assert list(frame.columns[:6]) == ["approach", "seed", "image", "group", "label", "prediction"]
    assert list(frame.columns[6:]) == ["p_0", "p_1", "p_2"]
    images = frame.groupby(["approach", "seed"]).image
    assert (images.count() == TEST_IMAGES).all()
    assert (images.nunique() == TEST_IMAGES).all()
    assert len(images) == len(APPROACHES) * RUNS


def test_predictions_carry_the_true_class_and_the_group_of_each_image(study):
    classes = read_study(str(study.directory)).data.classes
    for image, group, label in study.predictions[["image", "group", "label"]].itertuples(index=False):
        assert image.startswith(f"test/{classes[label]}/{group}_")


def test_predictions_agree_with_the_accuracies_on_record(study):
    frame = study.predictions
    right = (frame.label == frame.prediction).groupby([frame.approach, frame.seed]).mean()
    for event in study.events:
        if event.event == "evaluated":
            assert right[event.approach, event.index] == pytest.approx(event.test_accuracy)


def test_every_trial_has_its_curves(study):
    runs = {path.parent.relative_to(study.directory / "tensorboard").as_posix() for path in curves(study)}
    trials = {f"{event.phase}/{event.trial}" for event in study.events}
    assert runs == trials | INCUMBENTS


def curves(study: Study) -> Iterator[Path]:
    return (study.directory / "tensorboard").rglob("events.out.tfevents.*")


def test_status_sums_a_study_up(study, transfer_study):
    told = transfer_study("status", study.directory)
    assert told.code == 0
    assert "finished" in told.out
    for name in APPROACHES:
        (line,) = [line for line in told.out.splitlines() if line.startswith(name)]
        assert f"/ {REPLICATES * BUDGET_S} s" in line
        assert line.split()[-1] == str(RUNS)


def test_the_report_can_be_written_again_from_the_records_alone(study, transfer_study):
    before = study.report
    (study.directory / "report" / "report.json").unlink()
    told = transfer_study("report", study.directory)
    assert told.out.split()[-3:] == [f"{study.directory}/report/report.{kind}" for kind in ("html", "md", "json")]
    assert json.loads((study.directory / "report" / "report.json").read_text())["headline"] in " ".join(
        told.out.split()
    )
    assert study.report == before


@pytest.mark.parametrize(("options", "phases"), [((), {"final"}), (("--trials",), {"final", "search"})])
def test_the_curves_are_served(study, options, phases):
    """By default those that compare the approaches; with --trials every trial."""
    expected = INCUMBENTS | {f"{event.phase}/{event.trial}" for event in study.events if event.phase in phases}
    port = free_port()
    served: set[str] = set()

    def answers() -> bool:
        try:
            with urlopen(f"http://127.0.0.1:{port}/data/runs", timeout=10) as answer:
                served.update(json.load(answer))
        except (URLError, ConnectionError, TimeoutError):
            return False
        return served >= expected

    with machine(study.folder) as here:
        board = here.started("board", study.directory, "--port", port, *options)
        try:
            until(answers, board)
        finally:
            os.killpg(board.pid, signal.SIGTERM)
            board.communicate()
    assert served == expected


def test_one_process_at_a_time_runs_a_study(study, session):
    with FileLock(study.directory / ".lock"):
        complaint = session.transfer_study("resume", "mine").complaint
    assert "another process runs this study" in complaint


def test_a_directory_that_holds_a_study_is_not_overwritten(study, transfer_study):
    before = contents(study.directory)
    complaint = transfer_study(
        "run", study.folder / "study.yaml", "--out", study.directory,
        "--set", f"data.path={study.folder / 'photos'}",
    ).complaint  # fmt: skip
    assert "holds a study already; resume it, or choose another directory" in complaint
    assert contents(study.directory) == before


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_finished_study_has_nothing_to_resume(study, session):
    before, predicted, report = contents(study.directory / "records"), study.predictions, study.report
    told = session.transfer_study("resume", "mine")
    assert told.code == 0, told.err
    assert contents(study.directory / "records") == before
    pd.testing.assert_frame_equal(study.predictions, predicted)
    assert study.report["approaches"] == report["approaches"]
    assert study.report["pairs"] == report["pairs"]


def test_final_runs_whose_predictions_are_gone_or_damaged_are_done_again_and_no_other_is(study, session):
    copy = Path(shutil.copytree(study.directory, study.folder / "lost"))
    gone, damaged, *_ = sorted((copy / "predictions").iterdir())
    gone.unlink()
    damaged.write_bytes(damaged.read_bytes()[:-50])
    before = {event.trial: event.order for event in Store(str(copy)).trial_events()}
    told = session.transfer_study("resume", "lost")
    assert told.code == 0, told.err
    assert told.out.count("this run is done again") == 2
    events = Store(str(copy)).trial_events()
    assert {event.trial for event in events if event.order > before[event.trial]} == {gone.stem, damaged.stem}
    assert {event.trial for event in events if event.event == "lost"} == {gone.stem, damaged.stem}
    assert check_study(str(copy)).findings == ()


def test_the_same_study_and_seed_try_the_same_configurations_and_predict_the_same(tmp_path, session):
    """On one CPU, where nothing is cut short."""
    changes: dict[str, Any] = {f"approaches__{name}__max_trials": 3 for name in APPROACHES}
    changes["approaches__better_cnn__space__epochs"] = {"int": [1, 10]}
    prepared(tmp_path, **changes, budget={"search_seconds": 120, "trial_seconds": 40}, final={"runs": 1})
    one, other = (
        Study(tmp_path, name, session.transfer_study("run", "study.yaml", "--out", name, folder=tmp_path))
        for name in ("one", "other")
    )
    assert (one.told.code, other.told.code) == (0, 0), one.told.err + other.told.err
    assert {event.event for event in one.events} >= {"finished"}
    assert not {"cut", "failed"} & {event.event for event in one.events}
    assert configurations(one) == configurations(other)
    order = ["approach", "seed", "image"]
    pd.testing.assert_frame_equal(*(study.predictions.sort_values(order, ignore_index=True) for study in (one, other)))


def configurations(study: Study) -> dict[str, tuple]:
    return {
        event.trial: (event.seed, event.params, event.conditioned_on)
        for event in study.events
        if event.event == "started"
    }


def test_data_that_changed_since_are_refused(study, session):
    picture = study.folder / "photos" / "train" / "red" / "red0_0.png"
    original = picture.read_bytes()
    picture.write_bytes((study.folder / "photos" / "train" / "red" / "red0_1.png").read_bytes())
    try:
        told = session.transfer_study("resume", "mine")
    finally:
        picture.write_bytes(original)
    assert "mine: the data has changed since the study began" in told.complaint


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"backbones__glyphs__model": "shufflenet_v3"}, ("shufflenet_v3", "shufflenet_v2")),
        ({"backbones__glyphs__model": "resnet18"}, ("resnet18", "shufflenet_v2_x0_5")),
        ({"approaches__better_cnn__image_size": [8, 8]}, ("8 x 8", "image_size")),
    ],
)
def test_what_only_the_approaches_can_know_is_refused_before_anything_is_written(tmp_path, session, changes, words):
    """An unknown model, weights that do not fit, images too small for the layers."""
    prepared(tmp_path, **changes)
    complaint = session.transfer_study("run", "study.yaml", "--out", "refused", folder=tmp_path).complaint
    for word in words:
        assert word in complaint
    assert not (tmp_path / "refused").exists()


def test_features_that_cost_too_much_of_the_budget_are_refused(tmp_path, session):
    prepared(tmp_path, budget={"search_seconds": 0.002, "trial_seconds": 0.002})
    complaint = session.transfer_study("run", "study.yaml", "--out", "refused", folder=tmp_path).complaint
    assert "budget.search_seconds: 0.002 s is too small for one trial of feature_svm" in complaint
    assert "raise it to at least" in complaint
    assert not (tmp_path / "refused").exists()
