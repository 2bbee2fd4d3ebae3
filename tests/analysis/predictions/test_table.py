"""`python -m analysis`: predictions that were made elsewhere, as CSV or Parquet."""

import gzip
import io
import json
import re
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import pytest

from analysis.__main__ import run
from analysis.predictions.table import PredictionTable, read_table
from analysis.records.errors import RecordsError
from tests.support.synthetic_study import IMAGES, predictions, two_runs_each

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]


def table() -> pd.DataFrame:
    levels = {"cnn": 0.6, "svm": 0.85}
    return pd.concat([predictions(name, seed, accuracy=level) for name, level in levels.items() for seed in range(3)])


def written(frame: pd.DataFrame, path: Path) -> str:
    frame.to_csv(path, index=False) if path.suffix == ".csv" else frame.to_parquet(path)
    return str(path)


def process(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "analysis", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def analysis(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The same command in this process, which need not import everything again."""
    out, err = io.StringIO(), io.StringIO()
    command = mock.patch.object(sys, "argv", ["analysis", *arguments])
    with chdir(ROOT), command, redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
        run()
    return subprocess.CompletedProcess(arguments, int(ended.value.code or 0), out.getvalue(), err.getvalue())


def test_no_name_in_a_table_becomes_a_path_or_a_link(tmp_path):
    names = ("a/../../../evil", "b#c?d", "_mine$x^$")
    done = analysis(written(two_runs_each(names), tmp_path / "runs.csv"), "--out", str(tmp_path / "deep" / "out"))
    assert (done.returncode, done.stderr) == (0, "")
    written_files = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    outside = {path for path in written_files if path.parts[:2] != ("deep", "out")}
    assert outside == {Path("runs.csv")}
    links = set(re.findall(r'href="(data/[^"]*)"', (tmp_path / "deep" / "out" / "report.html").read_text()))
    assert links == {f"data/{path.name}" for path in written_files if path.parent.name == "data"}
    confusions = [pd.read_csv(path) for path in sorted(tmp_path.rglob("confusion-*.csv"))]
    assert [set(confusion.approach) for confusion in confusions] == [{name} for name in names]


@pytest.mark.parametrize(("command", "suffix"), [(process, ".csv"), (analysis, ".parquet")])
def test_a_table_gets_the_report_that_a_study_gets(tmp_path, command, suffix):
    done = command(written(table(), tmp_path / f"runs{suffix}"), "--out", str(tmp_path / "out"), "--margin", "0.02")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("svm is more accurate than cnn.\n\nsvm is the most accurate: 0.")
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    (pair,) = report["pairs"]
    assert set(pair) >= {"a", "b", "difference", "low", "high", "p", "p_adjusted", "df", "verdict", "se", "components"}
    assert set(pair["components"]) == {"image", "seed_a", "seed_b"}
    assert (pair["a"], pair["verdict"]) == ("svm", "a_better"), "the more accurate one stands first"
    assert report["significance"]["margin"] == 0.02
    assert report["units"] == IMAGES // 4, "the groups are the unit"
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Equal time" not in page
    assert "Reliability diagrams" in page
    assert (tmp_path / "out" / "report.md").read_text().count(report["verdict"]) == 1


@pytest.mark.usefixtures("undrawn")
def test_matched_seeds_are_another_test(tmp_path):
    path = written(table(), tmp_path / "runs.csv")
    found = []
    for seeds in ("matched", "unmatched"):
        assert analysis(path, "--out", str(tmp_path / seeds), "--seeds", seeds).returncode == 0
        (pair,) = json.loads((tmp_path / seeds / "report.json").read_text())["pairs"]
        found.append(pair)
    assert found[0]["difference"] == found[1]["difference"]
    assert "matched" in found[0]["components"]


def test_matched_seeds_of_other_names_are_refused_in_one_line(tmp_path):
    other = table().assign(seed=lambda t: t.seed.where(t.approach == "cnn", t.seed + 7))
    done = analysis(written(other, tmp_path / "runs.csv"), "--out", str(tmp_path / "out"), "--seeds", "matched")
    assert done.returncode == 2
    assert "svm has 7, 8, 9 where cnn has 0, 1, 2" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_classes_may_have_names_and_groups_may_be_missing(tmp_path):
    names = np.array(["ferry", "gondola", "barge"])
    named = table().assign(label=lambda t: names[t.label], prediction=lambda t: names[t.prediction])
    named = named.drop(columns="group").rename(columns={f"p_{c}": f"p_{name}" for c, name in enumerate(names)})
    read = read_table(written(named, tmp_path / "runs.csv"))
    assert read.classes == ("barge", "ferry", "gondola")
    assert not read.grouped
    first = read.predictions.iloc[0]
    assert read.classes[first.label] == "ferry"
    assert first.p_1 == pytest.approx(named.p_ferry.iloc[0])


@pytest.mark.usefixtures("undrawn")
def test_a_single_approach_is_reported_without_a_comparison(tmp_path):
    done = analysis(written(predictions("svm", 0, accuracy=0.8), tmp_path / "a.csv"), "--out", str(tmp_path / "out"))
    assert done.returncode == 0
    assert "svm is the only approach with test results" in done.stdout


@pytest.mark.usefixtures("undrawn")
def test_runs_without_any_variance_are_reported_with_the_consequence(tmp_path):
    same = table().assign(prediction=lambda t: t.label)
    done = analysis(written(same, tmp_path / "a.csv"), "--out", str(tmp_path / "out"))
    text = (tmp_path / "out" / "report.json").read_text()
    assert done.returncode == 0
    assert json.loads(text, parse_constant=lambda name: pytest.fail(name))["pairs"][0]["p"] == 1.0


def text_table(tmp_path: Path, text: str, name: str = "runs.csv") -> PredictionTable:
    (tmp_path / name).write_bytes(text.encode())
    return read_table(str(tmp_path / name))


def rows_of(labels: list[str], by: dict[str, list[str]], separator: str = ",") -> str:
    """A file in which each approach predicts these classes, one run each."""
    lines = [["approach", "seed", "image", "label", "prediction"]]
    for approach, predicted in by.items():
        pairs = zip(labels, predicted, strict=True)
        lines += [[approach, "0", f"{i}.jpg", label, answer] for i, (label, answer) in enumerate(pairs)]
    return "\n".join(separator.join(line) for line in lines) + "\n"


def accuracies(table: PredictionTable) -> dict[str, float]:
    right = table.predictions.label == table.predictions.prediction
    return right.groupby(table.predictions.approach).mean().to_dict()


@pytest.mark.parametrize("names", [("None", "NA", "null"), ("01", "02", "1O"), ("nan", "", "N/A")])
def test_classes_are_what_is_written(tmp_path, names):
    labels = [name or "x" for name in names] * 2
    table = text_table(tmp_path, rows_of(labels, {"a": labels, "b": labels[::-1]}))
    assert table.classes == tuple(sorted(set(labels)))
    assert accuracies(table)["a"] == 1.0


@pytest.mark.parametrize(
    ("labels", "classes"), [(["500000", "900000"], 2), (["101", "2019", "3000"], 3), (["9", "10", "9.0"], 2)]
)
def test_classes_are_the_values_that_occur_and_numbers_stand_in_their_order(tmp_path, labels, classes):
    table = text_table(tmp_path, rows_of(labels, {"a": labels}))
    assert len(table.classes) == classes
    assert list(table.classes) == sorted(table.classes, key=int)
    assert accuracies(table) == {"a": 1.0}


@pytest.mark.parametrize(
    ("name", "separator"), [("a.csv", ","), ("a.csv", ";"), ("a.csv", "\t"), ("a.tsv", "\t"), ("a.csv.gz", ";")]
)
def test_tables_are_read_as_programs_write_them(tmp_path, name, separator):
    text = rows_of(["0", "1", "2"], {"a": ["0", "1", "1"], "b": ["0", "0", "0"]}, separator).encode("utf-8-sig")
    (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    read = read_table(str(tmp_path / name))
    assert accuracies(read) == {"a": pytest.approx(2 / 3), "b": pytest.approx(1 / 3)}


def test_fractions_may_have_commas_where_columns_do_not(tmp_path):
    head = "approach;seed;image;label;prediction;p_cat;p_dog\n"
    table = text_table(tmp_path, head + "a;0;1;cat;cat;0,75;0,25\na;0;2;dog;dog;0,1;0,9\n")
    assert table.predictions.p_0.tolist() == [0.75, 0.1]


@pytest.mark.parametrize(
    ("labels", "wrong", "message"),
    [
        (["ferry", "barge"], ["Ferry", "barge"], r"'Ferry' \(b, row 3\) and 'ferry' differ by case or blanks alone"),
        (["ferry", "barge"], ["ferry ", "barge"], r"'ferry ' \(b, row 3\) and 'ferry' differ by case or blanks"),
        (["0", "1", "2"] * 4, ["1", "2", "3"] * 4, r"b counts its classes from 1: 0\.0 % of its predictions"),
        (["01", "02"], ["1", "2"], r"label '01' and prediction '1' are of different kinds"),
    ],
)
def test_classes_written_in_two_ways_are_refused_by_name(tmp_path, labels, wrong, message):
    with pytest.raises(RecordsError, match=message):
        text_table(tmp_path, rows_of(labels, {"a": labels, "b": wrong} if "01" not in labels else {"b": wrong}))


def test_small_and_capital_letters_are_classes_of_their_own_where_the_labels_know_both(tmp_path):
    letters = ["a", "A", "b", "B"]
    assert text_table(tmp_path, rows_of(letters, {"x": letters, "y": letters[::-1]})).classes == ("A", "B", "a", "b")


def test_an_approach_that_is_merely_bad_is_not_taken_for_one_that_counts_otherwise(tmp_path):
    labels = [str(i % 10) for i in range(100)]
    nines = ["9"] * 100
    assert accuracies(text_table(tmp_path, rows_of(labels, {"a": labels, "b": nines})))["b"] == pytest.approx(0.1)


def test_an_approach_that_names_one_class_throughout_may_be_compared(tmp_path):
    labels = ["0", "0", "0", "1"] * 5
    table = text_table(tmp_path, rows_of(labels, {"a": labels, "b": ["1"] * 20}))
    assert accuracies(table)["b"] == 0.25


def test_rows_longer_than_the_header_are_refused_and_old_line_ends_read(tmp_path):
    text = rows_of(["0", "1"], {"a": ["0", "1"]})
    with pytest.raises(RecordsError, match="cannot be read"):
        text_table(tmp_path, text.replace("\na", "\nx,a"))
    assert accuracies(text_table(tmp_path, text.replace("\n", "\r"))) == {"a": 1.0}


def test_a_column_that_is_no_class_is_refused_before_it_takes_the_memory(tmp_path):
    many = [f"photo-{i}" for i in range(10_001)]
    with pytest.raises(RecordsError, match=r"10,001 classes occur, and at most 10,000 can be compared"):
        text_table(tmp_path, rows_of(many, {"a": many}))


def test_probabilities_printed_with_two_digits_are_taken_and_that_is_said(tmp_path):
    exact = np.random.default_rng(0).dirichlet(np.ones(3), size=len(table()))
    rounded = table().assign(**{f"p_{c}": exact[:, c].round(2) for c in range(3)})
    off = (rounded[["p_0", "p_1", "p_2"]].sum(axis=1) - 1).abs() > 1e-3
    read = read_table(written(rounded, tmp_path / "runs.csv"))
    assert off.any()
    assert np.allclose(read.predictions[["p_0", "p_1", "p_2"]].sum(axis=1), 1)
    (note,) = (note for note in read.notes if "rounded" in note)
    assert f"rounded to 2 digits; those of {off.sum():,} rows sum to" in note


@pytest.mark.usefixtures("undrawn")
def test_predictions_that_are_not_the_most_probable_class_are_counted_and_said(tmp_path):
    one = "approach,seed,image,label,prediction,p_0,p_1\n"
    rows = "a,0,1,0,0,0.9,0.1\na,0,2,1,0,0.2,0.8\nb,0,1,0,0,0.5,0.5\nb,0,2,1,1,0.4,0.6\n"
    read = text_table(tmp_path, one + rows)
    (note,) = read.notes
    assert note.startswith("1 of 2 predictions of a are not the class that it gives the highest probability")
    done = analysis(read.source, "--out", str(tmp_path / "out"))
    assert note in done.stdout
    assert json.loads((tmp_path / "out" / "report.json").read_text())["notes"] == [note]
    for name in ("report.html", "report.md"):
        assert "1 of 2 predictions of a are not the class" in (tmp_path / "out" / name).read_text()


@pytest.mark.parametrize("content", [b"\x1f\x8b\x08broken", b"no gzip at all"])
def test_a_broken_archive_is_refused_in_one_line(tmp_path, content):
    (tmp_path / "a.csv.gz").write_bytes(content)
    with pytest.raises(RecordsError, match=r"a\.csv\.gz: cannot be read") as error:
        read_table(str(tmp_path / "a.csv.gz"))
    assert "\n" not in str(error.value)


def test_a_column_that_is_there_twice_is_refused(tmp_path):
    with pytest.raises(RecordsError, match="column 'label' is there more than once"):
        text_table(tmp_path, "approach,seed,image,label,prediction,label\na,0,1,0,0,1\n")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda t: t.drop(columns="label"), r"no column 'label'; needed are approach, seed"),
        (
            lambda t: t.rename(columns={"label": "y_true", "prediction": "Y_pred", "approach": "model"}),
            r"\(rename 'model' to 'approach', rename 'y_true' to 'label', rename 'Y_pred' to 'prediction'\)",
        ),
        (lambda t: t.head(0), "no rows"),
        (
            lambda t: t.assign(image=t.image.where(t.image != "test/0003.jpg")),
            "column 'image' is empty in row 4; fill it",
        ),
        (lambda t: t.assign(p_0=t.p_0 + 0.05), "row 1 sum to 1.05.*they must sum to 1"),
        (lambda t: t.assign(p_0="high"), "'high' in column 'p_0' is no number"),
        (lambda t: t.drop(columns="p_2"), "no column 'p_2'; give one for each of the classes 0, 1, 2"),
        (lambda t: pd.concat([t, t.tail(1)]), "more than once"),
        (lambda t: t.assign(label=t.label.map(str) + "x"), "of different kinds"),
        (lambda t: t.assign(label=-1), "class -1; class indices are 0, 1"),
        (lambda t: t.assign(group=t.group.where(t.group != "boat3")), "column 'group' is empty in row 13"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_in_one_line(tmp_path, spoil, message):
    path = written(spoil(table()), tmp_path / "runs.csv")
    with pytest.raises(RecordsError, match=message) as error:
        read_table(path)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.iloc[1:], "lack image 'test/0000.jpg'"),
        (lambda t: t.assign(group="one"), "one group of images"),
        (lambda t: t.assign(group=np.where(t.image < "test/0003", "one", "two")), "2 groups of images"),
    ],
)
def test_images_that_cannot_be_compared_end_in_one_line_and_exit_code_2(tmp_path, change, message):
    done = analysis(written(change(table()), tmp_path / "runs.csv"), "--out", str(tmp_path / "out"))
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.csv"], "missing.csv: no such file"),
        (["README.md"], "neither a study directory nor a table of predictions"),
        (["missing.csv", "--alpha", "1.5"], "--alpha 1.5: must lie between 0 and 1"),
    ],
)
def test_wrong_arguments_end_in_one_line_and_exit_code_2(tmp_path, arguments, message):
    done = analysis(*arguments, "--out", str(tmp_path))
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
