"""Small finished studies as a runner would leave them, and what is done to their files."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from analysis.report.write import write_report
from tests.fuzz.oddities import nth, spliced
from tests.support.study_files import small_config
from tests.support.synthetic_study import SETTINGS, StudyWriter, predictions, write_finished_study, write_study

ANOTHER = {
    "better_cnn": 0.5,
    "fine_tune": 0.7,
    "feature_svm": 0.7,
}  # accuracies; files are swapped with its
WITH_REPORT = ("finished", "renewed")
FRAMES: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "no rows": lambda frame: frame.head(0),
    "half": lambda frame: frame.head(len(frame) // 2),
    "twice": lambda frame: pd.concat([frame, frame]),
    "p_99": lambda frame: frame.assign(p_99=0.1),
    "p = 2": lambda frame: frame.assign(p_0=2.0, p_1=2.0, p_2=2.0),
    "no p_1": lambda frame: frame.drop(columns="p_1"),
    "list": lambda frame: frame.assign(label=[[value] for value in frame.label]),
    "text label": lambda frame: frame.assign(label="x"),
    "text prediction": lambda frame: frame.assign(prediction="x"),
    "text seed": lambda frame: frame.assign(seed="x"),
    "no label": lambda frame: frame.drop(columns="label"),
    "nan": lambda frame: frame.assign(prediction=float("nan")),
    "float": lambda frame: frame.assign(prediction=frame.prediction + 0.5),
    "other seed": lambda frame: frame.assign(seed=7),
    "other approach": lambda frame: frame.assign(approach="fine_tune"),
    "all right": lambda frame: frame.assign(prediction=frame.label),
    "big": lambda frame: frame.assign(label=10**12),
    "negative": lambda frame: frame.assign(prediction=-1),
    "bytes": lambda frame: frame.assign(image=b"\xff"),
}


@cache
def template(base: str) -> Path:
    """A finished study, with a study file that could be run."""
    root = Path(tempfile.mkdtemp(prefix="fuzz-")) / "study"
    atexit.register(shutil.rmtree, root.parent, ignore_errors=True)
    if base in WITH_REPORT:
        write_finished_study(root)
    else:
        more = {"accuracy": ANOTHER} if base == "another" else {}
        write_study(root, grouped=base == "grouped", seeds=2, **more)
    for path in root.glob("records/feature_svm*/*.json"):  # which the writer gives hyperparameters of a network
        record = json.loads(path.read_bytes())
        path.write_text(json.dumps(record | ({"params": {"C": 1.0, "gamma": 1.0}} if "params" in record else {})))
    approaches: Any = SETTINGS["approaches"]
    spaces = {f"approaches__{name}__space": about["space"] for name, about in approaches.items()}
    published = {f"approaches__{name}__published": None for name in approaches}
    runs = 3 if base in WITH_REPORT else 2
    config = small_config(budget=SETTINGS["budget"], final={"runs": runs}, **spaces, **published)
    (root / "study.yaml").write_text(config.to_yaml())
    if base in WITH_REPORT:
        (root / "finished.yaml").write_text(config.to_yaml())
        if base == "renewed":
            _renew(root)
        (root / "SHA256SUMS").unlink()  # of the records as they were before the changes above
        write_report(str(root))
    return root


def _renew(root: Path) -> None:
    """The search of one approach went on and found better, so that final runs are superseded."""
    writer, better = StudyWriter(root), {"lr": 4e-3, "epochs": 20}
    writer.now = 3_000.0
    writer.trial("better_cnn", 3, "finished", 5.0, 0.9, params=better)
    rows = predictions("better_cnn", 3, accuracy=0.7).assign(group=None)
    writer.final("better_cnn", 3, rows, params=better)


def _copy(root: Path, name: str, _: Sequence[str], called: str) -> None:
    path = root / name
    shutil.copy(path, path.with_name(called.format(name=path.name, stem=path.stem, suffix=path.suffix)))


def _over(root: Path, name: str, names: Sequence[str], other: int | str) -> None:
    (root / name).write_bytes((root / nth(names, other)).read_bytes())


def _folder(root: Path, name: str, _: Sequence[str]) -> None:
    (root / name).unlink()
    (root / name).mkdir()


def _frame(root: Path, name: str, _: Sequence[str], how: str) -> None:
    frame = FRAMES[how](pd.read_parquet(root / name))
    (root / name).unlink()
    frame.to_parquet(root / name, index=False)


def _keys(change: Callable[..., object]) -> Callable[..., None]:
    """A change of the mapping in a JSON or YAML file."""

    def changed(root: Path, name: str, _: Sequence[str], *how: Any) -> None:
        is_yaml = name.endswith(".yaml")
        content = (yaml.safe_load if is_yaml else json.loads)((root / name).read_text())
        change(content, *how)
        (root / name).write_text(yaml.safe_dump(content) if is_yaml else json.dumps(content))

    return changed


def _damage(root: Path, name: str, _: Sequence[str], how: Sequence[Any]) -> None:
    (root / name).write_bytes(spliced((root / name).read_bytes(), *how[1:]))


CHANGES: dict[str, Callable[..., object]] = {
    "delete": lambda root, name, _: (root / name).unlink(),
    "copy": _copy,
    "over": _over,
    "swap": lambda root, name, _: shutil.copy(template("another") / name, root / name),
    "put": _keys(lambda content, key, value: content.update({key: value})),
    "without": _keys(lambda content, key: content.pop(key)),
    "whole": lambda root, name, _, content: (root / name).write_bytes(content),
    "frame": _frame,
    "folder": _folder,
    "bytes": _damage,
}
