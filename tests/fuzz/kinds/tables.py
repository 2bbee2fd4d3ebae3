"""Tables of predictions, CSV and Parquet: columns, labels, separators, encodings and bytes changed.

The report's accuracies must be those of the text as it is written (oracles/tables.py).
"""

from __future__ import annotations

import decimal
import gzip
import io
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
from hypothesis import strategies as st

import analysis
from analysis.predictions.files import read_file
from analysis.report.design import Design
from analysis.report.write import write_table_report
from tests.fuzz.kinds.table_changes import CHANGES, CLASSES, HOWS, UNDONE, table
from tests.fuzz.oddities import Edit, Input, cuts, edited, scalars, spliced, splices, texts
from tests.fuzz.oracles.archives import files
from tests.fuzz.oracles.tables import same_accuracies, same_seeds
from tests.fuzz.outcomes import WrongNumber
from tests.fuzz.runner import Kind

FORMS = {
    "comma.csv": ",",
    "semicolon.csv": ";",
    "tab.csv": "\t",
    "tab.tsv": "\t",
    "zipped.csv.gz": ",",
    "x.parquet": "",
}
BASES = tuple(f"{names} {form}" for form in FORMS for names in ("numbers", "names", "probabilities", "groups"))
COLUMNS = ("approach", "seed", "image", "label", "prediction", "group", "p_0", "p_1", "p_2", "p_99")
LABELS = ("None", "NA", "nan", "null", "n/a", "01", "1.0", "-1", "1e19", "inf", "A", "a", " a", "a ", "", "500000", "é")
DTYPES = ("int8", "uint64", "float32", "float64", "category", "string", "bool", "datetime", "list", "bytes", "decimal")
columns, rows = st.sampled_from(COLUMNS), st.integers(0, 80)
labels = st.sampled_from(LABELS)
written = st.one_of(labels, scalars.map(str))
EDITS: tuple[st.SearchStrategy[Edit], ...] = (
    st.tuples(st.just("drop"), columns),
    st.tuples(st.just("rename"), columns, st.one_of(columns, texts)),
    st.tuples(st.just("twice"), columns),
    st.tuples(st.just("cell"), columns, rows, written),
    st.tuples(st.just("all"), columns, written),
    st.tuples(st.just("class"), st.sampled_from(CLASSES), labels),
    st.tuples(st.just("approach"), st.one_of(labels, texts, st.just("x/../../../victim"))),
    st.tuples(
        *(st.just("written"), st.sampled_from(("a", "b", ""))),
        *(st.sampled_from(("label", "prediction", "seed", "image", "approach")), st.sampled_from([*HOWS])),
    ),
    st.tuples(st.just("rows"), st.sampled_from(("first", "half", "none", "twice", "shuffled", "one run", "one seed"))),
    st.tuples(st.just("type"), columns, st.sampled_from(DTYPES)),
    st.tuples(st.just("matched"), st.sampled_from(("", "b"))),
    st.tuples(st.just("encoding"), st.sampled_from(("utf-16", "latin-1", "utf-8-sig", "cp1252", "utf-32"))),
    st.tuples(st.just("line"), rows, st.sampled_from(('"', "\n", "\r", "\r\n", ",", "#", "\x00", "a,b\n", "sep=,\n"))),
    splices,
    cuts,
)


def lay(one: Input, folder: Path) -> tuple[str, bool]:
    """Write the table; gives its file, and whether seeds are matched."""
    names, form = one.base.split()
    frame = table(names)
    for what, *how in one.edits:
        if what in CHANGES:
            with suppress(*UNDONE):
                frame = CHANGES[what](frame, *how)
    content = _written(frame, form, {what: how for what, *how in one.edits})
    for what, *how in one.edits:
        content = spliced(content, *how) if what == "splice" else content
    (folder / form).write_bytes(content)
    return form, any(what == "matched" for what, *_ in one.edits)


def use(given: tuple[str, bool], folder: Path) -> None:
    """Compare the approaches."""
    form, matched = given
    compared = analysis.compare(form, matched=matched)
    found = dict(zip(compared.approaches.approach, compared.approaches.accuracy, strict=True))
    same_accuracies(folder / form, found)
    if matched:
        same_seeds(read_file(form))
    if any({"/", "\\"} & {*name} or name.startswith(".") for name in found):
        _reported(form, folder)


def _reported(form: str, folder: Path) -> None:
    """The report of approaches that are called like paths stays in its folder."""
    before = files(folder.parent)
    write_table_report(form, "a/b/report", Design())
    below = f"{folder.name}/a/b/report/"
    if outside := [name for name in files(folder.parent).keys() - before if not name.startswith(below)]:
        raise WrongNumber(f"written outside the folder: {outside[:3]}")


def _written(frame: pd.DataFrame, form: str, how: Mapping[str, Sequence[Any]]) -> bytes:
    if form.endswith(".parquet"):
        return _parquet(frame, *how.get("type", ("", "")))
    text = how["whole"][0] if "whole" in how else frame.to_csv(index=False, sep=FORMS[form])
    if "line" in how:
        row, put = how["line"]
        lines = text.splitlines(keepends=True)
        text = "".join([*lines[: row % len(lines)], put, *lines[row % len(lines) :]])
    content: bytes = text.encode(*how.get("encoding", ("utf-8",)), errors="replace")
    return gzip.compress(content, mtime=0) if form.endswith(".gz") else content


def _parquet(frame: pd.DataFrame, column: str, kind: str) -> bytes:
    """Numbers as numbers; one column as something else."""
    stream = io.BytesIO()
    for name in frame.columns if frame.columns.is_unique else ():
        with suppress(ValueError, TypeError):
            frame = frame.assign(**{name: pd.to_numeric(frame[name])})
    with suppress(*UNDONE):
        frame = frame.assign(**{column: RETYPED.get(kind, lambda given: given.astype(kind))(frame[column])})
    try:
        frame.to_parquet(stream, index=False)
    except Exception:  # columns that no Parquet file has
        return b"PAR1"
    return stream.getvalue()


RETYPED: dict[str, Callable[[pd.Series], Any]] = {
    "datetime": lambda given: pd.to_datetime(given, unit="s"),
    "list": lambda given: [[value] for value in given],
    "bytes": lambda given: [str(value).encode() + b"\xff" for value in given],
    "decimal": lambda given: [decimal.Decimal(str(value)) for value in given],
}
TABLES = Kind("tables", st.builds(Input, st.sampled_from(BASES), edited(*EDITS)), lay, use)
