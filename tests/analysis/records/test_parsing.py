"""A record holds finite numbers where numbers belong, whatever JSON can spell."""

from __future__ import annotations

import json

import pytest

from analysis.records.errors import RecordsError
from analysis.records.parsing import parse_record
from analysis.records.schema import DataInfo, FeatureCost, LookEvent, PhaseEvent, Record, TrialEvent

EVENT = {
    "trial": "a-r0-0000",
    "order": 0,
    "event": "started",
    "time": 9.0,
    "approach": "a",
    "phase": "search",
    "index": 0,
}
PAIR = {"a": "a", "b": "b", "difference": 0.1, "p": 0.5, "verdict": "undecided"}
LOOK = {
    **{"time": 9.0, "replicates": 1, "search_seconds": 60.0, "runs": 1, "counted": ["a"], "test_reads": 1},
    **{"alpha": 0.05, "study": "name: n"},
}
COST = {"key": "k", "backbone": "b", "image_size": [8, 8], "cost_s": 1.0, "cached": False, "approaches": ["a"]}
DATA = {
    **{"source": "digits", "fingerprint": "f", "classes": ["a"], "train": 1, "valid": 1, "test": 1},
    "counts": {"test": [1]},
}
NUMBERS: dict[str, tuple[type[Record], dict[str, object], str]] = {
    "charged seconds": (TrialEvent, EVENT, "charged_s"),
    "a loss": (TrialEvent, EVENT, "train_loss"),
    "the order": (TrialEvent, EVENT, "order"),
    "the time of a phase": (PhaseEvent, {"phase": "search", "event": "started"}, "time"),
    "the cost of features": (FeatureCost, COST, "cost_s"),
    "the level of a look": (LookEvent, LOOK, "alpha"),
    "seconds of a look": (LookEvent, LOOK, "search_seconds"),
    "images": (DataInfo, DATA, "test"),
}
NO_NUMBERS = (
    '"nan"',
    '"inf"',
    '"-Infinity"',
    '"1.5"',
    '"1"',
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    "true",
    "1" * 4400,
)


def written(fields: dict[str, object], name: str, value: str) -> bytes:
    """The record as JSON, in which one number is spelt so."""
    return json.dumps({**fields, name: "HERE"}).replace('"HERE"', value).encode()


@pytest.mark.parametrize("value", NO_NUMBERS, ids=lambda value: value[:12])
@pytest.mark.parametrize("field", NUMBERS)
def test_what_is_no_finite_number_is_none_in_any_record(field, value):
    kind, fields, name = NUMBERS[field]
    with pytest.raises(RecordsError, match=f"^x.json: not a {kind.__name__} ") as e:
        parse_record("x.json", written(fields, name, value), kind)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e999"])
@pytest.mark.parametrize(
    ("kind", "fields"),
    [(TrialEvent, {**EVENT, "params": {"lr": "HERE"}}), (LookEvent, {**LOOK, "verdicts": [{**PAIR, "p": "HERE"}]})],
    ids=["a hyperparameter", "the p of a pair"],
)
def test_numbers_further_down_are_finite_too(kind, fields, value):
    with pytest.raises(RecordsError, match=r"(NaN|Infinity) is no number"):
        parse_record("x.json", json.dumps(fields).replace('"HERE"', value).encode(), kind)


def test_words_such_as_nan_are_texts_where_texts_belong():
    event = parse_record("x.json", json.dumps({**EVENT, "reason": "NaN", "params": {"C": "inf"}}).encode(), TrialEvent)
    assert (event.reason, event.params) == ("NaN", {"C": "inf"})


@pytest.mark.parametrize(
    ("kind", "fields"), [(TrialEvent, EVENT), (FeatureCost, COST), (LookEvent, LOOK), (DataInfo, DATA)]
)
def test_a_whole_number_is_a_number(kind, fields):
    content = json.dumps(fields).replace("1.0", "1").replace("9.0", "9").encode()
    assert parse_record("x.json", content, kind) == parse_record("x.json", json.dumps(fields).encode(), kind)
