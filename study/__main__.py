"""`python -m study` is `transfer-study`."""

from __future__ import annotations

import sys


def main() -> None:
    """Entry point: Ctrl-C while the program is still being imported is no stack trace either."""
    try:
        from study import cli

        cli.main()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
