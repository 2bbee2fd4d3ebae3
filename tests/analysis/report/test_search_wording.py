"""The sentences about a study and its search."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml

from analysis.records.store import Store
from analysis.report.summary import StudySummary
from analysis.report.wording.search import (
    choice_sentence,
    ended_early,
    gap_sentence,
    reads_sentence,
    study_sentence,
)
from analysis.search.delivery import Choice
from analysis.statistics.wilson import Gap
from tests.analysis.report.summaries import approach, summary
from tests.support.synthetic_study import SETTINGS


def ended(study: StudySummary, reason: str | None) -> str | None:
    svm = approach(study, "feature_svm")
    return ended_early(replace(svm, spending=replace(svm.spending, exhausted=reason)))


def test_only_an_empty_space_is_said_to_have_run_out_of_configurations(study_dir):
    study = summary(study_dir)
    assert ended(study, "all 2 grid points were tried") == (
        "ran out of configurations before its budget was spent: all 2 grid points were tried"
    )
    assert ended(study, "max_trials: 40") == "reached max_trials (40) before its budget was spent"
    assert ended(study, "its last 5 trials failed") == (
        "was stopped before its budget was spent: its last 5 trials failed"
    )
    assert ended(study, None) is None


def test_where_one_search_is_named_the_budget_of_all_is_too(make_study):
    location = make_study()
    assert "one search each of 60.0 s of charged time" in study_sentence(summary(location))
    Store(location).write_bytes("study.yaml", yaml.safe_dump({**SETTINGS, "replicates": 5}).encode())
    assert study_sentence(summary(location)).endswith(
        "3 approaches, five searches each of 60.0 s of charged time: 5.0 min in all for each approach."
    )


def test_the_report_says_how_often_the_test_split_was_read(make_study):
    assert reads_sentence(summary(make_study(seeds=2))) == (
        "The test split has been read 6 times, once for each final run."
    )


def choice(**more: object) -> Choice:
    fixed = {"a": "tuned", "b": "svm", "better": "tuned", "from_s": 73.9, "low_s": 72.7, "high_s": 75.0}
    return Choice(**{**fixed, "note": None, "until_then": "svm", "since_s": 5.0, **more})  # type: ignore[arg-type]


def test_when_an_accuracy_is_to_be_had_keeps_its_reservation():
    note = "one search: how early another would find its incumbent is left out"
    said = choice_sentence(choice(note=note))
    assert said == (
        "tuned, more accurate than svm on the test split, is to be had from 73.9 s on (interval 72.7 s to 75.0 s;"
        f" {note}). Before that, from 5.0 s on, there is svm."
    )


def test_one_run_has_no_interval_and_still_its_reservation():
    said = choice_sentence(choice(low_s=None, high_s=None, note="one final run", until_then=None, since_s=None))
    assert said is not None
    assert said.endswith("from 73.9 s on (one final run), before the other.")


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.01, 0.09, "Validation was optimistic"),
        (-0.09, -0.01, "The test split was easier"),
        (-0.02, 0.025, "That is small"),
        (-0.02, 0.06, "that may be chance"),
    ],
)
def test_a_gap_is_called_small_or_large_only_where_it_is_shown_to_be(study_dir, low, high, words):
    study = summary(study_dir)
    gap = Gap((low + high) / 2, low, high, 0.05)
    others = tuple(replace(one, gap_test=gap if one.name == "fine_tune" else None) for one in study.approaches)
    said = gap_sentence(replace(study, approaches=others))
    assert said is not None
    assert words in said
    endings = ("Validation was optimistic", "The test split was easier", "That is small", "that may be chance")
    assert sum(ending in said for ending in endings) == 1


def test_thirty_validation_images_do_not_tell_a_gap_of_some_points_from_chance(study_dir):
    svm = approach(summary(study_dir), "feature_svm")  # 0.900 of 30 against 0.831 of 120
    assert svm.gap_test is not None
    assert svm.gap_test.low < 0 < svm.gap_test.difference < svm.gap_test.high
