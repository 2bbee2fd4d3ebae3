"""What is slow to import is imported where it is needed: every command and every trial's process would wait."""

from __future__ import annotations

import subprocess
import sys

import pytest

LOADED = "import sys; import {}; print(*sys.modules)"


def loaded(module: str) -> set[str]:
    """All modules that are in a new process when it has imported this one."""
    program = [sys.executable, "-c", LOADED.format(module)]
    return set(subprocess.run(program, capture_output=True, text=True, check=True).stdout.split())


@pytest.mark.parametrize(
    ("module", "left_out"),
    [
        ("study.cli", ("torch", "ray", "optuna", "pandas", "pyarrow", "numpy", "pydantic", "asyncio", "matplotlib")),
        ("trainables.trainable", ("torchvision", "torch._dynamo", "scipy", "sklearn", "matplotlib", "optuna", "study")),
        ("study.planning.here", ("ray", "torchvision", "torch._dynamo", "matplotlib", "optuna")),
        ("study.planning.plan", ("ray", "torchvision", "torch._dynamo", "matplotlib", "optuna")),
        ("study.runner", ("ray.tune", "scipy.stats", "matplotlib", "optuna")),
    ],
)
def test_what_is_slow_to_import_waits_until_somebody_needs_it(module, left_out):
    assert loaded(module).isdisjoint(left_out)
