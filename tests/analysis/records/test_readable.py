"""What is written can be read: a record by its own schema, before it is written. What is no study.yaml is refused."""

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.records.errors import RecordsError
from analysis.records.reading import read_study
from analysis.records.schema import FeatureCost, PhaseEvent, Record, TrialEvent
from analysis.records.store import Store

IDENTITY: Any = {"trial": "t", "order": 0, "event": "started", "approach": "a", "phase": "search", "index": 0}
number = st.floats()


# The records are made as a fault of the program would make them: unchecked.
@pytest.mark.parametrize(
    "record",
    [
        TrialEvent.model_construct(**IDENTITY, charged_s=math.inf),
        TrialEvent.model_construct(**IDENTITY, allowance_s=math.nan),
        TrialEvent.model_construct(**IDENTITY, time=-math.inf),
        FeatureCost.model_construct(
            key="k", backbone="b", image_size=(1, 1), cost_s=math.inf, cached=False, approaches=()
        ),
    ],
    ids=["charged", "allowance", "time", "features"],
)
def test_a_record_that_nobody_could_read_is_not_written(record, tmp_path):
    store = Store(str(tmp_path))
    with pytest.raises(RecordsError, match=r"r\.json: not a (TrialEvent|FeatureCost) \(\w+: .*\); it is not written"):
        store.write_record("r.json", record)
    assert list(tmp_path.iterdir()) == []


phases = st.builds(
    PhaseEvent.model_construct, phase=st.just("search"), event=st.just("started"), time=number, reason=st.text()
)
trials = st.builds(
    TrialEvent.model_construct,
    **{key: st.just(value) for key, value in IDENTITY.items()},
    charged_s=number,
    train_loss=number | st.none(),
    lr=number | st.none(),
)


@given(phases | trials)
def test_a_record_is_written_and_read_back_or_not_written(tmp_path_factory, record: Record):
    store = Store(str(tmp_path_factory.getbasetemp() / "readable"))
    store.delete("r.json")
    try:
        store.write_record("r.json", record)
    except RecordsError:
        assert not store.exists("r.json")
    else:
        assert store.read_record("r.json", type(record)).model_dump_json() == record.model_dump_json()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"name: " + b"[" * 5000, "nested more than 30 deep"),
        (b"name: caf\xe9", "byte 10 is not UTF-8"),
        (b"name: a\nname: b", "the key 'name' stands here and in line 1"),
        (b"a: " + b"x" * 200_000, "more than 100,000 characters"),
    ],
    ids=["nested", "bytes", "twice", "large"],
)
def test_a_study_file_in_a_studys_directory_that_cannot_be_read_is_refused_in_one_line(content, words, study_dir):
    (Path(study_dir) / "study.yaml").write_bytes(content)
    with pytest.raises(RecordsError, match=r"study\.yaml: not a study file") as caught:
        read_study(study_dir)
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
