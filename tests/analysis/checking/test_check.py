"""A study that fits together is sound; what does not fit is found, by code that shares nothing with the reports'."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from analysis.checking.check import SHOWN, Verdict, check_study
from analysis.checking.findings import Checked
from analysis.records.errors import RecordsError
from analysis.report.write import write_report
from tests.analysis.records.damage.test_evaluated import LOST
from tests.support.damages import DAMAGES, ENDED, PREDICTED, STARTED, Damage, content, copied, fields, lost, text
from tests.support.synthetic_study import StudyWriter, predictions, write_finished_study, write_study

FINAL = "records/better_cnn-r0-seed0"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(write_finished_study(tmp_path_factory.mktemp("whole") / "study"))


@pytest.fixture
def study(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "study"))


@pytest.fixture
def unsealed(study: Path) -> Path:
    """Nobody knows the digests of its files: what is found is found by the rules."""
    (study / "SHA256SUMS").unlink()
    return study


def findings(study: Path) -> str:
    return "\n".join(check_study(str(study)).findings)


def test_a_finished_study_is_sound_and_every_rule_was_asked_of_something(whole):
    verdict = check_study(str(whole))
    assert verdict.findings == ()
    assert [rule.rule for rule in verdict.rules if not rule.count] == []
    counts = {rule.rule: rule.count for rule in verdict.rules}
    assert counts["every trial starts once and ends once"] == 9 + 9
    assert counts["every final run has predictions of the accuracy on record"] == 9
    assert verdict.lines[-1] == "sound"
    assert len(verdict.lines) == len(verdict.rules) + 1


@pytest.mark.parametrize(
    ("count", "unit", "counted"),
    [
        (0, "search", "0 searches"),
        (1, "search", "1 search"),
        (2, "search", "2 searches"),
        (1, "final run", "1 final run"),
    ],
)
def test_a_line_reads_well_for_none_one_and_many(count, unit, counted):
    (line, _) = Verdict((Checked("all is well", count, unit, ()),)).lines
    assert line == f"{'sound' if count else '-':>9}  all is well: {counted}"


@pytest.mark.parametrize("grouped", [True, False])
def test_a_study_that_is_not_finished_is_sound(tmp_path, grouped):
    assert check_study(write_study(tmp_path / "study", grouped=grouped)).findings == ()


def test_a_study_whose_search_still_runs_is_sound(tmp_path):
    study = Path(write_study(tmp_path / "study", accuracy={}))
    for name in ("0003-final-started", "0004-final-finished", "0002-search-finished"):
        (study / "phases" / f"{name}.json").unlink()
    (study / ENDED).unlink()
    assert check_study(str(study)).findings == ()


@pytest.mark.parametrize("kind", DAMAGES)
def test_what_reading_refuses_is_found_by_the_rules_alone(unsealed, kind):
    damage, _ = DAMAGES[kind]
    damage(unsealed)
    *rules, readable = check_study(str(unsealed)).rules
    assert readable.findings, "reports refuse it"
    assert [finding for rule in rules for finding in rule.findings]


@pytest.mark.parametrize("kind", LOST)
def test_predictions_that_are_not_those_on_record_are_found(unsealed, kind):
    damage, _ = LOST[kind]
    damage(unsealed / PREDICTED)
    assert any(one.startswith(PREDICTED) for rule in check_study(str(unsealed)).rules[:-1] for one in rule.findings)


FOUND: dict[str, tuple[Damage, str]] = {
    "two ends": (copied(ENDED, ENDED.replace("0002", "0003")), "0003-finished.json"),
    "no end, and its phase is over": (lost(ENDED), "fine_tune-r0-0002: has no end, and the phase search is over"),
    "predictions that nobody evaluated": (
        lost(f"{FINAL}/0003-evaluated.json"),
        f"{PREDICTED}: of no final run that was",
    ),
    "a value outside the space": (
        fields(STARTED, params={"lr": 2.0, "epochs": 20}),
        f"{STARTED}: lr is 2.0, outside its space",
    ),
    "a fraction where whole numbers are drawn": (
        fields(STARTED, params={"lr": 3e-4, "epochs": 20.5}),
        f"{STARTED}: epochs is 20.5, outside its space",
    ),
    "a hyperparameter that the space does not have": (
        fields(STARTED, params={"lr": 3e-4, "epochs": 20, "crop": 1}),
        "other hyperparameters than the space: crop",
    ),
    "a published configuration that is another": (
        fields("records/feature_svm-r0-0000/0000-started.json", params={"C": 2.0, "gamma": "scale"}),
        "is not the published configuration",
    ),
    "a final run of another configuration": (
        fields(f"{FINAL}/0000-started.json", params={"lr": 3e-3, "epochs": 21}),
        f"{FINAL}/0000-started.json: not the hyperparameters of the best trial",
    ),
    "an incumbent that is none": (
        fields("records/better_cnn-r0-0002/0002-finished.json", best_accuracy=0.5),
        f"{FINAL}/0000-started.json: not the hyperparameters of the best trial",
    ),
    "seconds that vanish": (fields(ENDED, charged_s=9.0), f"{ENDED}: charged 9 s and lost 0 s, after charged 10 s"),
    "more than the time that passed": (
        fields(ENDED, lost_s=500.0),
        f"{ENDED}: worked 520 s within 6 s: its machine's clock was set back, or the record was changed",
    ),
    "an allowance larger than a trial's": (
        fields(STARTED, allowance_s=30.0),
        "allowed 30 s, and a trial may have 20 s",
    ),
    "features charged twice": (
        fields("features/k.json", approaches=["feature_svm", "feature_svm"], cost_s=20.0),
        "charged_seconds of feature_svm is 20.0, and the records say 30.0",
    ),
    "features that were not charged": (lost("features/k.json"), "charged_seconds of feature_svm"),
    "a look at runs that were not evaluated": (
        text("looks/{look}", "better_cnn-r0-seed0", "better_cnn-r0-seed9"),
        "counts better_cnn-r0-seed9, which was not evaluated",
    ),
    "more looks at the test split than there were": (
        fields("looks/{look}", test_reads=99),
        "at more replicates or test",
    ),
    "a phase that ends before it begins": (
        lambda study: [
            fields("phases/0000-search-started.json", event="finished")(study),
            (study / "phases/0000-search-started.json").rename(study / "phases/0000-search-finished.json"),
        ],
        "search finished, and it had not begun",
    ),
    "a report of another accuracy": (
        text("report/report.json", '"trials": 4,', '"trials": 5,'),
        "report.json: trials of fine_tune is 5, and the records say 4",
    ),
    "another level than the study was finished with": (
        text("study.yaml", "name:", "significance: {alpha: 0.2}\nname:"),
        "study.yaml: significance is not what finished.yaml says",
    ),
    "other labels in one run": (
        lambda study: LABELS(study / PREDICTED),
        f"{PREDICTED}: other numbers of images of the classes than the test split has",
    ),
    "JSON that is none": (content("phases/0004-final-finished.json", b"{"), "phases/0004-final-finished.json: "),
}


def LABELS(path: Path) -> None:  # noqa: N802 - used before it is defined
    import pandas as pd

    frame = pd.read_parquet(path)
    right = frame.index[frame.label == frame.prediction][:1]
    other = (frame.loc[right, "label"] + 1) % 3
    frame.loc[right, "label"] = frame.loc[right, "prediction"] = other
    frame.to_parquet(path)


@pytest.mark.parametrize("kind", FOUND)
def test_what_does_not_fit_together_is_found_by_name(unsealed, kind):
    damage, words = FOUND[kind]
    (look,) = (path.name for path in (unsealed / "looks").iterdir())
    (unsealed / "looks" / look).rename(unsealed / "looks" / "{look}")
    damage(unsealed)
    (unsealed / "looks" / "{look}").rename(unsealed / "looks" / look)
    assert words in findings(unsealed)


def extended(study: Path, *, now: float) -> None:
    """The search of one approach went on, found better, and its final run was reported; all from some time on."""
    writer, better = StudyWriter(study), {"lr": 4e-3, "epochs": 20}
    writer.now = now
    writer.trial("better_cnn", 3, "finished", 5.0, 0.9, params=better)
    rows = predictions("better_cnn", 3, accuracy=0.7).assign(group=None)
    identity = {"approach": "better_cnn", "phase": "final", "index": 3, "seed": 903}
    writer.run("better_cnn-r0-seed0-2", "finished", 15.0, 0.9, **identity, params=better)
    scores = {"test_accuracy": float((rows.label == rows.prediction).mean()), "probabilities": "softmax"}
    writer.event("better_cnn-r0-seed0-2", 3, "evaluated", **identity, charged_s=15.0, **scores)
    writer.store.write_predictions("better_cnn-r0-seed0-2", rows)
    (study / "SHA256SUMS").unlink()
    write_report(str(study))


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("now", [500.0, 5_000.0], ids=["a clock that is behind", "a clock that goes on"])
def test_an_extension_is_sound_whatever_its_clock_says(study, now):
    extended(study, now=now)
    assert check_study(str(study)).findings == ()


@pytest.mark.usefixtures("undrawn")
def test_predictions_of_a_run_that_counts_no_more_are_not_needed(study):
    """As for `report`: no command would bring them back."""
    extended(study, now=5_000.0)
    (study / PREDICTED).unlink()
    assert check_study(str(study)).findings == ()


def test_twenty_findings_are_shown_and_the_others_counted(study):
    for path in study.glob("records/*/*-started.json"):
        path.write_text("{")
    verdict = check_study(str(study))
    shown = verdict.lines[len(verdict.rules) : -1]
    assert len(shown) == SHOWN + 1
    assert shown[-1] == f"and {len(verdict.findings) - SHOWN} more"
    assert verdict.lines[-1] == f"{len(verdict.findings)} findings"


def test_names_from_a_stranger_are_shown_without_control_characters_and_cut(study):
    fields(STARTED, trial="\x1b[2J" + "x" * 10_000)(study)
    lines = check_study(str(study)).lines
    assert all(line.isprintable() and len(line) < 300 for line in lines)


@pytest.mark.slow
@pytest.mark.parametrize("value", [None, "x", -1, [[]], pytest.param(10**400, id="huge")])
@pytest.mark.parametrize(
    "name", ["study.yaml", "data.json", STARTED, "phases/0000-search-started.json", "features/k.json"]
)
def test_values_of_any_kind_in_any_field_are_findings_or_nothing(unsealed, name, value):
    """No rule trusts the kind of a value. One final run of each approach is enough to look at, and quicker."""
    import yaml

    for path in unsealed.glob("records/*-seed[12]"):
        shutil.rmtree(path)
        (unsealed / "predictions" / f"{path.name}.parquet").unlink()
    path = unsealed / name
    known = yaml.safe_load(path.read_text())
    for field in known:
        path.write_text(json.dumps({**known, field: value}))
        check_study(str(unsealed))
    if name == "study.yaml":
        for section in ("approaches", "budget"):
            for key in known[section]:
                path.write_text(json.dumps({**known, section: {**known[section], key: value}}))
                check_study(str(unsealed))


def test_what_is_no_study_is_refused(tmp_path):
    with pytest.raises(RecordsError, match="not a study directory"):
        check_study(str(tmp_path))


def test_nothing_is_written(study):
    before = {path: path.stat().st_mtime_ns for path in study.rglob("*")}
    check_study(str(study))
    assert {path: path.stat().st_mtime_ns for path in study.rglob("*")} == before
