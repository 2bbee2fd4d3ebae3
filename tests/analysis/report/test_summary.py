"""A study in numbers: its final runs, and who has none."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import yaml
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, log_loss

from analysis.records.errors import RecordsError
from analysis.records.reading import read_study
from analysis.report.figures.budget import draw_expected_best, draw_incumbents
from analysis.report.summary import summarise
from tests.analysis.report.summaries import approach, summary
from tests.support.synthetic_study import IMAGES, StudyWriter, predictions

pytestmark = pytest.mark.slow


def test_test_scores_agree_with_scikit_learn(study_dir):
    records = read_study(study_dir)
    test = approach(summarise(records), "fine_tune").test
    rows = records.predictions[records.predictions.approach == "fine_tune"]
    assert test is not None
    assert test.accuracy.estimate == pytest.approx((rows.label == rows.prediction).mean())
    assert test.balanced_accuracy.estimate == pytest.approx(balanced_accuracy_score(rows.label, rows.prediction))
    assert test.losses is not None
    expected = log_loss(rows.label, rows[["p_0", "p_1", "p_2"]])
    assert test.losses.log_loss.estimate == pytest.approx(expected, rel=1e-6)
    np.testing.assert_allclose(test.confusion * 3, confusion_matrix(rows.label, rows.prediction))


def test_calibrated_probabilities_are_named_so(study_dir):
    compared = summary(study_dir).comparison
    assert compared is not None
    assert {test.name: test.probabilities for test in compared.ranked} == {
        "feature_svm": "calibrated_on_validation",
        "fine_tune": "softmax",
        "better_cnn": "softmax",
    }


def test_groups_become_the_unit(make_study):
    alone, grouped = summary(make_study()), summary(make_study(grouped=True))
    assert alone.comparison is not None
    assert grouped.comparison is not None
    assert (alone.comparison.units, grouped.comparison.units) == (IMAGES, IMAGES // 4)
    assert grouped.pairs[0].difference.difference == alone.pairs[0].difference.difference
    assert grouped.pairs[0].difference.se != alone.pairs[0].difference.se


@pytest.mark.parametrize(("grouped", "unit"), [(True, "group of images, .* three"), (False, "image, .* two")])
def test_a_test_split_that_is_a_single_unit_is_refused_in_one_line(make_study, grouped, unit):
    records = read_study(make_study(grouped=grouped))
    rows = records.predictions
    alone = rows.assign(group="day1") if grouped else rows[rows.image == rows.image.iloc[0]]
    with pytest.raises(RecordsError, match=rf"^.*the test split is one {unit}; give ") as e:
        summarise(replace(records, predictions=alone))
    assert "\n" not in str(e.value)


def test_the_gap_compares_the_same_final_runs(study_dir):
    svm = approach(summary(study_dir), "feature_svm")
    assert svm.test is not None
    assert svm.valid_accuracy == pytest.approx(0.9)
    assert svm.gap == pytest.approx(0.9 - svm.test.accuracy.estimate)


def test_an_approach_whose_every_trial_failed_is_named_and_the_others_are_compared(tmp_path, make_study):
    location = make_study(accuracy={"better_cnn": 0.6, "feature_svm": 0.88})
    records = tmp_path / "study" / "records"
    for index in (0, 2, 3):
        shutil.rmtree(records / f"fine_tune-r0-{index:04d}")
    (records / "fine_tune-r0-0001").rename(records / "fine_tune-r0-0000")  # trials are numbered without a gap
    for path in (records / "fine_tune-r0-0000").iterdir():
        path.write_text(json.dumps(json.loads(path.read_text()) | {"trial": "fine_tune-r0-0000", "index": 0}))
    study = summary(location)
    assert approach(study, "fine_tune").problem == "every trial failed: out of memory"
    assert [(p.difference.a, p.difference.b) for p in study.pairs] == [("feature_svm", "better_cnn")]


def test_a_study_without_final_runs_has_a_ledger_and_no_verdict(make_study):
    study = summary(make_study(accuracy={}))
    assert study.comparison is None
    assert study.pairs == ()
    assert approach(study, "fine_tune").problem == "no final run has been evaluated"


def test_a_repeated_search_makes_the_replicate_the_unit(tmp_path):
    writer = StudyWriter(tmp_path)
    settings = {"name": "n", "approaches": {"a": {}, "b": {}}, "replicates": 2}
    budget = {"budget": {"search_seconds": 100, "trial_seconds": 10}}
    writer.store.write_bytes("study.yaml", yaml.safe_dump({**settings, **budget}).encode())
    classes = {"classes": ("x", "y", "z"), "counts": {"test": (40, 40, 40)}}
    info = {"source": "s", "fingerprint": "f", "train": 1, "valid": 1, "test": IMAGES, **classes}
    writer.store.write_bytes("data.json", json.dumps(info).encode())
    for name in ("a", "b"):
        for replicate in (0, 1):
            for index in range(3 * replicate, 3 * replicate + 3):
                writer.final(name, index, predictions(name, index, accuracy=0.7), replicate=replicate)
    study = summary(str(tmp_path))
    test = approach(study, "a").test
    assert test is not None
    assert len(test.accuracy.per_seed) == 2
    assert approach(study, "a").spending.budget_s == 200
    runs = [run.test_accuracy for run in approach(study, "a").final_runs]
    assert test.accuracy.per_seed == pytest.approx((np.mean(runs[:3]), np.mean(runs[3:])))


def test_the_figures_of_a_repeated_search_say_what_their_curves_are_of(tmp_path):
    writer = StudyWriter(tmp_path)
    budget = {"search_seconds": 100, "trial_seconds": 20}
    settings = {"name": "n", "approaches": {"a": {}, "b": {}}, "budget": budget, "replicates": 3}
    writer.store.write_bytes("study.yaml", yaml.safe_dump(settings).encode())
    for replicate in range(3):
        for name in ("a", "b"):
            writer.trial(name, 0, "finished", 10.0, 0.5 + 0.1 * replicate, replicate=replicate)
    study = summary(str(tmp_path))
    incumbents, expected = draw_incumbents(study), draw_expected_best(study)
    assert incumbents is not None
    assert expected is not None
    assert "Each of an approach's 3 searches is a curve of its own." in incumbents.caption
    assert "how differently searches ended" in expected.caption
    assert incumbents.data.groupby("approach").replicate.nunique().to_dict() == {"a": 3, "b": 3}
