"""A mount namespace of a command's own, in which it sees other file systems than everybody else."""

from __future__ import annotations

import shutil
import subprocess

import pytest

NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount")


def refuse_without(mount: list[str]) -> None:
    """Skip a test where such a mount is not allowed."""
    if shutil.which("unshare") is None:
        pytest.skip("file systems of one's own need `unshare`")
    tried = subprocess.run([*NAMESPACE, *mount], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"not allowed here: {' '.join(mount)} ({tried.stderr.strip()})")
