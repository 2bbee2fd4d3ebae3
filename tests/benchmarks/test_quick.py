"""Every benchmark tried out: it runs, and its table has the rows that it should have, whatever is in them.

Those that compute for long are marked `bench`: `make bench` tries them out before it runs them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


def lines(*command: str, cwd: Path = ROOT) -> list[str]:
    """What a benchmark prints."""
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(
        [sys.executable, *command], cwd=cwd, env=variables, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()


def starting(found: list[str], *names: str) -> list[str]:
    """The first line that begins with each name."""
    return [next((line for line in found if line.startswith(name)), f"no line begins with {name}") for name in names]


def test_engines():
    found = lines("-m", "benchmarks.engines", "--quick", "--seconds", "500")  # it ends by itself
    *rows, note = starting(found, "this ", "Optuna n_jobs=2", "2 slots")
    assert [row.split()[-1] for row in rows] == ["2", "2"]  # results
    assert note == "2 slots, 500 s from the command."


@pytest.mark.bench
def test_training(tmp_path):
    page = tmp_path / "README.md"
    page.write_text("<!-- training -->\n<!-- end of training -->\n")
    found = lines("-m", "benchmarks.training", "--quick", "--into", str(page))
    row, losses = starting(found, "BetterCNN, 30 x 100, 1 thread", "BetterCNN, 30 x 100: losses of")
    assert row.count(" x ") == 4  # the one in its name, and three ratios
    assert "| BetterCNN, 30 x 100, 1 thread |" in page.read_text()
    assert float(losses.partition("within ")[2].partition(" ")[0]) < 1e-4


def test_svm():
    found = starting(lines("-m", "benchmarks.svm", "--quick"), "1: C 1, rbf, gamma 1", "2: C", "later trials, median")
    assert [line.split("   ")[-1].split()[-3:] for line in found] == [["395", "of", "395"]] * 2 + [["790", "of", "790"]]


def test_growth(tmp_path):
    plot = tmp_path / "growth.png"
    found = lines("-m", "benchmarks.growth", "--quick", "--plot", str(plot))
    rows = starting(found, "images: opening the data set", "approaches: report")
    assert all("no line" not in row for row in rows)
    assert plot.read_bytes().startswith(b"\x89PNG")


@pytest.mark.bench
def test_gpu_on_a_cpu(tmp_path):
    found = lines("benchmarks/gpu.py", "--device", "cpu", "--quick", "--seconds", "1")
    table = found[found.index("") :]
    rows = starting(
        table, "ResNet18 fine-tuned", "ResNet18 features", "BetterCNN, 30", "BetterCNN, plain", "SVM", "its"
    )
    assert all("no line" not in row and "failed" not in row for row in rows), rows
