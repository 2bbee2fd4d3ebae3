"""Both entrances as processes: no stack trace, whatever is given, whoever reads, and whatever the terminal knows."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from analysis.entrance import speak_utf8
from analysis.records.errors import LONGEST
from tests.support.synthetic_study import write_finished_study

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow
STUDY, ANALYSIS = ("-m", "study"), ("-m", "analysis")


def command(
    *arguments: object, folder: Path, stdout: int = subprocess.PIPE, environment: dict[str, str] | None = None
) -> tuple[int, str, str]:
    """Exit code, output and errors of a command."""
    done = subprocess.run(
        [sys.executable, *map(os.fsencode, map(str, arguments))],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "TRANSFER_STUDY_CACHE": str(folder / "cache")} | (environment or {}),
        stdout=stdout,
        stderr=subprocess.PIPE,
        check=False,
    )
    return done.returncode, (done.stdout or b"").decode(errors="replace"), done.stderr.decode(errors="replace")


def refused(*arguments: object, folder: Path, environment: dict[str, str] | None = None) -> str:
    code, _, err = command(*arguments, folder=folder, environment=environment)
    assert code == 2, err
    (line,) = err.splitlines()
    assert line.startswith("error: ")
    assert len(line) <= 300
    return line.removeprefix("error: ")


LONG = "x" * 20_000


@pytest.mark.parametrize("arguments", [
    ("run", "digits", "--runs", LONG),
    ("run", "digits", "--budget", LONG),
    ("extend", "study", "--budget", LONG),
    ("run", "digits", "--set", LONG),
    ("run", "digits", "--set", f"{LONG}=1"),
    ("run", "digits", "--set", f"name={LONG}"),
    ("run", "digits", "--set", f"seed={'[' * 5000}"),
    ("run", "digits", f"--{LONG}"),
    (LONG,),
    ("run", "digits", LONG),
    ("run", LONG),
    ("run", "a\nb"),
    ("status", LONG),
    ("status", "\x1b[31mred"),
    ("status", "\udcff"),
    ("data", "describe", LONG),
    ("board", "x", "--port", LONG),
    ("report", "x.csv", "--out", "there", "--seeds", LONG),
    ("run",),
], ids=lambda arguments: ascii(" ".join(arguments))[:40])  # fmt: skip
def test_what_cannot_be_used_ends_in_one_line_of_at_most_300_characters(arguments, transfer_study):
    told = transfer_study(*arguments).complaint
    assert told.isprintable()
    assert len(f"error: {told}") <= 300


@pytest.mark.parametrize(
    "arguments",
    [
        (*STUDY, "run", "digits", "--runs", LONG),
        (*STUDY, "status", "\udcff"),
        (*ANALYSIS, "x.csv", "--out", "there", "--margin", LONG),
        (*ANALYSIS, "x.csv", "--out", "there", "--seeds", LONG),
        (*ANALYSIS, "\udcff.csv", "--out", "there"),
        (*ANALYSIS, "x.csv"),
    ],
    ids=lambda arguments: ascii(" ".join(arguments))[:40],
)
def test_it_does_so_as_a_process_at_both_entrances(arguments, tmp_path):
    assert refused(*arguments, folder=tmp_path).isprintable()


def test_a_misspelt_preset_command_and_option_are_told_with_what_was_meant(transfer_study):
    assert "did you mean 'digits'?" in transfer_study("run", "digts").complaint
    assert "'resume'" in transfer_study("resum", "x").complaint
    assert "--budget" in transfer_study("run", "digits", "--buget", 3).complaint


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"name: " + b"[" * 5000, "nested"), (b"name: caf\xe9", "UTF-8"), (b"name: a\nname: b", "twice|in line 1")],
    ids=["nested", "bytes", "twice"],
)  # fmt: skip
@pytest.mark.parametrize("command", ["resume", "status", "report", "extend"])
def test_a_study_yaml_that_cannot_be_read_ends_in_one_line(command, content, words, transfer_study, tmp_path):
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "study.yaml").write_bytes(content)
    more = ("--runs", 9) if command == "extend" else ()
    told = transfer_study(command, "study", *more).complaint
    assert told.startswith("study/study.yaml: ")
    assert re.search(words, told)


def test_a_published_table_that_is_no_ordinary_file_or_explodes_is_refused(transfer_study, tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    assert "not an ordinary file" in transfer_study("published", "--table", "pipe.csv").complaint
    (tmp_path / "deep.yaml").write_text("[" * 5000)
    assert "deep.yaml: line 1: nested more than" in transfer_study("published", "--table", "deep.yaml").complaint


@pytest.mark.parametrize(
    ("budget", "seconds"),
    [("2h", "2 h 0 min charged"), ("7200", "2 h 0 min charged"), ("1h30min", "1 h 30 min charged")],
)
def test_the_budget_may_be_given_as_a_duration(budget, seconds, transfer_study):
    assert seconds in " ".join(transfer_study("plan", "digits", "--no-timing", "--budget", budget).out.split())


@pytest.mark.parametrize("budget", ["", "~", "null", "true"])
@pytest.mark.parametrize("command", [("run", "digits"), ("extend", "study")], ids=["run", "extend"])
def test_a_budget_that_is_none_is_refused(command, budget, transfer_study):
    told = transfer_study(*command, "--budget", budget).complaint
    assert told.startswith("--budget: needs a number of seconds, or a duration such as 90s or 1h30min, but got ")


def test_in_a_folder_that_has_been_deleted_the_help_is_shown(tmp_path):
    (tmp_path / "gone").mkdir()
    script = f"cd gone && rmdir ../gone && PYTHONPATH={ROOT} {sys.executable} -m study --help"
    done = subprocess.run(["sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_budget_of_an_extension_reaches_a_job_with_all_its_digits(transfer_study, monkeypatch):
    """It was written with six."""
    sent = []

    def extended(directory: str, options: list[str], *_: object) -> int:
        sent.append(options)
        return 0

    monkeypatch.setattr("study.show.remote.extend", extended)
    address = ("--address", "http://127.0.0.1:1")
    for budget in ("1234567.25", "1h30min"):
        assert transfer_study("extend", "/study", "--runs", 1_000_001, "--budget", budget, *address).code == 0
    assert sent == [["--runs", "1000001", "--budget", budget] for budget in ("1234567.25", "1h30min")]
    assert "--budget: needs a number of seconds" in transfer_study("extend", "s", "--budget", "soon").complaint


def test_without_arguments_the_help_is_shown_and_nothing_else(tmp_path):
    code, out, err = command(*STUDY, folder=tmp_path)
    assert code == 2
    assert "Usage: transfer-study" in out
    assert err.strip() == ""


def test_a_reader_that_has_gone_is_no_stack_trace(tmp_path):
    """As with `| head -0`."""
    for arguments in ((*STUDY, "schema"), (*STUDY, "--help")):
        reading, writing = os.pipe()
        os.close(reading)
        try:
            code, _, err = command(*arguments, folder=tmp_path, stdout=writing)
        finally:
            os.close(writing)
        assert (code, err) == (1, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("arguments", [("schema",), ("--version",)])
def test_output_that_cannot_be_written_is_one_line(arguments, tmp_path):
    with open("/dev/full", "wb") as full:
        code, _, err = command(*STUDY, *arguments, folder=tmp_path, stdout=full.fileno())
    assert code == 2
    (line,) = err.splitlines()
    assert "No space left on device" in line


ASCII_ALONE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.parametrize(("environment", "is_ascii"), [
    ({"LC_ALL": "C"}, False),  # which Python takes for UTF-8, as most who say so mean
    (ASCII_ALONE, True),
    ({"PYTHONIOENCODING": "ascii"}, True),
], ids=str)  # fmt: skip
def test_a_terminal_that_knows_no_minus_sign_gets_a_plain_one(environment, is_ascii, tmp_path):
    published = ("published", "--accuracy", "0.861", "--accuracy", "0.872", "--images", 1324)
    code, out, err = command(*STUDY, *published, folder=tmp_path, environment=environment)
    assert (code, err) == (0, "")
    assert "interval" in out
    told = refused(
        *STUDY, "status", "sch\N{LATIN SMALL LETTER O WITH DIAERESIS}n−±", folder=tmp_path, environment=environment
    )
    assert "no such directory" in told
    assert (out + told).isascii() or not is_ascii
    assert is_ascii == (told.startswith("sch?n-+/-: "))


def test_a_home_that_cannot_be_used_is_one_line_where_the_cache_would_lie_there_and_nothing_elsewhere(tmp_path):
    nowhere = {"HOME": "/proc/nowhere", "TMPDIR": "/proc/nowhere"}
    told = refused(
        *STUDY, "plan", "digits", "--no-timing", folder=tmp_path, environment=nowhere | {"TRANSFER_STUDY_CACHE": ""}
    )
    assert told.startswith("/proc/nowhere/.cache/transfer-study")
    assert "set TRANSFER_STUDY_CACHE to another folder" in told
    write_finished_study(tmp_path / "study")
    code, _, err = command(*STUDY, "report", "study", folder=tmp_path, environment=nowhere)
    assert (code, err) == (0, "")


@pytest.mark.parametrize("encoding", ["ISO-8859-1", "gb18030", "UTF-8"])
def test_a_locale_that_knows_more_than_ascii_reads_its_arguments_itself(encoding, monkeypatch):
    """Begun again in another encoding, a `ü` there was said not to be UTF-8."""

    def begins_again(*_: object) -> None:
        raise AssertionError("begun again")

    monkeypatch.setattr("os.environ", {})
    monkeypatch.setattr("locale.getpreferredencoding", lambda _: encoding)
    monkeypatch.setattr("os.execv", begins_again)
    speak_utf8()
    monkeypatch.setattr("locale.getpreferredencoding", lambda _: "ANSI_X3.4-1968")
    with pytest.raises(AssertionError, match="begun again"):
        speak_utf8()


def test_what_calls_the_command_line_is_not_begun_again(tmp_path):
    """A program of somebody else's ran twice, up to there."""
    program = "import sys; from study import cli; print('begun'); sys.argv = ['x', '--version']; cli.main()"
    code, out, err = command("-c", program, folder=tmp_path, environment=ASCII_ALONE)
    assert (code, out.splitlines()[0], out.count("begun"), err) == (0, "begun", 1, "")


def test_a_study_file_and_a_study_have_the_same_names_whatever_the_locale_says(tmp_path):
    """Said of names in UTF-8: they are not UTF-8, and what names them should be renamed."""
    study = Path(write_finished_study(tmp_path / "schöne 字"))
    (study / "study.yaml").write_text(
        (study / "study.yaml").read_text().replace("name: ", "# wünscht 字\nname: ", 1), encoding="utf-8"
    )
    ascii_alone = ASCII_ALONE | {"PYTHONIOENCODING": "ascii"}
    for arguments in (("status", study.name), ("report", study.name), ("check", study.name)):
        code, _, err = command(*STUDY, *arguments, folder=tmp_path, environment=ascii_alone)
        assert (code, err) == (0, ""), arguments
    table = ("x.csv", "--out", "ü")
    assert refused(*ANALYSIS, *table, folder=tmp_path, environment=ascii_alone).startswith("x.csv: ")


@pytest.mark.parametrize("arguments", [("schema",)])
def test_ctrl_c_at_any_moment_of_the_start_is_no_stack_trace(arguments, tmp_path):
    """Interrupted at the first import that tells it has begun, which is before any command runs."""
    code = (
        "import builtins, os, signal, sys\n"
        "import study.__main__ as entrance\n"
        "original = builtins.__import__\n"
        "def stopping(name, *rest, **more):\n"
        "    if name == 'typer':\n"
        "        builtins.__import__ = original\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "    return original(name, *rest, **more)\n"
        "builtins.__import__ = stopping\n"
        f"sys.argv = ['transfer-study', *{arguments!r}]\n"
        "entrance.main()\n"
    )
    ended, out, err = command("-c", code, folder=tmp_path)
    assert (ended, out, err) == (128 + signal.SIGINT, "", "")


def test_no_line_is_longer_than_a_message_and_its_beginning():
    assert LONGEST + len("error: ") < 300
