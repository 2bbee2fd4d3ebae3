"""What the results depend on: commit, versions, hardware, seeds. Written to environment.json."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = (
    *("transfer-study", "numpy", "optuna", "pandas", "pillow", "pyarrow", "ray"),
    *("scikit-learn", "scipy", "tensorboard", "torch", "torchvision"),
)
COMMIT_VARIABLE = "TRANSFER_STUDY_COMMIT"  # where the program came to a cluster as a job, without its repository


def environment(*, seed: int, slots: int, cluster: dict[str, float]) -> dict[str, Any]:
    """Everything about this run that is not in the study file.

    Args:
        seed: the study's seed.
        slots: trials that run at once.
        cluster: the resources that Ray reports (CPU, GPU, memory in bytes).
    """
    import torch

    return {
        "commit": commit(),
        "python": platform.python_version(),
        "packages": {name: version_of(name) for name in PACKAGES},
        "platform": platform.platform(),
        "processor": processor(),
        "cpus": os.cpu_count(),
        "gpus": [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())],
        "cluster": {name: cluster[name] for name in ("CPU", "GPU", "memory") if name in cluster},
        "slots": slots,
        "seed": seed,
    }


def commit() -> str | None:
    """The commit of the working copy that runs, with `-dirty` where it has changes; None outside a repository."""
    if handed_on := os.environ.get(COMMIT_VARIABLE):
        return handed_on
    here = Path(__file__).resolve().parent
    try:
        answer = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12", "--match="],
            cwd=here,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip() or None


def version_of(package: str) -> str | None:
    """The version of an installed package; None where it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def processor() -> str:
    """The name of the processor, as the system has it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
