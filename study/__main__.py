"""`python -m study` is `transfer-study`, and like that it imports nothing from the current folder."""

import os
import sys


def run() -> None:
    """Take the current folder, which Python puts first, out of the way, unless the program itself lies there."""
    here = os.getcwd()
    if sys.path[0] == here and here != os.path.dirname(os.path.dirname(os.path.abspath(__file__))):
        del sys.path[0]
    from study.cli import main

    main()


run()
