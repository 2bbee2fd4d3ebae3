"""Write docs/api.md, the interface for Python, from the docstrings: python scripts/write_api_docs.py

To document one more object, name it in PUBLIC. A test writes the page again and compares, and runs its examples.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator
from functools import cached_property
from importlib import import_module
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "docs" / "api.md"
PUBLIC = (
    "analysis.load",
    "analysis.LoadedStudy",
    "analysis.compare",
    "analysis.ComparedTable",
    "analysis.RecordsError",
    "study.read_config",
    "study.run",
    "study.resume",
)
INTRODUCTION = """\
# From Python

What the commands do is there for scripts and notebooks too. Results are pandas data frames, or frozen dataclasses whose
fields the code documents. This page is written from the docstrings by `scripts/write_api_docs.py`.
"""
WIDTH = 120
INDENT = " " * 4  # of code in a docstring
LONGEST_SIGNATURE = 100
SECTION = re.compile(r"(Args|Attributes|Raises|Returns):")
ENTRY = re.compile(r"(?P<names>[\w*]+(?:, [\w*]+)*): (?P<text>.+)", re.DOTALL)


class Plain(str):
    """An annotation that is shown as it was written."""

    __slots__ = ()
    __repr__ = str.__str__


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    """The page as Markdown."""
    return "\n".join([INTRODUCTION, *(part for name in PUBLIC for part in _object(name))])


def _object(name: str) -> Iterator[str]:
    module, _, attribute = name.rpartition(".")
    found = getattr(import_module(module), attribute)
    yield f"## `{name}`\n"
    if inspect.isfunction(found):
        yield f"```python\n{_signature(name, found)}\n```\n"
    yield from _docstring(found)
    for property_name, value in vars(found).items() if inspect.isclass(found) else ():
        if isinstance(value, property | cached_property) and not property_name.startswith("_"):
            yield from _property(property_name, value)


def _signature(name: str, function: object) -> str:
    """On one line, or with each parameter on its own."""
    signature = inspect.signature(function)  # type: ignore[arg-type]
    parameters = [one.replace(annotation=_annotation(one.annotation)) for one in signature.parameters.values()]
    shown = signature.replace(parameters=parameters, return_annotation=_annotation(signature.return_annotation))
    if len(f"{name}{shown}") <= LONGEST_SIGNATURE:
        return f"{name}{shown}"
    by_name = next((i for i, one in enumerate(parameters) if one.kind is one.KEYWORD_ONLY), len(parameters))
    lines = [*map(str, parameters[:by_name]), *(["*"] if by_name < len(parameters) else [])]
    lines += map(str, parameters[by_name:])
    return f"{name}(\n" + "".join(f"    {line},\n" for line in lines) + f") -> {shown.return_annotation}"


def _annotation(annotation: object) -> object:
    return Plain(annotation) if isinstance(annotation, str) else annotation


def _property(name: str, value: property | cached_property[object]) -> Iterator[str]:
    function = value.fget if isinstance(value, property) else value.func
    kind = inspect.signature(function).return_annotation  # type: ignore[arg-type]
    yield f"### `{name}`: `{kind}`\n"
    yield from _docstring(value)


def _docstring(documented: object) -> Iterator[str]:
    """Paragraphs as they are, code and examples in fences, the entries of a section as a list."""
    for block in _blocks(str(inspect.getdoc(documented))):
        heading, _, body = block.partition("\n")
        if block.startswith(">>>"):
            yield f"```pycon\n{block}\n```\n"
        elif block.startswith(INDENT):
            yield f"```python\n{textwrap.dedent(block)}\n```\n"
        elif SECTION.fullmatch(heading):
            yield f"{heading}\n"
            yield "\n".join(_entries(textwrap.dedent(body))) + "\n"
        else:
            yield _filled(block)


def _blocks(text: str) -> list[str]:
    """Its paragraphs; indented ones that follow one another are one piece of code."""
    blocks: list[str] = []
    for paragraph in text.split("\n\n"):
        if paragraph.startswith(INDENT) and blocks and blocks[-1].startswith(INDENT):
            blocks[-1] += f"\n\n{paragraph}"
        else:
            blocks.append(paragraph)
    return blocks


def _entries(body: str) -> Iterator[str]:
    for entry in re.split(r"\n(?=\S)", body):
        found = ENTRY.fullmatch(entry)
        assert found, f"no `name: text`: {entry!r}"
        names = ", ".join(f"`{name}`" for name in found["names"].split(", "))
        yield _filled(f"{names}: {found['text']}", bullet="- ").rstrip("\n")


def _filled(text: str, *, bullet: str = "") -> str:
    lines = textwrap.fill(
        " ".join(text.split()),
        WIDTH,
        initial_indent=bullet,
        subsequent_indent=" " * len(bullet),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return f"{lines}\n"


if __name__ == "__main__":
    main()
