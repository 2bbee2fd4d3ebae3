"""Study files: presets and a small study, changed in values, keys, lines, tokens and bytes, and with `--set`.

What is read must be what is written (oracles/study_files.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

from study.commands.options import config_of
from tests.fuzz.oddities import Edit, Input, cuts, edited, nth, numbers, scalars, spliced, splices, texts
from tests.fuzz.oracles.study_files import NUMBERS, as_written, buildable, searchable, the_same_again
from tests.fuzz.runner import Kind
from tests.support.study_files import SMALL

PRESETS = resources.files("study") / "presets"
BASES = {"small": yaml.safe_dump(SMALL, sort_keys=False)} | {
    name: (PRESETS / f"{name}.yaml").read_text() for name in ("digits", "boats-cpu")
}
TOKEN = re.compile(r"[\w.+-]+")
ODD_YAML = (
    "[[[[",
    "{a: b",
    "&a [*a]",
    "*a",
    "!!python/object:os.system x",
    "!!binary aGk=",
    "? [a]: b",
    "{<<: {a: 1}}",
)

written = st.one_of(st.sampled_from(ODD_YAML), scalars.map(str))
kinds_of_range = st.sampled_from(("loguniform", "uniform", "int", "logint", "categorical", "normal"))
ranges = st.dictionaries(kinds_of_range, st.one_of(st.lists(scalars, max_size=3), scalars), min_size=1, max_size=2)
values = st.one_of(scalars, ranges, st.lists(scalars, max_size=3), st.dictionaries(texts, scalars, max_size=2))
keys = st.one_of(st.sampled_from((*NUMBERS, "name", "data.path", "approaches.better_cnn.space.lr", "bugdet")), texts)
nodes = st.integers(0, 120)
EDITS: tuple[st.SearchStrategy[Edit], ...] = (
    st.tuples(st.just("put"), nodes, values),
    st.tuples(st.just("rename"), nodes, texts),
    st.tuples(st.just("line"), nodes, st.sampled_from(("drop", "twin", "indent", "comment"))),
    st.tuples(st.just("token"), nodes, written),
    st.tuples(st.just("token"), nodes, numbers.map(str)),
    st.builds(lambda key, value: ("set", f"{key}={value}"), keys, written),
    st.tuples(st.just("set"), texts),
    splices,
    cuts,
)


def lay(one: Input, folder: Path) -> tuple[str, ...]:
    """Write the study file; gives the assignments."""
    content = BASES[one.base].encode()
    for what, *how in one.edits:
        if what == "splice":
            content = spliced(content, *how)
        elif what != "set":
            content = CHANGES[what](content.decode(errors="surrogateescape"), *how).encode(errors="surrogateescape")
    (folder / "study.yaml").write_bytes(content)
    return tuple(how[0] for what, *how in one.edits if what == "set")


def use(assignments: tuple[str, ...], folder: Path) -> None:
    """Read it, as `plan` and `run` do, and check it before Ray would start."""
    path = folder / "study.yaml"
    config = config_of(str(path), list(assignments))
    the_same_again(config)
    as_written(path.read_text(encoding="utf-8"), config, dict(text.split("=", 1) for text in assignments))
    searchable(config)
    buildable(config)


def _put(content: dict[Any, Any], number: int, value: object) -> None:
    place, key = nth([*_places(content)], number)
    place[key] = value


def _rename(content: dict[Any, Any], number: int, name: str) -> None:
    place, key = nth([one for one in _places(content) if isinstance(one[0], dict)], number)
    place[name] = place.pop(key)


def _places(content: Any) -> Iterator[tuple[Any, Any]]:
    """Every place of a value: the mapping or list, and its key there."""
    for key in [*content] if isinstance(content, dict) else range(len(content)):
        yield content, key
        if isinstance(content[key], dict | list):
            yield from _places(content[key])


def _in_content(change: Callable[..., None]) -> Callable[..., str]:
    """The change of what a text holds as one of the text; nothing where it is no study file any more."""

    def changed(text: str, *how: Any) -> str:
        try:
            content = yaml.load(text, Loader=yaml.CSafeLoader)
        except (yaml.YAMLError, ValueError, TypeError):
            return text
        if not isinstance(content, dict) or not content:
            return text
        change(content, *how)
        return str(yaml.dump(content, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True))

    return changed


def _line(text: str, number: int, what: str) -> str:
    lines = text.splitlines(keepends=True) or ["\n"]
    at = number % len(lines)
    lines[at] = {"drop": "", "twin": 2 * lines[at], "indent": f"  {lines[at]}", "comment": f"# {lines[at]}"}[what]
    return "".join(lines)


def _token(text: str, number: int, new: str) -> str:
    found = nth([*TOKEN.finditer(text)], number)
    return text[: found.start()] + new + text[found.end() :] if found else text


CHANGES: dict[str, Callable[..., str]] = {
    "put": _in_content(_put),
    "rename": _in_content(_rename),
    "line": _line,
    "token": _token,
    "swap": lambda text, old, new: text.replace(old, new, 1),
    "whole": lambda _, text: text,
}
STUDY_FILES = Kind("study files", st.builds(Input, st.sampled_from([*BASES]), edited(*EDITS)), lay, use)
