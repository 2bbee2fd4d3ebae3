"""Command lines of transfer-study and of python -m analysis: options and arguments in random combinations, odd text.

They run in this process, kept from starting Ray; some run as processes of their own. Nothing may be written outside the
current folder.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from unittest import mock

import yaml
from hypothesis import strategies as st

from analysis.__main__ import run as analysis
from study.cli import main as transfer_study
from tests.fuzz.kinds.study_changes import template
from tests.fuzz.kinds.table_changes import table
from tests.fuzz.oddities import Input, edited, texts
from tests.fuzz.oracles.archives import files
from tests.fuzz.outcomes import ROOT, WrongNumber
from tests.fuzz.runner import Kind
from tests.fuzz.stubs import nothing_served, printed
from tests.support.study_files import SMALL
from trainables.errors import InputError

PROGRAMS: dict[str, Callable[[], None]] = {"transfer-study": transfer_study, "analysis": analysis}
SIZES = ("--budget", "--replicates", "--runs")
LINES = {  # with their options
    "run small.yaml": (*SIZES, "--out", "--address", "--set"),
    "plan small.yaml --no-timing": (*SIZES, "--address", "--set", "--suggest"),
    "plan digits": (*SIZES, "--address", "--set", "--suggest", "--no-timing"),
    "resume study": (),
    "extend study": (*SIZES, "--address"),
    "status study": (),
    "report study": ("--margin", "--alpha"),
    "report table.csv --out out": ("--margin", "--alpha", "--seeds"),
    "export study --table x.csv": ("--optuna", "--mlflow", "--table", "--replace"),
    "export study": ("--optuna", "--mlflow", "--table", "--replace"),
    "board study": ("--port", "--host", "--trials"),
    "published --accuracy 0.86 --accuracy 0.87": (
        "--accuracy",
        "--images",
        "--split",
        "--alpha",
        "--table",
    ),
    "new-approach mine": ("--to",),
    "schema": ("--out",),
    "data describe small.yaml": ("--set",),
    "data fetch boats --from nowhere.zip": ("--to", "--from"),
    "cache": (),
    "cache drop all": (),
    "check study": (),
    "rnu digits": (),
}
ANALYSIS = {"table.csv --out out": ("--margin", "--alpha", "--seeds", "--out")}
QUICK = ("status", "schema", "data describe", "published", "export", "cache", "new-approach", "data")  # as processes
GOOD = {
    "--budget": ("5", "12.5", "60"),
    "--replicates": ("2", "3"),
    "--runs": ("4", "5", "9"),
    "--out": ("o", "p/q", "o.json"),
    "--set": ("seed=3", "final.runs=4", "budget.trial_seconds=1", "name=x", "significance.alpha=0.1", "slot.cpus=2"),
    "--margin": ("0.02", "0.1"),
    "--alpha": ("0.01", "0.2"),
    "--seeds": ("matched", "unmatched"),
    "--optuna": ("sqlite:///x.db", "journal:///x.log"),
    "--table": ("x.csv", "x.parquet"),
    "--port": ("6007", "8080"),
    "--host": ("127.0.0.1", "localhost"),
    "--accuracy": ("0.861", "86.2%"),
    "--images": ("100", "1324"),
    "--split": ("test", "valid"),
    "--to": ("mine", "x/y"),
    "--from": ("x.zip",),
}
OPTIONS = (*{option for options in LINES.values() for option in options}, "--help", "--version", "--bugdet", "-x")
PLACES = (
    *("small.yaml", "digits", "digts", "study", "study/study.yaml", "table.csv", "photos", "boats", "x[/y]", "[bold]"),
    *("nowhere", "", ".", "/dev/null", "s3://", "s3://x/y", "http://[::1", "x\udcff", "all", "a,b", "-"),
)
VALUES = (
    *("http://[::1", "http://127.0.0.1:9", "https://", "ray://x", "auto", "sqlite:///x.db", "journal:///x.log"),
    *("matched", "train", "0.5", "1e400", "nan", "inf", "-1", "0", "1", "100000000000000000000", "86.0%", "0.860"),
    *("seed=[[[", "seed=1:30", "a.b=1", "=", "data.path=photos", "budget=1", "approaches={}", "name=[", "10min"),
    *("x/y/z.parquet", "study", "x.csv", "2", "3", "5", "0.02", "seed=3", "final.runs=4", "127.0.0.1", "8080"),
)
own = texts.filter(lambda text: ".." not in text and text[:1] not in ("/", "~"))  # nothing outside
arguments = st.one_of(st.sampled_from(PLACES), own)
values = st.one_of(st.sampled_from(VALUES), st.sampled_from(VALUES), arguments)


def _changed(program: str, lines: Mapping[str, Sequence[str]]) -> st.SearchStrategy[Input]:
    """A line with some of its options, or others, or changed in its words."""

    def changes(line: str) -> st.SearchStrategy[Input]:
        fitting = lines[line] or OPTIONS
        good = st.sampled_from([("option", name, value) for name in fitting for value in GOOD.get(name, ())])
        edits = edited(
            *[good] * 4,
            st.tuples(st.just("option"), st.sampled_from(fitting), values),
            st.tuples(st.just("option"), st.sampled_from(OPTIONS), values),
            st.tuples(st.just("option"), st.sampled_from(OPTIONS)),
            st.tuples(st.just("argument"), arguments),
            st.tuples(st.just("swap"), st.integers(0, 6), values),
            st.tuples(st.just("drop"), st.integers(0, 6)),
        )
        return edits.map(lambda given: Input(program, (("line", line), *given)))

    return st.sampled_from([*lines]).flatmap(changes)


IN_PROCESS, ALONE = _changed("transfer-study", LINES), _changed("process", LINES)
lines = st.one_of(*[IN_PROCESS] * 12, *[_changed("analysis", ANALYSIS)] * 3, ALONE)


def lay(one: Input, folder: Path) -> tuple[str, list[str]]:
    """Write a study file, a study and a table; gives the program and its arguments."""
    (folder / "small.yaml").write_text(yaml.safe_dump(SMALL))
    table("names").to_csv(folder / "table.csv", index=False)
    shutil.copytree(template("plain"), folder / "study")
    words: list[str] = []
    for what, *given in one.edits:
        if what in ("swap", "drop") and words:
            at = given[0] % len(words)
            words[at : at + 1] = given[1:]
        elif what in ("line", "argument", "option"):
            words += given[0].split() if what == "line" else given
    return one.base, [word.replace("\0", "") for word in words]


def use(given: tuple[str, list[str]], folder: Path) -> None:
    """Call it; what it complains of is raised as an InputError."""
    program, words = given
    before = files(folder.parent)
    alone = program == "process" and " ".join(words).startswith(QUICK)
    code, told = _as_process(words, folder) if alone else _called(program, words)
    if outside := [name for name in files(folder.parent).keys() - before if not name.startswith(f"{folder.name}/")]:
        raise WrongNumber(f"written outside the folder: {outside[:3]}")
    if code == 2 and told.strip():  # without a complaint, the help was shown
        raise InputError(_complaint(told))
    if code not in (0, 2):
        raise RuntimeError(f"exit code {code}: {' '.join(told.splitlines()[-1:])}")


def _called(program: str, words: list[str]) -> tuple[int, str]:
    """In this process; gives the exit code, and what was written to standard error."""
    code: object = 0
    with mock.patch.object(sys, "argv", [program, *words]), printed() as (_, told), nothing_served():
        try:
            PROGRAMS.get(program, transfer_study)()
        except SystemExit as end:
            code = end.code or 0
    return int(str(code)), told.read()


def _as_process(words: list[str], folder: Path) -> tuple[int, str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "study", *words]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=120, check=False)
    return done.returncode, done.stderr.decode(errors="backslashreplace")


def _complaint(told: str) -> str:
    """What is wrong: the line after `error: `, or what stands in the box of a usage error."""
    if "error: " in told:
        return told.partition("error: ")[2]
    return " ".join(line.strip("│ ") for line in told.splitlines() if line.startswith("│"))


COMMAND_LINES = Kind("command lines", lines, lay, use, seconds=20)
