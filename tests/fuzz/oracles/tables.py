"""What a table of predictions says by csv, or pyarrow, and a few lines."""

from __future__ import annotations

import csv
import gzip
import io
import math
import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from tests.fuzz.outcomes import WrongNumber

WHOLE = re.compile(r"-?(0|[1-9]\d*)(\.0+)?")  # 01 is no number, but a name


def same_accuracies(path: Path, found: Mapping[str, float]) -> None:
    """The approaches, and of each the mean over its runs of the share of right answers."""
    plain = plainly_read(path)
    if found.keys() != plain.keys():
        raise WrongNumber(f"other approaches: {sorted(found)} where the table has {sorted(plain)}")
    for name, accuracy in plain.items():
        if not math.isclose(accuracy, found[name], abs_tol=1e-9):
            raise WrongNumber(f"another accuracy: of {name!r} {found[name]:.4f}, and plainly {accuracy:.4f}")


def same_seeds(frame: pd.DataFrame) -> None:
    """Runs that are matched have seeds of the same names."""
    seeds = {name: frozenset(map(str, rows.seed)) for name, rows in frame.groupby("approach")}
    if len(set(seeds.values())) > 1:
        raise WrongNumber(f"seeds matched that differ: { ({name: sorted(own)[:3] for name, own in seeds.items()}) }")


def plainly_read(path: Path) -> dict[str, float]:
    """Accuracy by approach. Answers are compared as texts, and as numbers where all are whole."""
    rows = pq.read_table(path).to_pylist() if path.suffix == ".parquet" else _rows(path)
    answers = {str(row[name]) for row in rows for name in ("label", "prediction")}
    as_one = (lambda text: int(float(text))) if all(map(WHOLE.fullmatch, answers)) else str
    right: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        hit = as_one(str(row["label"])) == as_one(str(row["prediction"]))
        right[str(row["approach"])][str(row["seed"])].append(hit)
    return {name: sum(sum(hits) / len(hits) for hits in runs.values()) / len(runs) for name, runs in right.items()}


def _rows(path: Path) -> list[dict[str, str]]:
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode("utf-8-sig")
    header = text.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=header.count))
    reader.fieldnames = [name.strip() for name in reader.fieldnames or ()]
    return [*reader]
