"""Command lines that broke the program once."""

from __future__ import annotations

from tests.fuzz.corpus import known
from tests.fuzz.corpus.known import Known


def _line(command: str, *words: str, program: str = "transfer-study") -> Known:
    edits = (("line", command), *(("argument", word) for word in words))
    return known.refused("command lines", f"{program} {command} {' '.join(words)}"[:60], program, *edits)


CORPUS = (
    _line("status", "x[/y]"),
    _line("report", "x[/y]"),
    _line("run", "digts"),
    _line("run", "small.yaml", "--address", "http://[::1", "--out", "/x/y"),
    _line("status", "/x/y", "--address", "http://[::1"),
    _line("run", "small.yaml", "--set", "seed=" + "[" * 2000),
    _line("run", "small.yaml", "--set", "budget.search_seconds=1:30"),
    _line("run", "small.yaml", "--budget", "inf"),
    _line("plan", "small.yaml", "--budget", "nan"),
    _line("data fetch", "boats", "--from", "/dev/zero"),
    _line("board", "study"),
    _line("status", "nowhere", program="process"),
    _line("", "table.csv", program="analysis"),
    _line("", "nowhere.csv", "--out", "report", program="analysis"),
)
