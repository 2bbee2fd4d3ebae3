"""What is installed: every module, and the files that are no modules."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("study", "trainables", "analysis")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Names of the files in the wheel, built from a copy so that it leaves nothing behind."""
    source, wheels = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheels")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", str(wheels)]
    done = subprocess.run([*build, str(source)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = wheels.iterdir()
    with ZipFile(wheel) as archive:
        return set(archive.namelist())


def files(package: str, pattern: str) -> set[str]:
    return {str(path.relative_to(ROOT)) for path in (ROOT / package).rglob(pattern)}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_wheel_holds_every_module_and_says_that_it_is_typed(installed, package):
    modules = files(package, "*.py")
    assert f"{package}/__init__.py" in modules
    assert modules <= installed
    assert f"{package}/py.typed" in installed


def test_a_wheel_holds_what_is_read_beside_the_modules(installed):
    kinds = {"analysis": ("*.j2",), "study": ("*.yaml", "*.json"), "trainables": ("*.safetensors",)}
    read = {name for package, patterns in kinds.items() for pattern in patterns for name in files(package, pattern)}
    assert {Path(name).suffix for name in read} == {".j2", ".json", ".yaml", ".safetensors"}
    assert read <= installed


def test_a_wheel_holds_nothing_but_the_packages_and_what_describes_them(installed):
    assert {name.split("/")[0].split("-")[0] for name in installed} == {*PACKAGES, "transfer_study"}
