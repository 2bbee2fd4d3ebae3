"""TensorBoard on a study's curves."""

from __future__ import annotations

import logging

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
    with shown(curves) as folder:
        parts = (*COMPARED, "search") if trials else COMPARED
        board = program.TensorBoard(plugins=default.get_plugins())
        board.configure(logdir_spec=",".join(f"{name}:{folder / name}" for name in parts), host=host, port=port)
        code: int = board.main()
    return code
