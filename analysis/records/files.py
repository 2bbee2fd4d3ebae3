"""Which files below a study's directory are its own, by their names.

What systems and editors leave beside them (`.DS_Store`, `._x`, `Thumbs.db`, `x~`) is passed over. Any other name in a
folder of records that the program would not have given is a copy or something of another study: damage, not data.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

STRAY_NAMES = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "@eadir", "__macosx", "$recycle.bin"})
STRAY_ENDINGS = ("~", ".bak", ".orig", ".swp", ".swo", ".tmp", ".part")
OWN_NAMES = {
    "records": re.compile(r"records/[^/]+/\d{4,}-[a-z]+\.json"),
    "phases": re.compile(r"phases/\d{4,}-[a-z]+-[a-z]+\.json"),
    "looks": re.compile(r"looks/\d{4,}-[0-9a-f]{8}\.json"),
    "features": re.compile(r"features/[^/]+\.json"),
    "environments": re.compile(r"environments/\d{4,}\.json"),
    "predictions": re.compile(r"predictions/[^/]+\.parquet"),
}
"""The folders whose files are read, and what the program calls a file in each."""
SUFFIXES = {folder: ".parquet" if folder == "predictions" else ".json" for folder in OWN_NAMES}
NOT_OURS = "no name that the program gives, so a copy or something from elsewhere; take it out of the study"
NUMBER = re.compile(r"\d+")


def is_stray(name: str) -> bool:
    """Whether a file is clearly none of a study's: hidden, a system's, or what an editor keeps beside a file."""
    parts = [part.lower() for part in name.split("/")]
    if any(part.startswith(".") or part in STRAY_NAMES for part in parts):
        return True
    last = parts[-1]
    return last.endswith(STRAY_ENDINGS) or last.startswith("~$") or (last.startswith("#") and last.endswith("#"))


def is_own(name: str) -> bool:
    """Whether the program would call a file so; of files in the folders of OWN_NAMES."""
    return OWN_NAMES[name.partition("/")[0]].fullmatch(name) is not None


def linked_folder(folder: Path) -> str | None:
    """A link to a folder somewhere below one on a disk, by its path from there; two that lead in circles never end."""
    for place, folders, _ in os.walk(folder, followlinks=False):
        if linked := next((name for name in folders if os.path.islink(os.path.join(place, name))), None):
            return os.path.relpath(os.path.join(place, linked), folder)
    return None


def in_order(names: Iterable[str]) -> list[str]:
    """The names of numbered files by folder and number, those that have no number last."""
    return sorted(names, key=lambda name: (name.rpartition("/")[0], number_of(name), name))


def number_of(name: str) -> float:
    """The number that a file's name begins with; infinite for none."""
    found = NUMBER.match(name.rpartition("/")[2])
    return int(found.group()) if found else float("inf")


def predictions_name(run: str) -> str:
    """The file with the predictions of one final run."""
    return f"predictions/{run}.parquet"


def is_of_a_run(name: str) -> bool:
    """Whether a file holds predictions: what can be done again, run by run."""
    return name.startswith("predictions/")
