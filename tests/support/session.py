"""Many commands in one process, with one Ray: to import everything and to start Ray takes longer than most commands.

    python -m tests.support.session CPUS

A line of the input is {"folder": ..., "arguments": [...]}; the line that answers it has `code`, `out` and `err`.
"""

from __future__ import annotations

import io
import json
import logging
import os
import select
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.support.commands import Finished, Machine
from tests.support.waiting import PATIENCE_S


@dataclass(frozen=True)
class Session:
    """A process that runs one command after another; what one of them leaves in memory, the next one finds."""

    folder: Path
    process: subprocess.Popen[str]

    def transfer_study(self, *arguments: object, folder: Path | None = None) -> Finished:
        """Run a command to its end, in another folder where one is given."""
        assert self.process.stdin
        assert self.process.stdout
        given = {"folder": str(folder or self.folder), "arguments": [str(argument) for argument in arguments]}
        print(json.dumps(given), file=self.process.stdin, flush=True)
        assert select.select([self.process.stdout], [], [], PATIENCE_S)[0], "the command hangs"
        return Finished(**json.loads(self.process.stdout.readline()))


@contextmanager
def session(here: Machine, *, cpus: int) -> Iterator[Session]:
    """A session on this machine, with a Ray of so many CPUs, for as long as the context lasts."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.session", str(cpus)],
        env=here._environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Session(here.folder, process)
        finally:
            process.communicate()  # the end of its input is its own


def main(cpus: int) -> None:
    """Answer commands until there are no more."""
    import ray

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what Ray prints is no answer
    ray.init("local", num_cpus=cpus, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    for line in sys.stdin:
        print(json.dumps(asdict(answer(**json.loads(line)))), file=answers, flush=True)


def answer(folder: str, arguments: Sequence[str]) -> Finished:
    """Call the command line in this folder."""
    from study import cli

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
