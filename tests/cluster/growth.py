"""Does the driver grow while a study runs? Its memory, objects, files and threads after so many trials of nothing.

    python -m tests.cluster.growth [TRIALS ...]         (1000 3000 10000: some minutes on two idle cores)

One study of the largest number; a row at each of the numbers, when so many trials of the search have ended. Memory is
what the system gave, in steps of megabytes; objects are those that Python's garbage collector knows, to the last one.
"""

from __future__ import annotations

import gc
import os
import sys
import tempfile
from pathlib import Path

from benchmarks.scale import MB, Meter, moment, study_of
from study.cluster.code import code_of
from study.cluster.connection import connected
from study.listeners import Event
from study.runner import run

HEADER = "trials  memory MB  objects  open files  threads"


class Rows(Meter):
    """Shows nothing of a study but a row after each of these numbers of trials."""

    def __init__(self, marks: list[int]) -> None:
        super().__init__()
        self._marks = sorted(marks)

    def __call__(self, event: Event) -> None:
        super().__call__(event)
        if self._marks and len(self.moments) == self._marks[0]:
            self._marks.pop(0)
            gc.collect()
            files, threads = (len(os.listdir(Path("/proc/self") / name)) for name in ("fd", "task"))
            memory_mb, objects = moment().memory / MB, len(gc.get_objects())
            print(f"{len(self.moments):6}  {memory_mb:9.0f}  {objects:7}  {files:10}  {threads:7}", flush=True)


def main(marks: list[int]) -> None:
    sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))  # where the trials' approach lies
    print(HEADER)
    config = study_of(max(marks), 1)
    with tempfile.TemporaryDirectory() as folder, connected(None, code_of(config.classes), cpus=2):
        run(config, f"{folder}/study", progress=Rows(marks))


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]] or [1000, 3000, 10_000])
