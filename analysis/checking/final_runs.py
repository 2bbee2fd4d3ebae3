"""Final runs: each evaluated one predicted every test image once, with the accuracy that is on record."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pandas as pd

from analysis.checking.findings import Checked, checked
from analysis.checking.order import is_over
from analysis.checking.reading import Fields, Plain

COLUMNS = ("approach", "seed", "image", "group", "label", "prediction")


def predictions_are_those_on_record(study: Plain) -> Checked:
    """Every evaluated final run that counts has its predictions, of the test split's images, of the same accuracy."""
    runs = evaluated(study)
    return checked(
        "every final run has predictions of the accuracy on record", len(runs), "final run", _wrong(study, runs)
    )


def evaluated(study: Plain) -> dict[str, Fields]:
    """The last record of every final run that was evaluated, by trial."""
    ends = {trial: history[-1] for trial, history in study.trials.items() if history[0]["phase"] == "final"}
    return {trial: end for trial, end in ends.items() if end["event"] == "evaluated"}


def counting(study: Plain, approach: str) -> dict[str, Fields]:
    """The evaluated final runs that count: of each replicate those with the latest configuration of its search."""
    starts = {trial: history[0] for trial, history in study.trials.items()}
    own = [one for one in starts.values() if (one["phase"], one["approach"]) == ("final", approach)]
    latest = {one["replicate"]: one["params"] for one in sorted(own, key=_configuration)}
    return {
        trial: end
        for trial, end in evaluated(study).items()
        if starts[trial]["approach"] == approach and starts[trial]["params"] == latest[starts[trial]["replicate"]]
    }


def _configuration(first: Fields) -> tuple[int, int]:
    """Runs of the second configuration of a search are called `...-seed0-2`; no clock is asked."""
    number = first["file"].split("/")[1].rpartition("-seed")[2].partition("-")[2]
    return int(number) if re.fullmatch("[0-9]{1,9}", number) else 1, first["index"]


def _wrong(study: Plain, runs: dict[str, Fields]) -> Iterator[str]:
    for name in study.names:
        trial = name.removeprefix("predictions/").removesuffix(".parquet")
        if name.startswith("predictions/") and trial not in runs:
            history = study.trials.get(trial)
            if history is None or history[0]["phase"] != "final" or is_over(study, "final"):
                yield f"{name}: of no final run that was evaluated"
    numbers: set[tuple[str, int]] = set()
    images: pd.Series | None = None
    needed = {trial for approach in {end["approach"] for end in runs.values()} for trial in counting(study, approach)}
    for trial, end in runs.items():
        name = f"predictions/{trial}.parquet"
        if (end["approach"], end["index"]) in numbers:
            yield f"records/{trial}: a second final run {end['index']} of {end['approach']}"
        numbers.add((end["approach"], end["index"]))
        if trial not in needed:
            continue  # nothing is read of it any more, and no command does it again
        table = study.tables.get(name)
        if table is None:
            yield f"{name}: missing or not readable, and its run was evaluated"
            continue
        problems = list(_wrong_table(table, end, study.data))
        yield from (f"{name}: {problem}" for problem in problems)
        if not problems:
            own = table.set_index("image")[["label", "group"]].sort_index()
            images = own if images is None else images
            if not own.equals(images):
                yield f"{name}: other images, labels or groups than those of the final runs before it"


def _wrong_table(table: pd.DataFrame, end: Fields, data: Fields | None) -> Iterator[str]:
    if lacking := [name for name in COLUMNS if name not in table]:
        yield f"lacks the column {lacking[0]}"
        return
    if not table.columns.is_unique or table.empty:
        yield "holds a column twice, or no row"
        return
    if other := [name for name in ("seed", "label", "prediction") if table[name].dtype.kind not in "iu"]:
        yield f"holds no whole numbers in {other[0]}"
        return
    if not all(isinstance(image, str) for image in table["image"]):
        yield "holds images that are no text"
        return
    if table["image"].duplicated().any():
        yield "holds an image twice"
    if any(one != end["approach"] for one in table["approach"]) or any(table["seed"] != end["index"]):
        yield f"holds rows that are not those of {end['approach']}, final run {end['index']}"
    right = int((table["label"] == table["prediction"]).sum())
    if right / len(table) != end["test_accuracy"]:
        yield f"its accuracy is {right / len(table):.6g}, and {end['test_accuracy']} is on record"
    yield from _wrong_probabilities(table)
    if data is not None:
        yield from _other_split(table, data)


def _wrong_probabilities(table: pd.DataFrame) -> Iterator[str]:
    columns = [name for name in table.columns if str(name).startswith("p_")]
    if sorted(columns) != sorted(f"p_{index}" for index in range(len(columns))):
        yield f"holds the probabilities {', '.join(sorted(columns)[:3])} ..., which are not numbered from 0"
    elif any(table[name].dtype.kind != "f" for name in columns):
        yield "holds probabilities that are no numbers"
    elif columns and not table[columns].isna().all(axis=None):
        p = table[columns].to_numpy(dtype=float)
        if not ((p >= 0) & (p <= 1 + HAIR)).all() or not (abs(p.sum(axis=1) - 1) <= 1e-3).all():
            yield "holds probabilities that are none, or do not sum to 1"


def _other_split(table: pd.DataFrame, data: Fields) -> Iterator[str]:
    """The test split has this many images, of each class so many."""
    counts: Any = data["counts"].get("test")
    classes = len(data["classes"])
    if len(table) != data["test"]:
        yield f"{len(table)} images, and the test split has {data['test']}"
    elif (
        isinstance(counts, list) and list(table["label"].value_counts().reindex(range(classes), fill_value=0)) != counts
    ):
        yield "other numbers of images of the classes than the test split has"
    if table["prediction"].max() >= classes or table["prediction"].min() < 0:
        yield f"predicts classes that are not among the {classes} of the data set"


HAIR = 1e-6
