"""Where a command line is entered: whatever is wrong with what was given ends in one line and an exit code.

Exit code 2: what was given, or the machine (a full disk under the output, too little memory). 1: whoever read the
output has gone. 130: Ctrl-C. A stack trace is left to faults of the program.
"""

from __future__ import annotations

import codecs
import locale
import logging
import os
import sys
from contextlib import suppress
from typing import Any, NoReturn

import typer

from analysis.records.errors import cut, line

USAGE_ERROR: Any = typer.BadParameter.__mro__[2]  # ClickException, which typer has from click or as its own
REFUSED, READER_GONE, INTERRUPTED = 2, 1, 130
PLAINLY = "plainly"  # an error handler of codecs
PLAIN = {"−": "-", "–": "-", "±": "+/-", "×": "x", "²": "2", "…": "...", "α": "alpha"}

logger = logging.getLogger(__name__)


def enter(app: typer.Typer, name: str, *refusals: type[Exception]) -> NoReturn:
    """Run a command line to its end.

    Args:
        app: the commands.
        name: the program's, as its help shows it.
        refusals: what its commands raise where the user's input cannot be used; their messages are one line.

    Raises:
        SystemExit: always; with the exit code.
    """
    _print_what_can_be_printed()
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # where HOME cannot be written, it says so at length
    code = _run(app, name, refusals)
    raise SystemExit(_flushed(code))


def speak_utf8() -> None:
    """Begin again in Python's UTF-8 mode where the locale knows ASCII alone, as LC_ALL=C does with PYTHONUTF8=0.

    Study files and the names in them are UTF-8, whatever the locale; what this process starts inherits the mode. The
    terminal is still given ASCII. For the entry of a program of ours alone, before it does anything: whatever runs in
    this process runs anew.
    """
    is_ascii = codecs.lookup(locale.getpreferredencoding(False)).name == "ascii"
    if is_ascii and os.environ.get("PYTHONUTF8") != "1":
        os.environ["PYTHONUTF8"] = "1"
        os.environ.setdefault("PYTHONIOENCODING", "ascii:replace")
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _run(app: typer.Typer, name: str, refusals: tuple[type[Exception], ...]) -> int:
    try:
        _refuse_other_bytes()
        ended = app(prog_name=name, standalone_mode=False)
        return ended if isinstance(ended, int) else 0
    except USAGE_ERROR as error:
        return _usage(error)
    except refusals as error:
        return _complain(error)
    except typer.Abort:  # at a question
        return READER_GONE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return READER_GONE
    except MemoryError as error:
        logger.debug("not enough memory", exc_info=error)
        return _complain(f"not enough memory ({line(error)}); use smaller images, or a machine with more")
    except OSError as error:
        logger.debug("the system refuses", exc_info=error)
        where = f"{cut(str(error.filename), 120)}: " if error.filename else ""
        return _complain(f"{where}{error.strerror or line(error)}")


def _usage(error: Any) -> int:
    """What does not fit the options and arguments, in one line; help alone was printed already, or is shown now."""
    if type(error).__name__ == "NoArgsIsHelpError":
        if error.format_message():
            error.show()
        return int(error.exit_code)
    context = getattr(error, "ctx", None)
    told = cut(line(error.format_message()), 200)
    return _complain(f"{told.rstrip('.')}; see {context.command_path} --help" if context else told)


def _complain(problem: object) -> int:
    with suppress(OSError):  # the file is named: else what is ASCII alone would be given UTF-8
        typer.echo(f"{typer.style('error:', fg=typer.colors.RED, bold=True)} {line(problem)}", file=sys.stderr)
    return REFUSED


def _refuse_other_bytes() -> None:
    """Arguments that are not text: no file of a study could be named after them."""
    for number, argument in enumerate(sys.argv[1:], start=1):
        if any("\ud800" <= character <= "\udfff" for character in argument):
            raise typer.BadParameter(
                f"argument {number} ({cut(line(argument), 60)}) is not UTF-8; rename what it names"
            )


def _print_what_can_be_printed() -> None:
    """A terminal that does not know a character is given a plain one, in place of a stack trace."""
    codecs.register_error(PLAINLY, _plainly)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=PLAINLY)


def _plainly(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(PLAIN.get(character, "?") for character in error.object[error.start : error.end]), error.end


def _flushed(code: int) -> int:
    """The exit code, after the last of the output is written; what cannot be written is not tried again at the exit."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        code = code or READER_GONE
    except OSError as error:
        code = code or _complain(f"the output cannot be written ({error.strerror})")
    else:
        return code
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code
