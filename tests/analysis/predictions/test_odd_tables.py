"""Tables of predictions as people bring them: each is read for what it says, or refused in one line."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from analysis.predictions.outcomes import read_outcomes, with_matched_seeds
from analysis.predictions.table import PredictionTable, as_table, read_table
from analysis.records.errors import RecordsError

Change = Callable[[pd.DataFrame], pd.DataFrame]


def table(classes: Sequence[object], *, seeds: tuple[object, ...] = (0, 1)) -> pd.DataFrame:
    """Two approaches on twelve images: a is always right, b on the first six."""
    rows = []
    for approach in ("a", "b"):
        for seed in seeds:
            for image in range(12):
                label = classes[image % len(classes)]
                wrong = approach == "b" and image >= 6
                answer = classes[(image + 1) % len(classes)] if wrong else label
                rows.append((approach, seed, f"{image}.jpg", label, answer))
    return pd.DataFrame(rows, columns=["approach", "seed", "image", "label", "prediction"])


def with_p(frame: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """With the probability 1 for the predicted class."""
    return frame.assign(**{f"p_{name}": (frame.prediction.map(str) == name).astype(float) for name in names})


def accuracies(read: PredictionTable) -> dict[str, float]:
    right = read.predictions.label == read.predictions.prediction
    return right.groupby(read.predictions.approach).mean().to_dict()


def saved(frame: pd.DataFrame, path: Path) -> str:
    frame.to_csv(path, index=False) if path.suffix == ".csv" else frame.to_parquet(path)
    return str(path)


def refusal(path: str) -> str:
    """The one line with which a table is refused."""
    with pytest.raises(RecordsError) as caught:
        read_table(path)
    assert len(str(caught.value)) <= 300
    assert str(caught.value).isprintable()
    return str(caught.value)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize(
    ("given_classes", "names"),
    [
        ([500_000, 700_000, 900_000], ("500000", "700000", "900000")),
        ([0, 10_000, 20_000], ("0", "10000", "20000")),
        ([-0.0, 1.0, 2.0], ("0", "1", "2")),
        ([1e19, 2e19], ("1e+19", "2e+19")),
        ([10**18, 10**17], (f"1{17 * '0'}", f"1{18 * '0'}")),
        (["1e19", "2e19"], ("1e19", "2e19")),
        (["inf", "-inf"], ("-inf", "inf")),
        (["None", "NA", "null"], ("NA", "None", "null")),
        (["nan", "n/a", "NaN", "N/A"], ("N/A", "NaN", "n/a", "nan")),
        (["01", "02", "10"], ("01", "02", "10")),
        (["true", "false"], ("false", "true")),
        ([True, False], ("False", "True")),
        (["ferry", "Ferry"], ("Ferry", "ferry")),
        (["ferry boat", "ferryboat"], ("ferry boat", "ferryboat")),
        (["=1+1", "@x", "<b>", 'a"b', "a,b"], ("<b>", "=1+1", "@x", 'a"b', "a,b")),
        (["船", "étang"], ("étang", "船")),
    ],
)
def test_classes_are_the_values_that_occur(tmp_path, suffix, given_classes, names):
    read = read_table(saved(table(given_classes), tmp_path / f"runs{suffix}"))
    assert sorted(read.classes) == sorted(names)
    assert accuracies(read) == {"a": 1.0, "b": 0.5}


@pytest.mark.parametrize("name", ["None", "NA", "null", "nan", "n/a", "", " ", "x/../../../victim", "a\nb", "a" * 999])
def test_approaches_are_what_is_written(tmp_path, name):
    frame = table(["cat", "dog"])
    path = saved(frame.assign(approach=frame.approach.where(frame.approach == "a", name)), tmp_path / "runs.csv")
    if name:
        assert set(read_table(path).predictions.approach) == {"a", name}
    else:
        assert refusal(path) == f"{path}: column 'approach' is empty in row 25; fill it"


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_labels_with_leading_zeros_have_columns_of_their_own(tmp_path, suffix):
    names = ["01", "02", "10"]
    read = read_table(saved(with_p(table(names), names), tmp_path / f"runs{suffix}"))
    assert read.classes == ("01", "02", "10")
    assert (read.predictions[["p_0", "p_1", "p_2"]].to_numpy().argmax(axis=1) == read.predictions.prediction).all()


def test_a_class_that_has_probabilities_alone_is_a_class(tmp_path):
    read = read_table(saved(with_p(table([0, 1, 2]), ["0", "1", "2", "99"]), tmp_path / "runs.csv"))
    assert read.classes == ("0", "1", "2", "99")
    assert accuracies(read) == {"a": 1.0, "b": 0.5}


def one_approach(column: str, change: Callable[[pd.Series], pd.Series]) -> Change:
    return lambda frame: frame.assign(**{column: frame[column].where(frame.approach == "a", change(frame[column]))})


WORDS = table(["ferry", "barge", "gondola"])
NUMBERS = table([0, 1, 2])
FOUR = table([0, 1, 2, 3])
HALF = with_p(NUMBERS, ["0", "1", "2"])


@pytest.mark.parametrize(
    ("frame", "change", "message"),
    [
        (WORDS, one_approach("prediction", lambda names: names.str.upper()), "differ by case or blanks alone"),
        (WORDS, one_approach("prediction", lambda names: names.str.capitalize()), "differ by case or blanks alone"),
        (WORDS, one_approach("prediction", lambda names: names + " "), "differ by case or blanks alone"),
        (WORDS, one_approach("prediction", lambda names: " " + names), "differ by case or blanks alone"),
        (WORDS, one_approach("prediction", lambda names: names + "\u00a0"), "differ by case or blanks alone"),
        (WORDS, one_approach("prediction", lambda names: names + "\u200b"), "differ by case or blanks alone"),
        (WORDS, one_approach("label", lambda names: names.str.upper()), "differ by case or blanks alone"),
        (NUMBERS, one_approach("prediction", lambda numbers: numbers + 1), "b counts its classes from 1"),
        (
            FOUR,
            lambda frame: frame.assign(prediction=(frame.label + 1).where(frame.label < 3, 2)),
            "a counts its classes from 1",
        ),
        (
            FOUR,
            lambda frame: frame.assign(label=frame.label + 1),
            "a counts its classes from one lower",
        ),
        (NUMBERS, lambda frame: frame.assign(label="x"), "of different kinds"),
        (NUMBERS, lambda frame: frame.assign(prediction="x"), "of different kinds"),
        (NUMBERS, lambda frame: frame.assign(label=np.inf), "column 'label' is inf in row 1"),
        (NUMBERS, lambda frame: frame.assign(label=np.nan), "column 'label' is empty in row 1"),
        (NUMBERS, lambda frame: frame.assign(label=-1), "class -1; class indices are 0, 1"),
        (HALF, lambda frame: frame.assign(p_0=2.0, p_1=2.0, p_2=2.0), "a probability lies in [0, 1]"),
        (HALF, lambda frame: frame.assign(p_0=np.inf), "a probability lies in [0, 1]"),
        (HALF, lambda frame: frame.assign(p_0=-0.5, p_1=0.5, p_2=1.0), "a probability lies in [0, 1]"),
        (HALF, lambda frame: frame.assign(p_0="high"), "'high' in column 'p_0' is no number"),
        (HALF, lambda frame: frame.assign(p_99=1.0), "they must sum to 1"),
        (HALF, lambda frame: frame.rename(columns={"p_1": "p_x"}), "column 'p_x' is of no class"),
        (NUMBERS, lambda frame: frame.iloc[:, ::-1].iloc[:, 1:], "no column 'prediction'"),
        (NUMBERS, lambda frame: frame.rename(columns={"seed": "s" * 999}), "no column 'seed'"),
        (NUMBERS, lambda frame: pd.concat([frame, frame]), "more than once"),
    ],
)
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_what_would_be_compared_wrongly_is_refused_in_one_line(tmp_path, frame, change, message, suffix):
    path = saved(change(frame), tmp_path / f"runs{suffix}")
    if message == "column 'label' is inf in row 1" and suffix == ".csv":
        message = "of different kinds"  # in text, inf may be the name of a class
    found = refusal(path)
    assert message in found


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("label", [[0, 1]] * 48),
        ("prediction", [[0]] * 48),
        ("approach", [["a"]] * 48),
        ("seed", [{"s": 1}] * 48),
        ("image", [b"1.jpg"] * 48),
        ("label", [b"\xff\xfe"] * 48),
        ("p_0", [[0.1, 0.9]] * 48),
        ("group", [["g"]] * 48),
    ],
)
def test_a_column_of_lists_records_or_bytes_is_refused(tmp_path, column, values):
    frame = NUMBERS.assign(group="g", p_0=1.0, p_1=0.0, p_2=0.0)
    frame[column] = pd.Series(values, index=frame.index)
    path = saved(frame, tmp_path / "runs.parquet")
    assert f"column '{column}' holds a " in refusal(path)


@pytest.mark.parametrize("values", [[Decimal("1")], [True], [1], ["1"], ["1,0"], [np.float32(1)]])
def test_probabilities_may_be_numbers_of_any_kind(values):
    frame = with_p(table(["cat", "dog"]), ["cat", "dog"])
    frame = frame.assign(label="cat", prediction="cat", p_dog=0.0, p_cat=pd.Series(values * len(frame)))
    assert as_table(frame, source="here").predictions.p_0.tolist() == [1.0] * 48


@pytest.mark.parametrize(
    ("seeds", "read"),
    [((9, 10), [9, 10]), (("s1", "s2"), ["s1", "s2"]), ((1.0, 2.0), [1, 2]), (("1", "b"), ["1", "b"])],
)
def test_seeds_may_be_numbers_or_names(tmp_path, seeds, read):
    found = read_table(saved(table(["cat", "dog"], seeds=seeds), tmp_path / "runs.csv")).predictions
    assert list(found.seed.unique()) == read


@pytest.mark.parametrize("count", [3, 300])
def test_matched_seeds_of_other_names_are_refused_in_one_line(count):
    """Seeds 0, 1, 2 of one approach beside 7, 8, 9 of the other."""
    frame = table(["cat", "dog"], seeds=tuple(range(count)))
    frame["seed"] = frame.seed.where(frame.approach == "a", frame.seed + count + 4)
    outcomes = read_outcomes(as_table(frame, source="here").predictions, grouped=False)
    with pytest.raises(
        RecordsError, match=r"matched seeds must have the same names: b has .* where a has 0, 1, 2"
    ) as e:
        with_matched_seeds(outcomes, ["a", "b"])
    assert len(str(e.value)) <= 300


def bytes_as_text(path: Path, content: bytes) -> str:
    """A Parquet file whose labels claim to be text, whatever the bytes."""
    text = pa.Array.from_buffers(
        pa.string(), 2, [None, pa.py_buffer(np.array([0, 1, 1 + len(content)], "<i4")), pa.py_buffer(b"a" + content)]
    )
    columns = {"approach": ["a", "a"], "seed": [0, 0], "image": ["1", "2"], "label": text, "prediction": text}
    parquet.write_table(pa.table(columns), path)
    return str(path)


@pytest.mark.parametrize("column", ["approach", "image", "label"])
def test_parquet_whose_text_is_not_utf8_is_refused(tmp_path, column):
    path = bytes_as_text(tmp_path / "runs.parquet", b"\xff\xfe")
    read = parquet.read_table(path)
    names = [column if name == "label" else "label" if name == column else name for name in read.column_names]
    parquet.write_table(read.rename_columns(names), path)
    assert refusal(path).startswith(f"{path}: cannot be read (")


@pytest.mark.parametrize("content", ["\xe9".encode("latin-1"), "a,b".encode("utf-16"), b"\xff" * 99])
def test_text_that_is_not_utf8_is_refused_with_the_mend(tmp_path, content):
    (tmp_path / "runs.csv").write_bytes(content)
    assert refusal(str(tmp_path / "runs.csv")).endswith("save it as UTF-8")


@pytest.mark.parametrize("name", ["runs.csv", "runs.tsv.gz", "runs.parquet"])
def test_a_pipe_or_a_device_is_refused_and_never_waited_for(tmp_path, name):
    os.mkfifo(tmp_path / name)
    assert "a pipe, socket or device; give a " in refusal(str(tmp_path / name))
    (tmp_path / name).unlink()
    (tmp_path / name).symlink_to("/dev/zero")
    assert "a pipe, socket or device; give a " in refusal(str(tmp_path / name))


def test_a_packed_table_unpacks_to_so_much_and_no_more(tmp_path):
    (tmp_path / "runs.csv.gz").write_bytes(gzip.compress(bytes(200 << 20), 1))
    assert refusal(str(tmp_path / "runs.csv.gz")).endswith("MiB of text; give a smaller file, or Parquet")


def test_parquet_of_more_rows_than_can_be_read_is_refused_by_its_header(tmp_path, monkeypatch):
    monkeypatch.setattr("analysis.predictions.files.MOST_ROWS", 47)
    assert "48 rows, and at most 47 can be read" in refusal(saved(NUMBERS, tmp_path / "runs.parquet"))


@pytest.mark.parametrize("content", [b"", b"\0", b"\n\n", b'"', b"approach", b"a,b\n1,2,3\n", b"PAR1", b"\x1f\x8b"])
@pytest.mark.parametrize("name", ["runs.csv", "runs.tsv", "runs.csv.gz", "runs.parquet"])
def test_what_is_no_table_is_refused_in_one_line(tmp_path, content, name):
    (tmp_path / name).write_bytes(content)
    assert refusal(str(tmp_path / name)).startswith(f"{tmp_path}/{name}: ")


NUMBERS_AND_NONE = (0, -0.0, 10**19, 10**400, 1.5, np.inf, np.nan, 1j, Decimal("1"), Decimal("NaN"), pd.NA, pd.NaT)
OTHERS = (None, True, b"x", pd.Timestamp(0), object, "", "a ", "\ud800", "x" * 500, "\n", "1e19", "false")
ODD_VALUES = st.sampled_from((*NUMBERS_AND_NONE, *OTHERS))
DTYPES = st.sampled_from(["object", "category", "string", "Int64", "boolean", "complex64", "float32", None])


@given(
    column=st.sampled_from([*table([0, 1]).columns, "p_0", "group"]),
    values=st.lists(ODD_VALUES, min_size=1, max_size=3),
    dtype=DTYPES,
)
def test_a_frame_with_any_values_in_a_column_is_read_or_refused_in_one_line(column, values, dtype):
    frame = with_p(table([0, 1]), ["0", "1"]).assign(group="g")
    odd = pd.Series([*values, *frame[column if column in frame else "label"][len(values) :]], dtype=object)
    with suppress(Exception):  # pandas refuses in many ways what is of no such type
        odd = odd.infer_objects() if dtype is None else odd.astype(dtype)
    read = table_or_line(frame.assign(**{column: odd}))
    assert not isinstance(read, str) or (len(read) <= 300 and read.isprintable())


CELLS = st.sampled_from(
    [
        "0",
        "1",
        "2",
        "10",
        "1.0",
        "01",
        "-1",
        "1e19",
        "inf",
        "nan",
        "None",
        "NA",
        "",
        " ",
        "cat",
        "Cat",
        "cat ",
        "é",
        "=1",
        '"',
    ]
)
ROWS = st.lists(st.tuples(st.sampled_from(["a", "b", ""]), CELLS, CELLS, CELLS, CELLS), min_size=1, max_size=8)


@given(ROWS)
def test_any_cells_are_read_as_they_are_written_or_refused_in_one_line(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("cells") / "runs.csv"
    frame = pd.DataFrame(rows, columns=["approach", "seed", "image", "label", "prediction"])
    frame.to_csv(path, index=False)
    read = table_or_line(str(path))
    if isinstance(read, str):
        assert len(read) <= 300
        assert read.isprintable()
        return
    names = np.array(read.classes)
    for column in ("label", "prediction"):
        found = zip(names[read.predictions[column]], frame[column], strict=True)
        assert all(name == text or float(name) == float(text) for name, text in found)


def table_or_line(given: str | pd.DataFrame) -> PredictionTable | str:
    try:
        return read_table(given) if isinstance(given, str) else as_table(given, source="here")
    except RecordsError as error:
        return str(error)
