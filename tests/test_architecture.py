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
# The rooms of each package from the bottom up: what a line names imports what lines above it name, nothing else.
FLOORS = {
    "analysis": (
        "records numbers",
        "statistics",
        "predictions search published checking",
        "report",
        "frames entrance",
        "api",
        "__init__ __main__",
    ),
    "trainables": (
        "errors process approach",
        "cache clock",
        "batches checkpoints driver finding leftovers precision",
        "data backbones kernels training",
        "approaches spec",
        "trainable contract",
    ),
    "study": (
        "config lease provenance scratch template variables",
        "search place listeners predictions",
        "tune cluster phases export new_approach extend",
        "prepare",
        "planning",
        "show",
        "session",
        "runner",
        "commands",
        "cli __init__",
        "__main__",
    ),
}
# What knows a library, and nothing else of its package does: whole rooms, or files.
KNOW = {
    ("trainables", "ray"): {"trainable.py"},
    ("study", "ray"): {"cluster", "planning/in_slots.py", "tune", "prepare/frozen.py", "session/ready.py"},
    ("study", "torch"): {"cluster/nodes.py", "planning", "prepare", "provenance.py", "show/curves.py", "template"},
    ("study", "optuna"): {"search/sampler.py", "export"},
    ("study", "tensorboard"): {"show/board.py"},
    ("analysis", "torch"): set(),
    ("analysis", "torchvision"): set(),
    ("analysis", "ray"): set(),
    ("analysis", "optuna"): {"search/importance.py"},
}
WIDEST = 15  # Python files in a folder
BRINGS = re.compile(r"^class \w+\((?:\w*Approach|DataSource|DividedSource)\):", re.MULTILINE)
MENTIONED = re.compile(r"(?<![\w./-])[\w./-]*\w\.py\b")
PLACEHOLDER = "NAME"  # of a file that the reader is to name
HEAVY = ("torch", "torchvision", "ray", "matplotlib", "sklearn", "optuna", "tensorboard")
# Absolute paths of one machine, and where its packages come from: neither is the business of whoever clones this.
ELSEWHERE = re.compile(
    r"(?<![\w.~-])/(?:work|root|Users)\b(?!-)|pythonhosted\.org|pypi\.org|--(?:extra-)?index-url|--find-links"
)
TEXT = (".py", ".md", ".toml", ".yaml", ".yml", ".txt", ".j2", ".json", ".sh", ".cfg", "")


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def modules(path: Path) -> set[str]:
    """What a file imports, at its top or inside its functions: `study.plan`, also for `from study import plan`."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide which package is meant"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def imported(path: Path) -> set[str]:
    """Top-level names of what a file imports."""
    return {name.split(".")[0] for name in modules(path)}


def rooms(package: str, path: Path) -> set[str]:
    """The other rooms of its package that a file imports: folders, or files at the package's top."""
    own = [name.split(".") for name in modules(path) if name.startswith(f"{package}.")]
    return {parts[1] for parts in own if in_package(package, parts[1])} - {room(package, path)}


def in_package(package: str, name: str) -> bool:
    """Whether a name is a room, rather than something that the package itself offers."""
    return (ROOT / package / name).is_dir() or (ROOT / package / f"{name}.py").exists()


def room(package: str, path: Path) -> str:
    return path.relative_to(ROOT / package).parts[0].removesuffix(".py")


def folders() -> list[Path]:
    """All folders with Python files in the three packages."""
    return sorted({path.parent for package in PACKAGES for path in sources(package)})


def is_a_newcomer(path: Path) -> bool:
    """Whether a file brings an approach or a data source: it is found by itself, and need not be named anywhere."""
    return path.parent.parent.name == "trainables" and BRINGS.search(path.read_text()) is not None


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


@pytest.mark.parametrize("package", PACKAGES)
def test_no_import_within_a_package_runs_upward_or_sideways(package):
    floor = {name: height for height, names in enumerate(FLOORS[package]) for name in names.split()}
    wrong = {
        f"{path.relative_to(ROOT)} imports {package}/{other}"
        for path in sources(package)
        for other in rooms(package, path)
        if floor[other] >= floor[room(package, path)]
    }
    assert wrong == set()


@pytest.mark.parametrize("package", PACKAGES)
def test_every_room_of_a_package_has_a_floor(package):
    here = {room(package, path) for path in sources(package)}
    assert here - {"__init__"} <= set(" ".join(FLOORS[package]).split())


@pytest.mark.parametrize(("package", "library"), KNOW)
def test_a_library_is_known_where_the_table_says_and_nowhere_else(package, library):
    users = {path.relative_to(ROOT / package) for path in sources(package) if library in imported(path)}
    known = {Path(name) for name in KNOW[package, library]}
    assert {user for user in users if not known & {user, *user.parents}} == set()
    used = {place for user in users for place in (user, *user.parents)}
    assert known - used == set(), "the table names who does not use it any more"


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["study/search", "study/config"])
def test_turns_and_study_files_work_without_ray(folder):
    """Not even through what they import."""
    names = [f"{folder.replace('/', '.')}.{path.stem}" for path in (ROOT / folder).glob("[a-z]*.py")]
    code = f"import sys, {', '.join(names)}; print('ray' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert shown.split() == ["False"]


def test_no_folder_is_too_wide():
    wide = {str(folder.relative_to(ROOT)): len(list(folder.glob("*.py"))) for folder in folders()}
    assert {folder: files for folder, files in wide.items() if files > WIDEST} == {}


def test_the_first_lines_of_a_package_are_its_complete_table_of_contents():
    missing = []
    for folder in folders():
        contents = ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) or ""
        files = [path.name for path in folder.glob("*.py") if not (path.name.startswith("__") or is_a_newcomer(path))]
        inner = [f"{path.name}/" for path in folder.iterdir() if path in folders()]
        listed = {line.split()[0] for line in contents.splitlines() if line.strip()}
        missing += [f"{folder.relative_to(ROOT)}: {name}" for name in files + inner if name not in listed]
    assert missing == []


def test_the_tables_of_contents_name_nothing_that_is_gone():
    gone = []
    for folder in folders():
        contents = ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) or ""
        listed = [line.split()[0] for line in contents.splitlines() if re.match(r"\w+(\.py|/)\s", line)]
        gone += [f"{folder.relative_to(ROOT)}: {name}" for name in listed if not (folder / name).exists()]
    assert gone == []


def test_every_python_file_that_a_text_or_a_docstring_names_is_there():
    """By its path from the top, from the package, or from where it is named; or by its name alone."""
    texts = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(path for one in PACKAGES for path in sources(one))]
    names = {path.name for path in tracked()}
    gone = []
    for text in texts:
        bases = (ROOT, *text.parents[: len(text.relative_to(ROOT).parts)])
        for name in MENTIONED.findall(text.read_text()):
            if PLACEHOLDER not in name and name not in names and not any((base / name).exists() for base in bases):
                gone.append(f"{text.relative_to(ROOT)}: {name}")
    assert gone == []


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
    assert openers == {("inputs.py", "final_inputs")}


def test_a_trial_reads_the_test_split_in_one_place():
    readers = {
        function.name
        for function in functions(ROOT / "trainables" / "trainable.py")
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute) and node.attr == "test"
    }
    assert readers == {"_evaluate"}


@pytest.mark.slow
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
