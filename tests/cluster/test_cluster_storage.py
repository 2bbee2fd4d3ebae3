"""A study in an object store, on two nodes that share no disk with each other or with the driver.

In the middle of its search the store is out of reach for half a minute.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any
from urllib.request import urlopen

import pytest
import yaml
from pyarrow import fs

from analysis.records.schema import ENDINGS, TrialEvent
from analysis.records.store import Store
from study import cli
from study.config.models import StudyConfig
from study.lease import InUseError, Lease
from study.place import StudyError, new_directory
from study.runner import run
from tests.cluster.machines import Machines, Told, machines
from tests.cluster.object_store import BUCKET, Gate, client, environment, object_store
from tests.cluster.soundness import assert_sound
from tests.support.waiting import free_port, until

pytestmark = pytest.mark.cluster
OUTAGE_S = 30
URI = f"s3://{BUCKET}/deep/digits"
STUDY: dict[str, Any] = {
    "name": "digits",
    "data": {"source": "digits", "train_per_class": 5, "valid_per_class": 5},
    "backbones": {"glyphs": {"model": "shufflenet_v2_x0_5", "weights": "bundled"}},
    "approaches": {
        "cnn": {
            "approach": "tests.cluster.pretenders:Diarist",
            "image_size": [16, 16],
            "space": {"lr": {"loguniform": [1e-4, 1e-2]}, "epochs": {"int": [1, 30]}, "batch_size": 16},
        },
        "svm": {
            "approach": "feature_svm",
            "backbone": "glyphs",
            "image_size": [32, 32],
            "space": {"C": {"loguniform": [1e-2, 1e3]}},
            "max_trials": 3,
        },
    },
    "budget": {"search_seconds": 5, "trial_seconds": 1},
    "replicates": 1,
    "final": {"runs": 2},
    "slot": {"cpus": 1, "gpus": 0},
    # Trials that wait for a checkpoint to be written would leave the driver nothing to write, and to say, in an outage.
    "pace": {"heartbeat_seconds": 0.1, "checkpoint_seconds": 0.9},
    "storage": f"s3://{BUCKET}/deep",
}
RUNS = {f"{name}-r0-seed{seed}" for name in STUDY["approaches"] for seed in range(2)}


@pytest.fixture(scope="module")
def store() -> Iterator[Gate]:
    with pytest.MonkeyPatch.context() as patched, object_store() as gate:
        for name, value in environment(gate).items():
            patched.setenv(name, value)  # for this process, the nodes and the driver
        yield gate


@pytest.fixture(scope="module")
def cluster(store, tmp_path_factory) -> Iterator[Machines]:
    with machines(tmp_path_factory.mktemp("machines"), "node-a", "node-b") as made:
        (made.folder / "driver" / "study.yaml").write_text(yaml.safe_dump(STUDY))
        yield made


@pytest.fixture(scope="module")
def ran(cluster, store) -> Told:
    study = Store(URI)
    process = cluster.start("run", "study.yaml", "--address", cluster.address)
    until(lambda: any(name.split("-")[-1].removesuffix(".json") in ENDINGS for name in study.names("records")), process)
    store.close()
    time.sleep(OUTAGE_S)
    store.open()
    return Told.by(process)


@pytest.fixture(scope="module")
def events(ran) -> list[TrialEvent]:
    assert ran.code == 0, ran.err
    return Store(URI).trial_events()


def test_the_study_ends_by_itself_and_its_last_screen_names_uris(ran):
    assert ran.code == 0, ran.err
    assert f"Report: {URI}/report/report.html" in ran.out
    assert f"Curves: transfer-study board {URI}" in ran.out
    assert ran.out.splitlines()[-1] == URI


def test_an_outage_is_said_and_waited_for(ran):
    assert "trying again for" in ran.err
    assert URI in ran.err
    assert "Traceback" not in ran.err


def test_an_outage_loses_and_repeats_nothing(events, cluster):
    assert_sound(URI, cluster.diary)
    assert not [event for event in events if event.event in ("lost", "failed")]
    started = {event.trial for event in events if event.event == "started"}
    assert {event.trial for event in events if event.event in ENDINGS} == started


def test_no_approach_spends_more_than_its_budget(events):
    last = {event.trial: event for event in events if event.phase == "search"}
    for name in STUDY["approaches"]:
        charged = sum(event.charged_s for event in last.values() if event.approach == name)
        assert 0 < charged <= STUDY["budget"]["search_seconds"]


def test_everything_lies_in_the_store_and_nothing_is_left_over(events, store):
    """Seen by a client that knows nothing of this project."""
    found = client(store).get_file_info(fs.FileSelector(f"{BUCKET}/deep/digits", recursive=True))
    names = {info.path.removeprefix(f"{BUCKET}/deep/digits/") for info in found if info.type == fs.FileType.File}
    assert {"study.yaml", "data.json", "environment.json"} <= names
    assert {f"report/report.{kind}" for kind in ("html", "md", "json")} <= names
    assert {f"predictions/{run}.parquet" for run in RUNS} <= names
    assert not [name for name in names if name.startswith(("checkpoints/", "drivers/", "data/")) or ".part" in name]


def test_every_trial_has_its_curves_in_the_store(events):
    runs = {name.rsplit("/", 1)[0].removeprefix("tensorboard/") for name in Store(URI).names("tensorboard")}
    assert runs == {f"{it.phase}/{it.trial}" for it in events} | {f"incumbent/{name}" for name in STUDY["approaches"]}


def test_the_machines_share_no_files(events, cluster):
    assert (cluster.cache("node-a") / "features").exists()  # both nodes worked
    assert (cluster.cache("node-b") / "features").exists()
    assert not (cluster.cache("driver") / "features").exists()  # and the driver did not
    assert not (cluster.folder / "driver" / "results").exists()


def test_status_reads_the_uri(events, cluster):
    told = cluster.tell("status", URI)
    assert (told.code, told.err) == (0, "")
    assert f"digits in {URI}: finished" in told.out
    assert all(name in told.out for name in STUDY["approaches"])


def test_the_report_can_be_written_again_from_the_uri(events, cluster):
    before = json.loads(Store(URI).read_bytes("report/report.json"))
    Store(URI).delete("report/report.json")
    told = cluster.tell("report", URI)
    assert (told.code, told.err) == (0, "")
    assert told.out.split()[-3:] == [f"{URI}/report/report.{kind}" for kind in ("html", "md", "json")]
    assert before["headline"] in " ".join(told.out.split())
    assert json.loads(Store(URI).read_bytes("report/report.json")) == before


def test_a_second_driver_is_refused_while_one_runs(events):
    with Lease(Store(URI)), pytest.raises(InUseError, match=rf"process {os.getpid()}\) runs this study; wait for it"):
        Lease(Store(URI)).__enter__()
    assert Store(URI).names("drivers") == []


def test_a_finished_study_is_resumed_from_its_uri_and_runs_nothing_again(events, cluster):
    told = cluster.tell("resume", URI, "--address", cluster.address)
    assert told.code == 0, told.err
    assert told.out.splitlines()[-1] == URI
    assert Store(URI).trial_events() == events


def test_a_new_run_takes_a_place_of_its_own_and_never_that_of_another(events):
    config = StudyConfig.model_validate(STUDY)
    assert new_directory(config) == f"{URI}-2"
    with pytest.raises(StudyError, match=f"{URI}: holds a study already; resume it"):
        run(config, URI)


def test_the_curves_are_served_from_the_uri(events, cluster):
    expected = {f"final/{run}" for run in RUNS} | {f"incumbent/{name}" for name in STUDY["approaches"]}
    port = free_port()
    served: set[str] = set()

    def answers() -> bool:
        with suppress(OSError), urlopen(f"http://127.0.0.1:{port}/data/runs", timeout=10) as answer:
            served.update(json.load(answer))
        return served >= expected

    board = cluster.start("board", URI, "--port", port)
    try:
        until(answers, board)
    finally:
        board.terminate()
        board.communicate()
    assert served == expected


@pytest.mark.parametrize("command", ["status", "report", "board", "resume"])
def test_a_uri_that_holds_no_study_is_refused(store, complaint, command):
    uri = f"s3://{BUCKET}/nothing"
    assert (
        complaint(command, uri) == f"{uri}: not a study directory (no study.yaml in it); give the directory of a study"
    )


def test_a_bucket_that_is_not_there_is_refused_at_once(store, complaint):
    assert "NO_SUCH_BUCKET" in complaint("run", "digits", "--out", "s3://nobody/there")


@pytest.fixture
def complaint(monkeypatch, capsys) -> Callable[..., str]:
    """The one line with which a command is refused."""

    def told(*arguments: str) -> str:
        monkeypatch.setattr("sys.argv", ["transfer-study", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code == 2
        (line,) = capsys.readouterr().err.splitlines()
        return line.removeprefix("error: ")

    return told
