"""TensorBoard on a study's curves."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tensorboard import default, program

from analysis.records.storage import Storage
from study.show.event_files import shown

COMPARED = ("incumbent", "final")


def serve(curves: Storage, *, trials: bool, host: str, port: int) -> int:
    """Serve the curves until Ctrl-C.

    Args:
        curves: the event files of a study.
        trials: every trial of the search too.
        host: address to serve on.
        port: port there.

    Returns:
        An exit code: where it cannot serve, TensorBoard says why in one line.
    """
    logging.getLogger("tensorboard").setLevel(logging.CRITICAL)  # it would say that line twice
    with shown(curves) as folder, chosen(folder, (*COMPARED, "search") if trials else COMPARED) as links:
        board = program.TensorBoard(plugins=default.get_plugins())
        # Its own reader: the data server is a second process, which this one would have to end.
        board.configure(logdir=str(links), load_fast="false", host=host, port=port)
        code: int = board.main()
    return code


@contextmanager
def chosen(folder: Path, parts: tuple[str, ...]) -> Iterator[Path]:
    """A folder with links to parts of another, also to those that are not there yet.

    TensorBoard's own way to show several folders, --logdir_spec, is a list with commas and colons between their paths,
    which may hold both.
    """
    with tempfile.TemporaryDirectory(prefix="transfer-study-board-") as scratch:
        links = Path(scratch)
        for part in parts:
            (links / part).symlink_to(folder / part, target_is_directory=True)
        yield links
