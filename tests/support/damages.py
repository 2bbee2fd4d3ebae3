"""What happens to files: changed by hand, copied, lost, cut, a bit turned over."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

STARTED = "records/fine_tune-r0-0002/0000-started.json"
ENDED = "records/fine_tune-r0-0002/0002-finished.json"
PREDICTED = "predictions/better_cnn-r0-seed0.parquet"

Damage = Callable[[Path], object]


def fields(name: str, **changes: object) -> Damage:
    """Some fields of a JSON file are others."""

    def change(study: Path) -> None:
        path = study / name
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return change


def text(name: str, old: str, new: str) -> Damage:
    """Some words of a file are others."""

    def change(study: Path) -> None:
        path = study / name
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    return change


def content(name: str, new: bytes) -> Damage:
    """A file holds something else."""
    return lambda study: (study / name).write_bytes(new)


def lost(name: str) -> Damage:
    """A file is gone."""
    return lambda study: (study / name).unlink()


def lost_folder(name: str) -> Damage:
    """A folder is gone."""
    return lambda study: shutil.rmtree(study / name)


def copied(name: str, to: str) -> Damage:
    """A file is there twice."""

    def copy(study: Path) -> None:
        (study / to).parent.mkdir(exist_ok=True)
        shutil.copy(study / name, study / to)

    return copy


# Each with words of the line in which every command that reads the study says what is wrong.
DAMAGES: dict[str, tuple[Damage, str]] = {
    "a copied record": (
        copied(STARTED, "records/fine_tune-r0-0002/0000-started (1).json"),
        r"fine_tune-r0-0002/0000-started \(1\)\.json: no name that the program gives, so a copy",
    ),
    "a copied record with a number of its own": (
        copied(ENDED, "records/fine_tune-r0-0002/0003-finished.json"),
        r"0003-finished\.json: holds 2-finished of fine_tune-r0-0002, not what its name says",
    ),
    "a copied trial": (
        copied(STARTED, "records/fine_tune-r0-0004/0000-started.json"),
        r"fine_tune-r0-0004/0000-started\.json: holds 0-started of fine_tune-r0-0002",
    ),
    "a lost beginning": (lost(STARTED), r"0001-validated\.json: record 0 of its trial is missing before it"),
    "a gap": (
        lost("records/fine_tune-r0-0002/0001-validated.json"),
        r"0002-finished\.json: record 1 of its trial is missing before it",
    ),
    "a lost trial": (
        lost_folder("records/fine_tune-r0-0002"),
        r"fine_tune-r0-0003/0000-started\.json: trial 2 of its search is missing before it",
    ),
    "a lost phase": (
        lost("phases/0000-search-started.json"),
        r"0001-search-exhausted\.json: phase record 0 is missing",
    ),
    "negative seconds": (fields(ENDED, charged_s=-5), r"0002-finished\.json: charged_s is -5, and seconds are not neg"),
    "more than the allowance": (fields(ENDED, charged_s=21.0), r"charged 21 s of an allowance of 20 s"),
    "more than the budget": (
        fields("records/fine_tune-r0-0003/0002-finished.json", charged_s=19.0),
        r"fine_tune-r0-0003/0000-started\.json: with it fine_tune was charged 63 s of 60 s",
    ),
    "seconds that are no number": (
        text(ENDED, '"charged_s":20.0', '"charged_s":NaN'),
        r"not a TrialEvent \(NaN is no number\)",
    ),
    "a time of 0": (fields(ENDED, time=0), r"0002-finished\.json: its time is 0, before the study began"),
    "an accuracy of -1": (fields(ENDED, best_accuracy=-1), r"best_accuracy is -1, and an accuracy lies in \[0, 1\]"),
    "another approach": (fields(STARTED, approach="vit"), r"of the approach 'vit', which study\.yaml does not have"),
    "another replicate": (
        fields(STARTED, replicate=3),
        r"0000-started\.json: of replicate 3, and study\.yaml has 1: a record of another study",
    ),
    "another seed in the middle": (fields(ENDED, seed=1), r"its seed differs from that of its trial's first record"),
    "a hyperparameter fewer": (fields(STARTED, params={"lr": 0.1}), r"lacks the hyperparameter 'epochs'"),
    "an approach fewer": (
        text("study.yaml", "  fine_tune:", "  fine_tuned:"),
        r"fine_tune-r0-0000/0000-started\.json: of the approach 'fine_tune', which study\.yaml does not have",
    ),
    "no replicate": (
        text("study.yaml", "name:", "replicates: 0\nname:"),
        r"study\.yaml: not a study file \(replicates",
    ),
    "a study file that is not UTF-8": (content("study.yaml", b"name: \xff\n"), r"study\.yaml: not a study file \("),
    "a study file that is nested": (content("study.yaml", b"[" * 2000), r"study\.yaml: not a study file \("),
    "a study file with merge keys": (
        content("study.yaml", b"a: &a {b: 1}\nc: {<<: *a}\n"),
        r"study\.yaml: not a study file \(",
    ),
    "a study file with a key twice": (
        text("study.yaml", "name:", "name: x\nname:"),
        r"study\.yaml: .*the key 'name' stands here",
    ),
    "an environment that is a list": (content("environment.json", b"[]"), r"environment\.json: a list, where names"),
    "a nested environment": (content("environment.json", b"[" * 10**5), r"environment\.json: not JSON"),
    "data with other counts": (
        fields("data.json", test=119),
        r"data\.json: counts of test that do not fit its size or the classes",
    ),
    "features under another name": (
        copied("features/k.json", "features/l.json"),
        r"features/l\.json: holds the features 'k', which is not what its name says",
    ),
    "features of another study": (
        fields("features/k.json", approaches=["vit"]),
        r"features/k\.json: for an approach that study\.yaml does not have",
    ),
    "copied predictions": (
        copied(PREDICTED, "predictions/better_cnn-r0-seed0 (1).parquet"),
        r"better_cnn-r0-seed0 \(1\)\.parquet: of no final run on record",
    ),
}
