"""`python -m study` is `transfer-study`, and like that it imports nothing from the current folder."""

import os
import signal
import sys


def main() -> None:
    """Entry point: Ctrl-C while the program is still being imported is no stack trace either."""
    _leave_out_the_current_folder()
    try:
        from analysis.entrance import speak_utf8

        speak_utf8()
        from study import cli

        cli.main()
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # what is left to do at the exit is ended without a stack trace


def _leave_out_the_current_folder() -> None:
    """Python puts it first for `python -m study`; it stays only where the program itself lies there."""
    try:
        here = os.getcwd()
    except OSError:  # it has been deleted
        return
    if sys.path[0] == here and here != os.path.dirname(os.path.dirname(os.path.abspath(__file__))):
        del sys.path[0]


if __name__ == "__main__":
    main()
