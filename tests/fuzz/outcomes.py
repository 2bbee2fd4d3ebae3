"""How one input ends: handled, in a clear error, or in a fault. Knows nothing of the program but its errors."""

from __future__ import annotations

import resource
import signal
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from analysis.records.errors import RecordsError
from trainables.errors import InputError

HANDLED, CLEAR = "handled", "clear error"
TRACEBACK, LONG, HANG, WRONG = FAULTS = ("traceback", "long message", "hang", "wrong number")
OUTCOMES = (HANDLED, CLEAR, *FAULTS)
MOST_CHARACTERS = 300
PATIENCE = 30.0  # seconds on the wall for each CPU second: what waits for ever uses none, and machines may be busy
MEMORY = 4 << 30  # bytes that an input may take; who asks for more gets a MemoryError, and the machine goes on
ROOT = Path(__file__).resolve().parents[2]
PACKAGES = tuple(str(ROOT / name) for name in ("study", "trainables", "analysis"))


class WrongNumber(AssertionError):  # noqa: N818
    """What an oracle finds: the program said nothing, and what it took for granted is not what is there."""


class Hang(BaseException):
    """Over the time limit. No blanket `except Exception` catches it."""


@dataclass(frozen=True)
class Ending:
    """How an input ended.

    Attributes:
        message: what was said, or what is wrong; without the folder that the input lay in.
        place: the innermost function of the program that was running, and the kind of what it raised.
        trace: the whole traceback.
    """

    outcome: str
    message: str = ""
    place: str = ""
    trace: str = field(default="", repr=False)

    @property
    def is_fault(self) -> bool:
        return self.outcome in FAULTS

    @property
    def signature(self) -> tuple[str, str]:
        """The same for inputs that meet the same fault."""
        return self.outcome, self.place


def ending(use: Callable[[], object], *, seconds: float, folder: Path) -> Ending:
    """Call the program on an input and say how that ended; `seconds` of CPU time are too many."""
    try:
        with _in_time(seconds), _in_memory(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            use()
    except (InputError, RecordsError) as error:
        message = str(error).replace(str(folder), "").strip()
        lengthy = len(message) > MOST_CHARACTERS or not message or {"\n", "\r"} & {*message}
        return _ended(LONG if lengthy else CLEAR, error, message)
    except WrongNumber as error:
        return Ending(WRONG, str(error), str(error).partition(":")[0])
    except Hang as error:
        return _ended(HANG, error, f"over {seconds:g} CPU seconds, or {PATIENCE * seconds:g} in all")
    except (Exception, SystemExit) as error:
        return _ended(TRACEBACK, error, f"{type(error).__name__}: {error}".replace(str(folder), ""))
    return Ending(HANDLED)


def _ended(outcome: str, error: BaseException, message: str) -> Ending:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(PACKAGES)]
    last = f"{Path(frames[-1].filename).relative_to(ROOT)}:{frames[-1].name}" if frames else "outside the program"
    trace = "".join(traceback.format_exception(error)[-60:])
    return Ending(outcome, message, f"{last} {type(error).__name__}", trace)


@contextmanager
def _in_time(seconds: float) -> Iterator[None]:
    """Raises `Hang` after so much CPU time of all threads, or PATIENCE times as much on the wall; and again."""

    def stop(*_: object) -> None:
        raise Hang

    timers = {signal.ITIMER_PROF: (signal.SIGPROF, seconds), signal.ITIMER_REAL: (signal.SIGALRM, PATIENCE * seconds)}
    before = {number: signal.signal(number, stop) for number, _ in timers.values()}
    for timer, (_, after) in timers.items():
        signal.setitimer(timer, after, 1.0)
    try:
        yield
    finally:
        for timer in timers:
            signal.setitimer(timer, 0)
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _in_memory() -> Iterator[None]:
    """Where the system tells how much there is."""
    statistics = Path("/proc/self/statm")
    before = resource.getrlimit(resource.RLIMIT_AS)
    if statistics.exists():
        taken = int(statistics.read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
