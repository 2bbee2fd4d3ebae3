"""Runs the commands that it reads, one after another, with one Ray: to import and start take longer than most commands.

    python -m tests.support.session CPUS

A line of the input is {"folder": ..., "arguments": [...]}; the line that answers it has `code`, `out` and `err`.
"""

from __future__ import annotations

import io
import json
import logging
import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict

import ray

from study import cli
from tests.support.commands import Finished


def main(cpus: int) -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what Ray prints is no answer
    ray.init("local", num_cpus=cpus, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    for line in sys.stdin:
        print(json.dumps(asdict(answer(**json.loads(line)))), file=answers, flush=True)


def answer(folder: str, arguments: Sequence[str]) -> Finished:
    """Call the command line in this folder."""
    os.chdir(folder)
    sys.argv = ["transfer-study", *arguments]
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            cli.main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
    return Finished(code, out.getvalue(), err.getvalue())


if __name__ == "__main__":
    main(int(sys.argv[1]))
