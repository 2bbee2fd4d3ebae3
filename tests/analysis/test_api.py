"""The interface for Python says what report.json says."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import analysis
from analysis.__main__ import Seeds, main
from analysis.frames import TEXTS
from analysis.records.trials import TRIAL_COLUMNS
from analysis.report.write import write_report

pytestmark = pytest.mark.usefixtures("undrawn")

PAIR_NUMBERS = [
    "difference",
    "low",
    "high",
    "se",
    "df",
    "p",
    "p_adjusted",
    "p_equivalence",
    "p_equivalence_adjusted",
    "detectable",
]
# By column of `approaches`, where the number stands in report.json.
APPROACH_NUMBERS: dict[str, Callable[[dict[str, Any]], float | None]] = {
    "accuracy": lambda found: found["accuracy"]["estimate"],
    "low": lambda found: found["accuracy"]["low"],
    "high": lambda found: found["accuracy"]["high"],
    "se": lambda found: found["accuracy"]["se"],
    "balanced_accuracy": lambda found: found["balanced_accuracy"]["estimate"],
    "balanced_low": lambda found: found["balanced_accuracy"]["low"],
    "balanced_high": lambda found: found["balanced_accuracy"]["high"],
    "log_loss": lambda found: found["losses"]["log_loss"]["estimate"],
    "brier": lambda found: found["losses"]["brier"]["estimate"],
}
SEARCH_NUMBERS: dict[str, Callable[[dict[str, Any]], float | None]] = {
    "valid_accuracy": lambda found: found["valid_accuracy"],
    "gap": lambda found: found["gap"],
    "charged_s": lambda found: found["charged_seconds"],
    "budget_s": lambda found: found["budget_seconds"],
    "trials": lambda found: found["trials"],
    "finished": lambda found: found["finished"],
    "cut": lambda found: found["cut"],
    "diverged": lambda found: found["diverged"],
    "failed": lambda found: found["failed"],
}


def reported(location: str) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(Path(write_report(location).json).read_text())
    return report


def assert_pairs_are(pairs: pd.DataFrame, report: dict[str, Any]) -> None:
    expected = report["pairs"]
    assert pairs[["a", "b", "verdict"]].to_dict("records") == [
        {name: pair[name] for name in ("a", "b", "verdict")} for pair in expected
    ]
    for name in PAIR_NUMBERS:
        assert pairs[name].tolist() == pytest.approx([pair[name] for pair in expected], nan_ok=True), name


def assert_approaches_are(
    approaches: pd.DataFrame, report: dict[str, Any], numbers: dict[str, Callable[[dict[str, Any]], float | None]]
) -> None:
    assert approaches.approach.tolist() == list(report["approaches"])
    for name, place in numbers.items():
        assert approaches[name].tolist() == pytest.approx([place(one) for one in report["approaches"].values()]), name


@pytest.mark.slow
@pytest.mark.parametrize("variation", [{}, {"grouped": True}, {"seeds": 1}])
def test_a_loaded_study_has_the_numbers_of_its_report(make_study, variation):
    location = make_study(**variation)
    report = reported(location)
    s = analysis.load(location)
    assert len(s.pairs) == 3
    assert_pairs_are(s.pairs, report)
    assert_approaches_are(s.approaches, report, APPROACH_NUMBERS | SEARCH_NUMBERS)
    assert s.approaches.incumbent.tolist() == [one["incumbent"]["trial"] for one in report["approaches"].values()]
    assert s.approaches.runs.tolist() == [variation.get("seeds", 3)] * 3
    assert s.verdict == report["verdict"]


def test_trials_have_a_row_each_and_keep_their_order(study_dir):
    s = analysis.load(study_dir)
    assert tuple(s.trials.columns) == TRIAL_COLUMNS
    assert s.trials.trial.tolist() == list(dict.fromkeys(s.events.trial))
    assert s.trials[s.trials.phase == "search"].status.value_counts().to_dict() == {
        "finished": 6, "cut": 1, "diverged": 1, "failed": 1,
    }  # fmt: skip
    assert len(s.predictions) == 3 * 3 * 120
    assert s.settings.budget.search_seconds == 60.0
    assert s.data is not None
    assert s.data.test == 120


def test_a_study_without_final_runs_has_no_pairs_and_says_why(make_study):
    s = analysis.load(make_study(accuracy={}))
    assert (len(s.pairs), s.report.comparison) == (0, None)
    assert "p_adjusted" in s.pairs
    assert s.approaches.accuracy.dtype == float
    assert s.approaches.accuracy.isna().all()
    assert s.approaches.runs.tolist() == [0, 0, 0]
    assert s.approaches.problem.tolist() == ["no final run has been evaluated"] * 3
    assert s.approaches.trials.sum() == 9
    assert "nothing can be said about test accuracy yet" in s.verdict


def test_what_an_approach_does_not_give_is_missing_in_its_row_alone(make_study):
    s = analysis.load(make_study(accuracy={"fine_tune": 0.85, "feature_svm": 0.88}))
    found = s.approaches.set_index("approach")
    assert found.accuracy.isna().to_dict() == {"better_cnn": True, "feature_svm": False, "fine_tune": False}
    assert found.exhausted.dropna().to_dict() == {"feature_svm": "all 2 grid points were tried"}
    assert found.problem.dropna().to_dict() == {"better_cnn": "no final run has been evaluated"}


def test_a_study_is_loaded_from_a_path_and_from_a_uri_alike(study_dir):
    by_path, by_uri = analysis.load(Path(study_dir)), analysis.load(f"file://{study_dir}")
    assert (by_path.location, by_uri.location) == (study_dir, f"file://{study_dir}")
    pd.testing.assert_frame_equal(by_path.pairs, by_uri.pairs)
    pd.testing.assert_frame_equal(by_path.trials, by_uri.trials)


def test_a_study_and_a_comparison_show_what_they_are_about(study_dir):
    s = analysis.load(study_dir)
    about = f"LoadedStudy('{study_dir}': three-boats; better_cnn, feature_svm, fine_tune; 9 trials, 9 final runs"
    assert repr(s) == f"{about})"
    assert "report" not in vars(s), "showing it computes nothing that takes long"
    c = analysis.compare(s.predictions, names=["fine_tune", "better_cnn"])
    better = "fine_tune is more accurate than better_cnn"
    assert repr(c) == f"ComparedTable(fine_tune, better_cnn; 6 runs on 120 images; {better})"
    assert repr(s).startswith(about)
    assert c.headline.removesuffix(".") in repr(c)
    assert s.report.comparison is not None
    assert repr(s) == f"{about}; {s.headline.removesuffix('.')})"


@pytest.mark.parametrize("variation", [{}, {"accuracy": {}}, {"accuracy": {"fine_tune": 0.85}}])
def test_texts_are_python_strings_or_none_whatever_is_known(make_study, variation):
    s = analysis.load(make_study(**variation))
    for frame in (s.approaches, s.pairs):
        for name in TEXTS & set(frame.columns):
            assert frame[name].dtype == object, name
            assert {type(value) for value in frame[name]} <= {str, type(None)}, name


def test_a_table_is_compared_from_its_path_as_from_its_frame(study_dir, tmp_path):
    predictions = analysis.load(study_dir).predictions
    predictions.to_csv(tmp_path / "runs.csv", index=False)
    by_frame = analysis.compare(predictions).pairs
    for path in (tmp_path / "runs.csv", str(tmp_path / "runs.csv")):
        pd.testing.assert_frame_equal(analysis.compare(path).pairs, by_frame)


def test_approaches_that_are_numbers_are_named_by_numbers(study_dir):
    predictions = analysis.load(study_dir).predictions
    numbered = predictions.assign(approach=predictions.approach.map({"better_cnn": 0, "fine_tune": 1}))
    numbered = numbered[numbered.approach.notna()].astype({"approach": int})
    assert analysis.compare(numbered, names=[1, 0]).pairs[["a", "b"]].to_numpy().tolist() == [["1", "0"]]


def test_a_categorical_label_compares_with_a_prediction_that_is_none(study_dir):
    predictions = analysis.load(study_dir).predictions
    categorical = predictions.astype({"label": "category"})
    pd.testing.assert_frame_equal(analysis.compare(categorical).pairs, analysis.compare(predictions).pairs)


def test_a_loaded_study_is_frozen_and_computes_once(study_dir):
    s = analysis.load(study_dir)
    assert s.report is s.report
    assert s.pairs is s.pairs
    with pytest.raises(FrozenInstanceError):
        s.location = "elsewhere"  # type: ignore[misc]


def test_what_is_no_study_is_refused_in_one_line(tmp_path):
    with pytest.raises(analysis.RecordsError, match=r"not a study directory \(no study.yaml in it\)"):
        analysis.load(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(("matched", "grouped"), [(False, False), (True, False), (False, True)])
def test_a_compared_table_has_the_numbers_of_the_command(make_study, tmp_path, matched, grouped):
    csv = tmp_path / "predictions.csv"
    analysis.load(make_study(grouped=grouped)).predictions.to_csv(csv, index=False)
    seeds = Seeds.matched if matched else Seeds.unmatched
    main(str(csv), str(tmp_path / "out"), margin=0.02, alpha=0.1, seeds=seeds)
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    c = analysis.compare(pd.read_csv(csv), margin=0.02, alpha=0.1, matched=matched)
    assert_pairs_are(c.pairs, report)
    assert_approaches_are(c.approaches, report, APPROACH_NUMBERS)
    assert c.verdict == report["verdict"]
    assert c.report.grouped == grouped


def test_the_predictions_of_a_grouped_study_compare_as_the_study_does(make_study):
    s = analysis.load(make_study(grouped=True))
    c = analysis.compare(s.predictions, names=list(s.settings.approaches))
    pd.testing.assert_frame_equal(c.pairs, s.pairs)


def test_the_names_say_which_approaches_are_compared_and_in_which_order_and_pairs_stand_in_that_of_accuracy(study_dir):
    predictions = analysis.load(study_dir).predictions
    given, turned = (
        analysis.compare(predictions, names=names)
        for names in (["fine_tune", "better_cnn"], ["better_cnn", "fine_tune"])
    )
    assert given.approaches.approach.tolist() == ["fine_tune", "better_cnn"]
    assert turned.approaches.approach.tolist() == ["better_cnn", "fine_tune"]
    both = turned.pairs
    pd.testing.assert_frame_equal(both, given.pairs)
    assert (both.a.tolist(), both.b.tolist()) == (["fine_tune"], ["better_cnn"])
    assert both.p_adjusted.tolist() == pytest.approx(both.p.tolist())  # of one pair alone, nothing is to be corrected


def test_the_frame_stays_as_it_was(study_dir):
    predictions = analysis.load(study_dir).predictions.sample(frac=1, random_state=0)
    before = predictions.copy()
    analysis.compare(predictions)
    pd.testing.assert_frame_equal(predictions, before)


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        (lambda frame: frame.drop(columns="seed"), {}, "predictions: no column 'seed'; needed are approach, seed,"),
        (
            lambda frame: frame.drop(columns=["seed", "label"]),
            {},
            "predictions: no columns 'seed', 'label'; needed are approach, seed,",
        ),
        (
            lambda frame: pd.concat([frame, frame[["label"]]], axis=1),
            {},
            "predictions: column 'label' is there more than once; leave one",
        ),
        (
            lambda frame: frame.assign(label=frame.label.where(frame.index != 2, np.inf)),
            {},
            "predictions: column 'label' is inf in row 3; give a class",
        ),
        (
            lambda frame: [1, 2],
            {},
            "predictions: a list; give a data frame, or the path of a .csv, .tsv (also .gz) or .parquet file",
        ),
        (lambda frame: None, {}, "predictions: a NoneType; give a data frame"),
        (lambda frame: "runs.txt", {}, "runs.txt: neither a study directory nor a table of predictions"),
        (lambda frame: frame, {"names": "fine_tune"}, "names 'fine_tune': is one name; give several in a list"),
        (lambda frame: frame.iloc[:0], {}, "predictions: no rows"),
        (lambda frame: frame.iloc[1:], {}, "lack image 'test/0000.jpg'; every run must predict the same images"),
        (
            lambda frame: frame,
            {"names": ["svm"]},
            "no predictions of 'svm'; there are those of better_cnn, feature_svm",
        ),
        (lambda frame: frame, {"names": []}, "no approach to compare; there are those of better_cnn"),
        (lambda frame: frame, {"alpha": 5}, "alpha 5: must lie between 0 and 1"),
        (lambda frame: frame, {"margin": 0}, "margin 0: must lie between 0 and 1"),
        (
            lambda frame: frame[(frame.approach != "fine_tune") | (frame.seed > 0)],
            {"matched": True},
            "matched seeds must",
        ),
    ],
)
def test_a_frame_that_cannot_be_compared_is_refused_in_one_line(study_dir, change, options, words):
    with pytest.raises(analysis.RecordsError) as error:
        analysis.compare(change(analysis.load(study_dir).predictions), **options)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def loaded_by(code: str) -> set[str]:
    """The top-level modules that a new interpreter has after this."""
    show = "print(*{name.split('.')[0] for name in sys.modules})"
    ran = subprocess.run(
        [sys.executable, "-c", f"import sys; {code}; {show}"], capture_output=True, text=True, check=True
    )
    return set(ran.stdout.split())


def test_importing_the_analysis_imports_nothing_heavy_and_loading_no_more_than_it_needs():
    assert not loaded_by("import analysis") & {"pandas", "pyarrow", "scipy", "matplotlib"}
    heavy = {"scipy", "matplotlib", "sklearn", "optuna", "torch", "ray"}
    assert not loaded_by("import analysis; analysis.load, analysis.compare") & heavy


def test_all_that_is_offered_is_there_and_what_is_not_is_said_to_be_missing():
    assert all(getattr(analysis, name).__name__ == name for name in analysis.__all__)
    assert set(analysis.__all__) <= set(dir(analysis))
    with pytest.raises(AttributeError, match="module 'analysis' has no attribute 'lode'; it offers load, compare,"):
        getattr(analysis, "lode")  # noqa: B009 - a type checker knows that it is not there
