"""What the program is kept from meanwhile: starting Ray, downloading, serving, measuring, drawing, printing."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from unittest import mock
from urllib.error import URLError

from analysis.predictions.table import read_table
from analysis.records.reading import read_study
from analysis.report.design import Design
from analysis.report.summary import summarise
from analysis.report.table_comparison import compare_table
from analysis.report.write import ReportPaths
from study.commands.options import console, errors

WRITTEN = ReportPaths("report.html", "report.md", "report.json", "A headline.", "A verdict.")


class Started(BaseException):
    """The program has come to what is kept from it: the input was accepted."""


@contextmanager
def nothing_started() -> Iterator[None]:
    """Ends quietly where Ray would start."""
    with suppress(Started), mock.patch("ray.init", side_effect=Started):
        yield


@contextmanager
def nothing_served() -> Iterator[None]:
    """Neither a board, nor a download, nor a measurement of steps; and reports are computed, but not drawn."""
    stubs = {
        "study.show.board.serve": mock.Mock(return_value=0),
        "urllib.request.urlopen": mock.Mock(side_effect=URLError("there is no network")),
        "study.planning.here.time_here": mock.Mock(return_value=()),
        "analysis.report.write.write_report": _report,
        "analysis.report.write.write_table_report": _table_report,
    }
    with nothing_started(), ExitStack() as stack:
        for name, stub in stubs.items():
            stack.enter_context(mock.patch(name, stub))
        yield


def _report(location: str) -> ReportPaths:
    summarise(read_study(location))
    return WRITTEN


def _table_report(path: str, out: str, design: Design) -> ReportPaths:
    compare_table(read_table(path), design)
    return WRITTEN


@contextmanager
def printed() -> Iterator[tuple[io.TextIOWrapper, io.TextIOWrapper]]:
    """What is written meanwhile to standard output and standard error, by streams as strict as a terminal's."""
    out, told = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors=how) for how in ("strict", "backslashreplace"))
    try:
        with redirect_stdout(out), redirect_stderr(told):
            yield out, told
    finally:
        for stream in (out, told):
            stream.seek(0)
        for one in (console, errors):
            one._buffer.clear()  # what could not be written would be written with the next text
