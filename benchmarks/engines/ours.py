"""This: a study of one approach, run by the command; its records say when trials ended, and what they took.

    python -m benchmarks.engines.ours engines.yaml DIR

It is the command itself, but that Ray is told of as many CPUs as the other engines use, not of all of the machine.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from unittest.mock import patch

import yaml

import analysis
from analysis.records.schema import ENDINGS
from benchmarks.engines.work import BATCH_SIZES, EPOCHS, LR, MOST, PER_CLASS, SIZE, SLOTS


def write_study(folder: Path) -> Path:
    """A study file whose search does not end by itself, unless so many results are enough."""
    space = {"lr": {"loguniform": list(LR)}, "epochs": {"int": list(EPOCHS)}}
    study = {
        "name": "engines",
        "data": {"source": "digits", "train_per_class": PER_CLASS, "valid_per_class": PER_CLASS},
        "approaches": {
            "better_cnn": {
                "approach": "better_cnn",
                "image_size": list(SIZE),
                "precision": "float32",
                **({"max_trials": MOST} if MOST else {}),
                "space": space | {"batch_size": {"categorical": list(BATCH_SIZES)}},
            }
        },
        "budget": {"search_seconds": 1e6, "trial_seconds": 60},
        "replicates": 1,
        "final": {"runs": 1},
        "slot": {"cpus": 1, "gpus": 0},
    }
    path = folder / "engines.yaml"
    path.write_text(yaml.safe_dump(study))
    return path


def results(study: Path) -> list[tuple[float, float]]:
    """When each trial ended, in seconds since 1970, and the seconds that it took; nothing before there are records."""
    if not (study / "study.yaml").exists():
        return []
    events = analysis.load(study).events
    ended = events[events.event.isin(ENDINGS) & (events.phase == "search")]
    return sorted(zip(ended.time, ended.charged_s + ended.uncharged_s, strict=True))


def arguments(folder: Path) -> list[str]:
    """Of Python, to run it: on as many slots as the others."""
    return ["-m", "benchmarks.engines.ours", str(write_study(folder)), str(folder / "study")]


def main(file: str, out: str) -> None:
    """The command, with so many slots."""
    from study import cli
    from study.cluster.connection import connected

    sys.argv = ["transfer-study", "run", file, "--out", out]
    with patch("study.runner.connected", partial(connected, cpus=SLOTS)):
        cli.main()


if __name__ == "__main__":
    main(*sys.argv[1:])
