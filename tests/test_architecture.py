"""The rules of the architecture, read off the source: who imports whom, where the test split is opened."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("study", "trainables", "analysis")
MAY_IMPORT = {"study": {"study", "trainables", "analysis"}, "trainables": {"trainables"}, "analysis": {"analysis"}}
HEAVY = ("torch", "torchvision", "ray", "matplotlib", "sklearn", "optuna", "tensorboard")
# Absolute paths of one machine, and where its packages come from: neither is the business of whoever clones this.
ELSEWHERE = re.compile(
    r"(?<![\w.~-])/(?:work|root|Users)\b(?!-)|pythonhosted\.org|pypi\.org|--(?:extra-)?index-url|--find-links"
)
TEXT = (".py", ".md", ".toml", ".yaml", ".yml", ".txt", ".j2", ".json", ".sh", ".cfg", "")


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Top-level names of what a file imports, at its top or inside its functions."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide which package is meant"
            names.add(str(node.module).split(".")[0])
    return names


def functions(path: Path) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef))


def tracked() -> list[Path]:
    """The project's files, as git lists them."""
    try:
        listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return [path for path in map(ROOT.joinpath, listed.stdout.splitlines()) if path.is_file()]


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_only_the_packages_below_it(package):
    for path in sources(package):
        assert imported(path) & {*PACKAGES, "tests", "benchmarks", "scripts"} <= MAY_IMPORT[package], path


def test_of_the_trainables_only_the_adapter_knows_ray():
    assert [path.name for path in sources("trainables") if "ray" in imported(path)] == ["trainable.py"]


def test_the_analysis_knows_neither_torch_nor_ray():
    for path in sources("analysis"):
        assert not imported(path) & {"torch", "torchvision", "ray"}, path


def test_of_the_analysis_only_the_importance_of_hyperparameters_knows_optuna():
    assert [path.name for path in sources("analysis") if "optuna" in imported(path)] == ["attribution.py"]


def test_the_driver_and_the_approaches_never_read_the_clock():
    approaches = (ROOT / "trainables" / "approaches").glob("*.py")
    for path in (*(ROOT / "trainables" / name for name in ("approach.py", "driver.py", "training.py")), *approaches):
        assert not imported(path) & {"time", "datetime"}, path


def test_the_images_of_the_test_split_are_opened_in_one_place():
    """Reading them is `dataset.images("test", ...)`; only what the final runs get is made of that."""
    openers = {
        (path.name, function.name)
        for package in PACKAGES
        for path in sources(package)
        for function in functions(path)
        for node in ast.walk(function)
        if isinstance(node, ast.Call)
        and getattr(node.func, "attr", None) == "images"
        and any(isinstance(given, ast.Constant) and given.value == "test" for given in node.args)
    }
    assert openers == {("prepare.py", "final_inputs")}


def test_a_trial_reads_the_test_split_in_one_place():
    readers = {
        function.name
        for function in functions(ROOT / "trainables" / "trainable.py")
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute) and node.attr == "test"
    }
    assert readers == {"_evaluate"}


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["data", "--help"]])
def test_help_is_instant_since_nothing_heavy_is_imported_for_it(arguments):
    code = (
        "import runpy, sys\n"
        f"sys.argv = ['transfer-study', *{arguments!r}]\n"
        "try:\n    runpy.run_module('study', run_name='__main__')\n"
        "except SystemExit as end:\n    assert not end.code, end.code\n"
        f"print('imported:', *[name for name in {HEAVY!r} if name in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "Usage:" in shown
    assert shown.splitlines()[-1].strip() == "imported:"


def test_no_file_names_paths_of_a_machine_or_places_where_packages_come_from():
    for path in tracked():
        if path.suffix in TEXT and path != Path(__file__).resolve():
            found = ELSEWHERE.search(path.read_text(errors="ignore"))
            assert found is None, f"{path.relative_to(ROOT)}: {found.group()}"
