"""`make fuzz`: thousands of inputs of every kind, how each ended, and the smallest that meet a fault.

    python -m tests.fuzz --inputs 5600 --seed 1 --kind tables

Says on standard error how far it is. What was found is printed and saved also where Ctrl-C or SIGTERM ends it.
Exit code 1 where there is a fault, where it was ended, or where there were fewer distinct inputs than asked for when
the time was up.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console

from tests.fuzz.kinds.every import KINDS
from tests.fuzz.many import Stuck, many, reduced
from tests.fuzz.report import faults, save, show
from tests.fuzz.runner import Tried


def main() -> int:
    """Run, print, save."""
    given, console, began = _arguments(), Console(width=160, highlight=False, emoji=False), time.monotonic()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    found: dict[str, dict[str, Tried]] = {kind: {} for kind in given.kind or KINDS}
    with tempfile.TemporaryDirectory(prefix="fuzz-", ignore_cleanup_errors=True) as folder:
        root = Path(folder)
        stuck: BaseException | None = None
        least: list[tuple[str, Tried]] = []
        try:
            for kind, tries in many([*found], given.inputs, given.seed, root, began + 60 * given.minutes):
                _keep(found[kind], tries)
                tried = sum(map(len, found.values()))
                print(f"{tried:,} of {given.inputs:,} inputs, {time.monotonic() - began:.0f} s", file=sys.stderr)
            least = reduced(faults(_distinct(found)), root)
        except (Stuck, KeyboardInterrupt) as error:
            stuck = error
    distinct = _distinct(found)
    least = least or faults(distinct)  # as they are, where there was no time to reduce them
    show(distinct, least, console)
    save(least, given.out)
    if stuck:
        console.print(str(stuck) or "interrupted", markup=False, soft_wrap=True)
    total = sum(map(len, distinct.values()))
    console.print(
        f"{total:,} distinct inputs, {len(least)} faults, seed {given.seed}, {time.monotonic() - began:.0f} s; "
        f"inputs and tracebacks of faults: {given.out}"
    )
    return 1 if stuck or least or total < given.inputs else 0


def _distinct(found: dict[str, dict[str, Tried]]) -> dict[str, list[Tried]]:
    return {kind: [*tries.values()] for kind, tries in found.items()}


def _keep(found: dict[str, Tried], tries: Iterable[Tried]) -> None:
    """Every input once; where one that was handled is tried again and meets a fault, the fault."""
    for one in tries:
        if one.ending.is_fault:
            found[one.digest] = one
        found.setdefault(one.digest, one)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz the program.")
    parser.add_argument("--inputs", type=int, default=5600, help="distinct ones, over all kinds")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", action="append", choices=[*KINDS], help="only this one; may be given several times")
    parser.add_argument("--minutes", type=float, default=40, help="after which no more inputs are drawn")
    parser.add_argument("--out", type=Path, default=Path("build/fuzz"), help="where the inputs of faults are saved")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
