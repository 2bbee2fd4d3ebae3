"""Where the workers import from: what is installed on their nodes, and what travels.

Left to itself, Ray has every worker look first in the folder in which the driver was started, and in that of its
script: a module `analysis` there, or a `random`, would take the place of what the program and its libraries import.
What an approach of somebody's own needs of these folders travels by name instead (code.py).
"""

from __future__ import annotations

from pathlib import Path

from ray.job_config import JobConfig

PROGRAM = Path(__file__).resolve().parents[2]
INSTALLED = ("site-packages", "dist-packages")  # where the workers look in any case, and at the end


class OwnImports(JobConfig):  # type: ignore[misc]
    """What Ray is told of a study's processes, without the folders that it adds of its own accord.

    They are added while the driver connects, and sent to the workers at once; there is no setting for it.
    """

    def _serialize(self) -> str:
        self._py_driver_sys_path[:] = folders(PROGRAM)
        sent: str = super()._serialize()
        return sent


def folders(program: Path) -> list[str]:
    """Where the workers look first: in the folder of a program that was not installed, but lies there as its source."""
    return [] if program.name in INSTALLED else [str(program)]
