"""Pickles that do harm when they are read: here, they leave a file behind."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import numpy as np
import torch


class Bomb:
    """Whoever unpickles it makes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.mark,)


def bombs(mark: Path) -> dict[str, bytes]:
    """A bomb in each of the formats that Python programs keep pickles in."""
    made = {"pickle": pickle.dumps(Bomb(mark)), "old pickle": pickle.dumps(Bomb(mark), protocol=0)}
    for name, new in (("torch", True), ("old torch", False)):
        file = io.BytesIO()
        torch.save({"approach": Bomb(mark)}, file, _use_new_zipfile_serialization=new)
        made[name] = file.getvalue()
    array = np.empty(1, dtype=object)
    array[0] = Bomb(mark)
    for name, save in (("npy", np.save), ("npz", np.savez)):
        file = io.BytesIO()
        save(file, array)
        made[name] = file.getvalue()
    return made
