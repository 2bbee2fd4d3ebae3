import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from analysis.records.errors import RecordsError
from analysis.records.predictions import check_predictions
from analysis.records.schema import (
    ENDINGS,
    SCHEMA_VERSION,
    BudgetSettings,
    DataInfo,
    EventName,
    FeatureCost,
    PhaseEvent,
    Record,
    TrialEvent,
)
from analysis.records.store import Store, read_study
from analysis.records.trials import SCORES, TRIAL_COLUMNS, costs_by_approach, feature_charges, trial_table
from tests.support.synthetic_study import predictions


def event(order: int, name: str, **more: object) -> TrialEvent:
    fixed = {"trial": "t", "order": order, "event": name, "approach": "a", "phase": "search", "index": 0}
    return TrialEvent(**{**fixed, "time": float(order), **more})


def table(*events: TrialEvent) -> pd.DataFrame:
    return trial_table(pd.DataFrame([e.model_dump() for e in events]))


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
    written = event(0, "started", params={"lr": 1e-3, "scale": True, "kernel": "rbf"}, allowance_s=20.0, lr=0.1)
    store.write_trial_event(written)
    assert store.trial_events() == [written]


def test_a_study_can_be_read_from_a_uri(study_dir):
    assert read_study(f"file://{study_dir}/").settings.name == "three-boats"


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    store = Store(str(tmp_path))
    store.write_bytes("a/b.json", b"old")
    (tmp_path / "a" / "b.json.part").write_bytes(b"half of a new")  # what a crash leaves
    assert store.read_bytes("a/b.json") == b"old"
    assert store.names("a", ".json") == ["a/b.json"]
    store.write_bytes("a/b.json", b"new")
    assert store.read_bytes("a/b.json") == b"new"
    assert store.names("a", "") == ["a/b.json"]


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

    class Later(Record):  # as records will be once SCHEMA_VERSION is 2
        schema_version: int = Field(2, ge=1, le=2)

    store = Store(str(tmp_path))
    store.write_record("new.json", Later())
    store.write_bytes("old.json", b"{}")
    versions = {name: store.read_record(name, Later).schema_version for name in ("new.json", "old.json")}
    assert versions == {"new.json": 2, "old.json": 1}


def test_a_study_of_before_there_were_versions_reads_as_one_of_today(study_dir):
    today = read_study(study_dir)
    for path in Path(study_dir).rglob("*.json"):
        content = json.loads(path.read_text())
        content.pop("schema_version", None)
        path.write_text(json.dumps(content))
    before = read_study(study_dir)
    pd.testing.assert_frame_equal(before.events, today.events)
    assert (before.data, before.phases, before.features) == (today.data, today.phases, today.features)


@pytest.mark.parametrize("kind", Record.__subclasses__())
def test_every_kind_of_record_is_written_in_the_version_of_this_program(study_dir, kind):
    store = Store(study_dir)
    (name, *_) = {
        TrialEvent: store.names("records", ".json"),
        PhaseEvent: store.names("phases", ".json"),
        FeatureCost: store.names("features", ".json"),
        DataInfo: ["data.json"],
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
        f"{path}: written in schema version 7, and this program reads versions up to 1; install a newer transfer-study"
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


def test_predictions_without_probabilities_stand_beside_others(tmp_path):
    store = Store(str(tmp_path))
    full = predictions("a", 1, accuracy=0.5)
    store.write_predictions("a", full)
    store.write_predictions("b", full.drop(columns=["p_0", "p_1", "p_2"]).assign(approach="b", group=None))
    joined = store.predictions()
    assert len(joined) == 2 * len(full)
    assert joined.p_0.isna().sum() == len(full)


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


def test_a_trial_is_what_its_events_say():
    trials = table(
        event(0, "started", allowance_s=20.0, params={"lr": 0.1}),
        event(1, "validated", charged_s=5.0, best_accuracy=0.7, best_at_s=4.0),
        event(2, "finished", charged_s=12.0, best_accuracy=0.7, best_at_s=4.0, overshoot_s=0.2),
    )
    row = trials.iloc[0]
    assert (row.status, row.charged_s, row.refunded_s, row.overshoot_s) == ("finished", 12.0, 8.0, 0.2)
    assert (row.best_accuracy, row.best_at_s, row.params) == (0.7, 4.0, {"lr": 0.1})


def test_a_final_run_keeps_its_ending_after_it_was_evaluated():
    trials = table(event(0, "started"), event(1, "cut", charged_s=9.0), event(2, "evaluated", charged_s=9.0))
    assert trials.status.tolist() == ["cut"]


def test_a_trial_that_still_runs_has_refunded_nothing():
    row = table(event(0, "started", allowance_s=20.0), event(1, "heartbeat", charged_s=3.0)).iloc[0]
    assert (row.status, row.charged_s, row.refunded_s) == ("running", 3.0, 0.0)


def test_a_trial_interrupted_by_a_crash_is_lost_until_it_goes_on():
    first = (event(0, "started", allowance_s=20.0), event(1, "lost", charged_s=3.0, reason="worker died"))
    assert table(*first).status.tolist() == ["lost"]
    assert table(*first, event(2, "heartbeat", charged_s=4.0)).status.tolist() == ["running"]


def test_a_trial_that_was_lost_and_then_finished_is_finished_and_says_what_was_lost():
    row = table(
        event(0, "started", allowance_s=20.0, params={"lr": 0.1}),
        event(1, "validated", charged_s=5.0, best_accuracy=0.7, best_at_s=4.0),
        event(2, "lost", charged_s=5.0, lost_s=3.0, best_accuracy=0.7, best_at_s=4.0, reason="worker died"),
        event(3, "heartbeat", charged_s=8.0, lost_s=3.0, best_accuracy=0.7, best_at_s=4.0, allowance_s=20.0),
        event(4, "finished", charged_s=12.0, lost_s=3.0, best_accuracy=0.8, best_at_s=11.0),
    ).iloc[0]
    assert (row.status, row.charged_s, row.lost_s, row.best_accuracy) == ("finished", 12.0, 3.0, 0.8)
    assert (row.allowance_s, row.refunded_s, row.params) == (20.0, 8.0, {"lr": 0.1})
    assert (row.reason, row.started, row.ended) == ("worker died", 0.0, 4.0)


def test_a_trial_that_failed_after_it_was_lost_names_its_last_reason_and_keeps_what_it_charged():
    row = table(
        event(0, "started", allowance_s=20.0),
        event(1, "lost", charged_s=3.0, reason="worker died"),
        event(2, "failed", charged_s=4.0, reason="out of memory"),
    ).iloc[0]
    assert (row.status, row.reason, row.charged_s, row.refunded_s) == ("failed", "out of memory", 4.0, 16.0)


def test_an_evaluated_final_run_keeps_the_accuracies_of_all_its_events():
    row = table(
        event(0, "started", phase="final", allowance_s=20.0),
        event(1, "finished", phase="final", charged_s=9.0, best_accuracy=0.7, best_at_s=4.0),
        event(2, "evaluated", phase="final", charged_s=9.0, test_accuracy=0.6),  # says nothing of the validation
    ).iloc[0]
    assert (row.status, row.best_accuracy, row.best_at_s, row.test_accuracy) == ("finished", 0.7, 4.0, 0.6)
    assert (row.refunded_s, row.ended) == (11.0, 1.0)


def test_an_allowance_that_was_exceeded_is_no_negative_refund():
    row = table(event(0, "started", allowance_s=2.0), event(1, "cut", charged_s=2.5)).iloc[0]
    assert row.refunded_s == 0.0


def test_what_no_event_says_is_missing_in_the_table():
    row = table(event(0, "started")).iloc[0]
    unknown = ["reason", "best_accuracy", "best_at_s", "test_accuracy", "ended", "params", "origin"]
    assert row[unknown].isna().all()


def test_without_events_the_table_has_its_columns_and_no_row():
    trials = trial_table(pd.DataFrame(columns=list(TrialEvent.model_fields)))
    assert (len(trials), tuple(trials.columns)) == (0, TRIAL_COLUMNS)


MAYBE = st.none() | st.integers(0, 10).map(lambda n: n / 10)
EVENTS = st.fixed_dictionaries(
    {
        "trial": st.sampled_from("xyz"),
        "event": st.sampled_from(get_args(EventName)),
        "charged_s": st.integers(0, 30).map(float),
        "lost_s": st.integers(0, 5).map(float),
        "allowance_s": st.sampled_from([10.0, 20.0]),
        "steps": st.integers(0, 9),
        "best_accuracy": MAYBE,
        "test_accuracy": MAYBE,
        "reason": st.sampled_from([None, "worker died", "out of memory"]),
    }
)


def row_by_row(events: list[TrialEvent]) -> list[dict[str, object]]:
    """The table's definition, one trial and event after another."""
    rows: dict[str, dict[str, Any]] = {}
    for e in events:
        row = rows.setdefault(e.trial, {"trial": e.trial, "allowance_s": e.allowance_s, "status": "running"})
        row |= {"charged_s": e.charged_s, "lost_s": e.lost_s, "steps": e.steps}
        row |= {name: getattr(e, name) for name in (*SCORES, "reason") if getattr(e, name) is not None}
        if e.event in ENDINGS:
            row |= {"status": e.event, "ended": e.time}
        elif "ended" not in row:
            row["status"] = "lost" if e.event == "lost" else "running"
        refunded = max(0.0, row["allowance_s"] - e.charged_s)
        row["refunded_s"] = refunded if "ended" in row else 0.0
    return list(rows.values())


@given(st.lists(EVENTS, min_size=1, max_size=12))
def test_the_table_is_what_the_events_say_one_after_another(given_events):
    events = [event(order, e.pop("event"), **e) for order, e in enumerate(dict(e) for e in given_events)]
    found = [row[row.notna()].to_dict() for _, row in table(*events).iterrows()]
    expected = row_by_row(events)
    assert [{name: row[name] for name in wanted} for row, wanted in zip(found, expected, strict=True)] == expected
    unsaid = {"reason", "ended", *SCORES}
    assert [unsaid & row.keys() for row in found] == [unsaid & row.keys() for row in expected]


def test_trials_are_listed_in_the_order_they_started():
    events = [event(0, "started", trial=f"t{i:02d}", time=float(100 - i)) for i in range(40)]
    frame = pd.DataFrame([e.model_dump() for e in events]).sort_values("time")
    assert trial_table(frame).started.is_monotonic_increasing


def test_only_first_use_owes_the_features_once():
    feature = FeatureCost(key="k", backbone="b", image_size=(8, 8), cost_s=7.0, cached=True, approaches=("svm", "head"))
    assert feature_charges([feature, feature], "first_use") == {"svm": 14.0, "head": 14.0}
    assert feature_charges([feature], "every_trial") == {}
    assert feature_charges([feature], "free") == {}


def test_the_cost_of_features_is_known_whoever_pays():
    feature = FeatureCost(key="k", backbone="b", image_size=(8, 8), cost_s=7.0, cached=True, approaches=("svm", "head"))
    other = feature.model_copy(update={"cost_s": 2.0, "approaches": ("svm",)})
    assert costs_by_approach([feature, other]) == {"svm": 9.0, "head": 7.0}


def test_phases_keep_their_order(tmp_path):
    store = Store(str(tmp_path))
    for phase in ("search", "prepare", "final"):
        store.write_phase_event(PhaseEvent(phase=phase, event="started"))
    assert [p.phase for p in store.phase_events()] == ["search", "prepare", "final"]


def test_reading_records_needs_neither_scipy_nor_matplotlib():
    heavy = "{'scipy', 'matplotlib', 'torch', 'ray'} & {name.split('.')[0] for name in sys.modules}"
    code = f"import sys, analysis.records.store; found = {heavy}; sys.exit(', '.join(found) or 0)"
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0
