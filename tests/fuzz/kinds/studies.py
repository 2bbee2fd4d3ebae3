"""Directories of studies: files of a small finished study deleted, copied, cut short, edited, swapped, damaged.

A report of what is left must be the same, or say what is wrong (oracles/studies.py).
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from rich.console import Console

from analysis.checking.check import check_study
from analysis.records.reading import read_study
from analysis.report.summary import summarise
from study.commands.results import status
from tests.fuzz.kinds.study_changes import CHANGES, FRAMES, template
from tests.fuzz.oddities import Edit, Input, cuts, edited, nth, scalars, splices, texts
from tests.fuzz.oracles.studies import Facts, facts, same_facts, sane
from tests.fuzz.runner import Kind
from tests.fuzz.stubs import nothing_started, printed

BASES = ("plain", "grouped", "resumed", "finished", "renewed")
COPIES = ("{stem} (1){suffix}", "x.tmp", ".{name}", "notes.txt", "{name}~", "9999-finished.json", "0003-heartbeat.json")
KEYS = (
    *("charged_s", "order", "time", "trial", "approach", "index", "replicate", "seed", "params", "allowance_s"),
    *("event", "best_accuracy", "test_accuracy", "phase", "schema_version", "classes", "counts", "test", "valid"),
    *("name", "approaches", "budget", "replicates", "significance", "cost_s", "fingerprint", "slots", "reason"),
    *("best_at_s", "x"),
)
WHOLES = (b"", b"[]", b"{}", b"null", b"1", b"\xff", b"[" * 5000, b"PAR1", b'{"schema_version": 99}')
files = st.integers(0, 150)
values = st.one_of(scalars, st.lists(scalars, max_size=2), st.dictionaries(texts, scalars, max_size=2))
EDITS: tuple[st.SearchStrategy[Edit], ...] = (
    st.tuples(st.just("delete"), files),
    st.tuples(st.just("copy"), files, st.sampled_from(COPIES)),
    st.tuples(st.just("over"), files, files),
    st.tuples(st.just("swap"), files),
    st.tuples(st.just("put"), files, st.sampled_from(KEYS), values),
    st.tuples(st.just("without"), files, st.sampled_from(KEYS)),
    st.tuples(st.just("whole"), files, st.sampled_from(WHOLES)),
    st.tuples(st.just("frame"), files, st.sampled_from([*FRAMES])),
    st.tuples(st.just("folder"), files),
    st.tuples(st.just("bytes"), files, splices),
    st.tuples(st.just("bytes"), files, cuts),
)


def lay(one: Input, folder: Path) -> tuple[str, bool]:
    """Write the directory; gives its base, and whether its numbers must be those of the base (see `_is_judged`)."""
    root = folder / "study"
    shutil.copytree(template(one.base), root)
    names = sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    for what, which, *how in one.edits:
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            CHANGES[what](root, _meant(names, what, which), names, *how)
    return one.base, _is_judged(one, names, root)


def use(given: tuple[str, bool], folder: Path) -> None:
    """Check, report, show and, where it says so, resume it, as far as no Ray is needed."""
    base, judged = given
    check_study("study")
    study = summarise(read_study("study"))
    sane(facts(study))
    if judged:
        same_facts(facts(study), undamaged(base))
    with printed():
        status("study")
    if base == "resumed":
        _resume("study")


@cache
def undamaged(base: str) -> Facts:
    return facts(summarise(read_study(str(template(base)))))


def _resume(directory: str) -> None:
    from study import runner
    from study.show.progress import Progress

    with nothing_started():
        runner.resume(directory, progress=Progress(Console(quiet=True)))


def _meant(names: list[str], what: str, which: int | str) -> Any:
    return nth([name for name in names if name.startswith("predictions/")] if what == "frame" else names, which)


def _is_judged(one: Input, names: list[str], root: Path) -> bool:
    """Not where a number may have become another that nobody can tell from a true one, nor where the last records of a
    trial are gone: a study whose driver died looks like that.
    """
    for what, which, *_ in one.edits:
        damaged_text = what == "bytes" and not str(_meant(names, what, which)).endswith(".parquet")
        if what in ("put", "without") or damaged_text:
            return False
    gone = {name for name in names if not (root / name).is_file()}
    for folder in {name.rpartition("/")[0] for name in gone if name.startswith("records/")}:
        events = [name for name in names if name.startswith(f"{folder}/")]
        left = [name for name in events if name not in gone]
        if left == events[: len(left)]:
            return False
    return True


STUDIES = Kind("study directories", st.builds(Input, st.sampled_from(BASES), edited(*EDITS)), lay, use)
