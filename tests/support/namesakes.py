"""Files of somebody's own that are called as what the program imports, and tell when they are imported."""

from __future__ import annotations

from pathlib import Path

TELLS = "open({mark!r}, 'w').close()\nraise RuntimeError('imported')\n"
# The first is the commonest name that a researcher's file has.
OF_THE_PROGRAM = ("analysis.py", "trainables/__init__.py", "study/__init__.py")
OF_OTHERS = ("torch.py", "random.py")


def write_namesakes(folder: Path, *names: str) -> None:
    """Write such files into a folder."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(TELLS.format(mark=str(_mark(folder, name))))


def write_approach(folder: Path) -> dict[str, object]:
    """An approach that lies in a folder, with another module there that it needs; what a study file says of it."""
    (folder / "my_way.py").write_text("from helpers import Guesser\n\n\nclass MyWay(Guesser):\n    pass\n")
    (folder / "helpers.py").write_text("from benchmarks.no_op import NoOp\n\n\nclass Guesser(NoOp):\n    pass\n")
    space = {"guess": {"uniform": [0.0, 0.9]}}
    return {"approach": "my_way:MyWay", "image_size": [16, 16], "space": space, "max_trials": 2}


def imported(folder: Path, *names: str) -> list[str]:
    """Those of them that were."""
    return [name for name in names if _mark(folder, name).exists()]


def _mark(folder: Path, name: str) -> Path:
    return folder / f"imported {name.replace('/', ' ')}"
