import json
import os
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from pydantic import Field

from analysis.checking.check import check_study
from analysis.records.errors import RecordsError
from analysis.records.predictions import check_predictions
from analysis.records.reading import StudyRecords, read_study
from analysis.records.schema import (
    SCHEMA_VERSION,
    BudgetSettings,
    DataInfo,
    FeatureCost,
    LookEvent,
    PhaseEvent,
    Record,
    TrialEvent,
)
from analysis.records.store import Store
from analysis.records.trials import trial_table
from analysis.report.write import write_report
from tests.support.synthetic_study import SETTINGS, StudyWriter, data_info, predictions


def test_a_study_is_read_as_it_was_written(study_dir):
    study = read_study(study_dir)
    assert study.settings.name == "three-boats"
    assert study.data is not None
    assert study.data.test == 120
    assert [phase.event for phase in study.phases] == ["started", "exhausted", "finished", "started", "finished"]
    assert study.events.time.is_monotonic_increasing
    assert len(study.predictions) == 3 * 3 * 120
    assert study.environment["hardware"] == {"cpus": 2}


def test_an_event_survives_the_round_trip(tmp_path):
    store = Store(str(tmp_path))
    identity = {"trial": "t", "order": 0, "event": "started", "approach": "a", "phase": "search", "index": 0}
    given = {"time": 0.0, "params": {"lr": 1e-3, "scale": True, "kernel": "rbf"}, "allowance_s": 20.0, "lr": 0.1}
    written = TrialEvent(**identity, **given)
    store.write_trial_event(written)
    assert store.trial_events() == [written]


def test_a_study_that_began_with_a_name_in_nfd_is_read_as_it_was_written(tmp_path):
    """Before names were composed, the study file, its records and their names all had it so."""
    name = unicodedata.normalize("NFD", "été")
    writer = StudyWriter(tmp_path)
    writer.store.write_bytes("study.yaml", yaml.safe_dump(SETTINGS | {"approaches": {name: {}}}).encode())
    writer.store.write_record("data.json", data_info())
    writer.phase("search", "started", slots=1)
    writer.trial(name, 0, "finished", 20.0, 0.55)
    writer.final(name, 0, predictions(name, 0, accuracy=0.8).assign(group=None))
    study = read_study(str(tmp_path))
    assert set(study.events.trial) == {f"{name}-r0-0000", f"{name}-r0-seed0"}
    assert len(study.predictions) == 120
    unreadable = [line for line in check_study(str(tmp_path)).findings if "name" in line or "cannot" in line]
    assert unreadable == []


def test_a_study_can_be_read_from_a_uri(study_dir):
    assert read_study(f"file://{study_dir}/").settings.name == "three-boats"


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    store = Store(str(tmp_path))
    store.write_bytes("a/b.json", b"old")
    left = tmp_path / "a" / f".{'ab' * 16}.part"
    left.write_bytes(b"half of a new")  # what a crash leaves
    assert store.read_bytes("a/b.json") == b"old"
    assert store.names("a", ".json") == ["a/b.json"]
    store.write_bytes("a/b.json", b"new")
    assert store.read_bytes("a/b.json") == b"new"
    assert store.names("a", "") == ["a/b.json"]
    os.utime(left, (1e9, 1e9))  # younger ones may be another node's, whose locks do not hold here
    store.sweep()
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.json"]


@pytest.mark.parametrize(
    "name",
    [
        "study.yaml",
        "data.json",
        "environment.json",
        "features/k.json",
        "phases/0000-search-started.json",
        "records/fine_tune-r0-0000/0000-started.json",
        "predictions/fine_tune-r0-seed0.parquet",
    ],
)
def test_a_damaged_file_is_named_in_one_line(study_dir, name):
    path = Path(study_dir, name)
    path.write_bytes(path.read_bytes()[:12] + b"\x00:[")
    with pytest.raises(RecordsError) as error:
        read_study(study_dir)
    assert name in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"", b'{"trial": "fine_tu'])
def test_a_torn_last_record_of_a_trial_may_be_deleted_and_the_message_says_so(study_dir, content):
    path = Path(study_dir, "records/fine_tune-r0-0000/0002-cut.json")
    path.write_bytes(content)
    with pytest.raises(RecordsError, match=r"0002-cut\.json: not a TrialEvent \(.*; delete it, and its trial goes on"):
        read_study(study_dir)
    path.unlink()
    trials = trial_table(read_study(study_dir).events).set_index("trial")
    assert trials.status["fine_tune-r0-0000"] == "running"


def test_a_damaged_record_in_the_middle_of_a_trial_is_to_be_restored(study_dir):
    Path(study_dir, "records/fine_tune-r0-0000/0001-validated.json").write_bytes(b"")
    with pytest.raises(RecordsError, match=r"0001-validated\.json: .*; restore it from a copy of the study"):
        read_study(study_dir)


def test_a_file_gets_its_name_only_when_its_content_is_on_the_disk(tmp_path, monkeypatch):
    done: list[tuple[str, object]] = []
    sync, rename = os.fsync, os.replace

    def noted_sync(file: int) -> None:
        done.append(("sync", os.fstat(file).st_size))
        sync(file)

    def noted_rename(old: str, new: str) -> None:
        done.append(("rename", Path(new).name))
        rename(old, new)

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(os, "replace", noted_rename)
    Store(str(tmp_path)).write_bytes("records/t/0000-started.json", b"twelve bytes")
    assert done == [("sync", 12), ("rename", "0000-started.json")]


# As they were written before records had a schema version.
OLD_RECORDS: dict[str, tuple[type[Record], bytes]] = {
    "records/svm-r0-seed0/0003-evaluated.json": (
        TrialEvent,
        b'{"trial":"svm-r0-seed0","order":3,"event":"evaluated","time":1163.0,"approach":"svm","phase":"final",'
        b'"replicate":0,"index":0,"seed":900,"allowance_s":0.0,"charged_s":15.0,"overshoot_s":0.0,"uncharged_s":0.0,'
        b'"lost_s":0.0,"epoch":0.0,"steps":0,"test_accuracy":0.85,"probabilities":"calibrated_on_validation"}',
    ),
    "phases/0001-search-exhausted.json": (
        PhaseEvent,
        b'{"phase":"search","event":"exhausted","time":1050.0,"approach":"svm","replicate":0,"reason":"no more"}',
    ),
    "features/k.json": (
        FeatureCost,
        b'{"key":"k","backbone":"resnet","image_size":[32,32],"cost_s":10.0,"cached":true,"approaches":["svm"]}',
    ),
    "data.json": (
        DataInfo,
        b'{"source":"folder boats","fingerprint":"f0","classes":["ferry","tug"],"train":2,"valid":1,"test":1,'
        b'"counts":{"train":[1,1],"valid":[1,0],"test":[0,1]},"grouped":false,"skipped":[],"duplicates":0}',
    ),
}


@pytest.mark.parametrize("name", OLD_RECORDS)
def test_a_record_of_before_there_were_versions_is_of_version_1_and_says_the_same(tmp_path, name):
    kind, content = OLD_RECORDS[name]
    store = Store(str(tmp_path))
    store.write_bytes(name, content)
    found = store.read_record(name, kind)
    assert found.schema_version == 1
    store.write_record(name, found)
    assert json.loads(store.read_bytes(name)) == {"schema_version": 1, **json.loads(content)}


def test_what_is_written_is_of_the_version_of_this_program_and_what_does_not_say_is_of_the_first(tmp_path):
    assert Record.model_fields["schema_version"].default == SCHEMA_VERSION

    class Later(Record):  # as records will be once SCHEMA_VERSION is one more
        schema_version: int = Field(SCHEMA_VERSION + 1, ge=1, le=SCHEMA_VERSION + 1)

    store = Store(str(tmp_path))
    store.write_record("new.json", Later())
    store.write_bytes("old.json", b"{}")
    versions = {name: store.read_record(name, Later).schema_version for name in ("new.json", "old.json")}
    assert versions == {"new.json": SCHEMA_VERSION + 1, "old.json": 1}


def test_a_study_of_before_there_were_versions_reads_as_one_of_today(study_dir):
    today = read_study(study_dir)
    for path in Path(study_dir).rglob("*.json"):
        content = json.loads(path.read_text())
        content.pop("schema_version", None)
        path.write_text(json.dumps(content))
    before = read_study(study_dir)
    assert set(before.events.schema_version) == {1}
    pd.testing.assert_frame_equal(*(one.events.drop(columns="schema_version") for one in (before, today)))
    assert unversioned(before) == unversioned(today)


def unversioned(study: StudyRecords) -> list[dict[str, Any]]:
    """What the records beside the events say, but for their version."""
    return [one.model_dump(exclude={"schema_version"}) for one in (study.data, *study.phases, *study.features) if one]


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("kind", Record.__subclasses__())
def test_every_kind_of_record_is_written_in_the_version_of_this_program(study_dir, kind):
    store = Store(study_dir)
    write_report(study_dir)  # a look
    (name, *_) = {
        TrialEvent: store.names("records", ".json"),
        PhaseEvent: store.names("phases", ".json"),
        FeatureCost: store.names("features", ".json"),
        DataInfo: ["data.json"],
        LookEvent: store.names("looks", ".json"),
    }[kind]
    assert json.loads(store.read_bytes(name))["schema_version"] == SCHEMA_VERSION


def test_a_section_of_the_study_file_is_no_record_and_has_no_version():
    assert "schema_version" not in BudgetSettings(search_seconds=60, trial_seconds=20).model_dump()


@pytest.mark.parametrize(
    "name",
    ["data.json", "features/k.json", "phases/0000-search-started.json", "records/fine_tune-r0-0000/0002-cut.json"],
)
def test_a_record_of_a_later_version_is_refused_whatever_else_is_in_it(study_dir, name):
    path = Path(study_dir, name)
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema_version": 7, "carbon_g": 3}))
    with pytest.raises(RecordsError) as error:
        read_study(study_dir)
    assert str(error.value) == (
        f"{path}: written in schema version 7, and this program reads versions up to {SCHEMA_VERSION}; "
        "install a newer transfer-study"
    )


@pytest.mark.parametrize("version", [0, "one", None])
def test_what_is_no_version_is_a_damaged_record(study_dir, version):
    path = Path(study_dir, "data.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema_version": version}))
    with pytest.raises(RecordsError, match=r"data\.json: not a DataInfo \(schema_version: .*; restore it"):
        read_study(study_dir)


def test_a_wrong_value_in_the_study_file_is_named(study_dir):
    path = Path(study_dir, "study.yaml")
    path.write_text(path.read_text().replace("search_seconds: 60.0", "search_seconds: soon"))
    with pytest.raises(RecordsError, match=r"study.yaml: not a study file \(budget.search_seconds: "):
        read_study(study_dir)


@pytest.mark.parametrize("content", ["[1, 2]", "3", "null"])
def test_an_environment_that_names_nothing_is_refused(study_dir, content):
    Path(study_dir, "environment.json").write_text(content)
    with pytest.raises(RecordsError, match=r"environment\.json: a \w+, where names with values belong; restore it"):
        read_study(study_dir)


def test_a_file_of_predictions_that_holds_something_else_is_named(study_dir):
    path = Path(study_dir, "predictions/fine_tune-r0-seed1.parquet")
    pd.read_parquet(path).drop(columns="label").to_parquet(path)
    with pytest.raises(RecordsError, match=r"fine_tune-r0-seed1\.parquet: predictions lack the column 'label'"):
        read_study(study_dir)


def test_a_study_is_found_by_its_study_file_and_below_the_home_directory(study_dir, monkeypatch):
    monkeypatch.setenv("HOME", str(Path(study_dir).parent))
    for location in (f"{study_dir}/study.yaml", "~/study", "~/study/study.yaml", f"file://{study_dir}/study.yaml"):
        assert read_study(location).location.removeprefix("file://") == study_dir


def test_a_path_that_does_not_exist_is_said_to_be_no_directory(tmp_path):
    with pytest.raises(RecordsError, match=r"three-boots: no such directory; give the directory of a study"):
        read_study(f"{tmp_path}/three-boots")


def test_another_directory_is_no_study(tmp_path):
    with pytest.raises(RecordsError, match="not a study directory"):
        read_study(str(tmp_path))


def test_a_location_that_is_a_file_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordsError, match="cannot be written"):
        Store(str(tmp_path / "file")).write_bytes("a.json", b"")


def test_predictions_are_checked_before_they_are_written():
    good = predictions("a", 1, accuracy=0.5)
    check_predictions(good)
    with pytest.raises(RecordsError, match="lack the column 'label'"):
        check_predictions(good.drop(columns="label"))
    with pytest.raises(RecordsError, match="more than once"):
        check_predictions(pd.concat([good, good.tail(1)], ignore_index=True))
    with pytest.raises(RecordsError, match=r"row 3 sum to 1\.\d{4}; they must sum to 1"):
        check_predictions(good.assign(p_0=good.p_0.where(good.index != 3, good.p_0 + 0.05)))
    with pytest.raises(RecordsError, match=r"p_0 of row 3 is -0\.1; a probability lies in \[0, 1\]"):
        check_predictions(good.assign(p_0=good.p_0.where(good.index != 3, -0.1)))
    with pytest.raises(RecordsError, match="row 3 are given for some classes only"):
        check_predictions(good.assign(p_0=good.p_0.where(good.index != 3)))


def test_phases_keep_their_order(tmp_path):
    store = Store(str(tmp_path))
    for phase in ("search", "prepare", "final"):
        store.write_phase_event(PhaseEvent(phase=phase, event="started"))
    assert [p.phase for p in store.phase_events()] == ["search", "prepare", "final"]


def test_reading_records_needs_neither_scipy_nor_matplotlib():
    heavy = "{'scipy', 'matplotlib', 'torch', 'ray'} & {name.split('.')[0] for name in sys.modules}"
    code = f"import sys, analysis.records.store; found = {heavy}; sys.exit(', '.join(found) or 0)"
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0
