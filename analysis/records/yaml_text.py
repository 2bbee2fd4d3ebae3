"""YAML as study files have it: read by the core rules of YAML 1.2, within bounds, and written so that it reads back.

YAML 1.1, which PyYAML reads, takes `1:30` for 90, `010` for 8 and `yes` for true, and the last of two equal keys for
both. Here what the versions of YAML take for different things is refused, with its line, and so is a key that stands
twice. Numbers, true, false and null are what they are in JSON; keys, and whatever else is written, are text.
"""

from __future__ import annotations

import math
import re
from typing import Any

import yaml

from analysis.records.errors import RecordsError, cut, shown

MOST_BYTES = 100_000  # a study file has some thousands; PyYAML reads so many in a second or two
DEEPEST = 30  # lists and mappings inside one another
MOST_VALUES = 10_000  # keys and values, each alias counted as all that it stands for
BOOL, NULL, INT, FLOAT, TEXT, MERGE = (
    f"tag:yaml.org,2002:{kind}" for kind in ("bool", "null", "int", "float", "str", "merge")
)
PLAIN = {  # what a value without quotes is; each pattern with the characters it may begin with
    NULL: (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    BOOL: (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    INT: (r"[-+]?(?:0|[1-9][0-9]{0,17})", list("-+0123456789")),  # what 64 bits hold
    FLOAT: (r"[-+]?(?:(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+)", list("-+.0123456789")),
    MERGE: (r"<<", ["<"]),
}
UNCLEAR = {  # what versions of YAML disagree about, or no finite number; why, and the mend
    r"(?i:yes|no|on|off)": "a word, or true or false? write true or false",
    r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?": "a time, or a number? write a duration as 90s or 1min30s",
    r"[-+]?\.(?i:inf|nan)": "no finite number; write a finite one",
    r"[-+]?0[0-9_]+|[-+]?0[box][0-9a-fA-F_]+": "in which base? write the number in plain digits",
    r"[-+]?[0-9]+_[0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+\.[0-9]*_[0-9_]*": "write the number without _",
    r"[-+]?[1-9][0-9]{18,}": "write a number of at most 18 digits",
}
UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


class YAMLTextError(RecordsError):
    """YAML that cannot be read. The message is one line, with the number of the line that is meant."""


def load(text: str | bytes, *, as_text: bool = False) -> object:
    """What a text in YAML holds: dictionaries by text, lists, texts, finite numbers, true, false and None.

    Args:
        text: at most 100,000 characters, or bytes in UTF-8.
        as_text: leave every value as it is written, as text.

    Raises:
        YAMLTextError: it is no YAML or not in UTF-8, too large, holds a key twice or a value that can be taken in two
            ways, or has tags.
    """
    if len(text) > MOST_BYTES:
        raise YAMLTextError(f"more than {MOST_BYTES:,} characters, which no study file needs; give another file")
    try:
        kind = _TextLoader if as_text else _Loader
        return kind(text if isinstance(text, str) else text.decode()).get_single_data()
    except UnicodeDecodeError as error:
        raise YAMLTextError(f"cannot be read as text: byte {error.start + 1} is not UTF-8; save it as UTF-8") from error
    except _Refused as error:
        raise YAMLTextError(_told(error)) from error
    except yaml.MarkedYAMLError as error:
        raise YAMLTextError(f"not YAML ({_told(error)})") from error
    except yaml.YAMLError as error:  # a character that YAML knows only as an escape
        raise YAMLTextError(f"not YAML ({' '.join(str(error).split())})") from error


def dump(content: object) -> str:
    """Content as YAML, from which `load` gives the same content again; earlier versions of this program do too.

    Raises:
        YAMLTextError: it would not read back.
    """
    text: str = yaml.dump(content, Dumper=_Dumper, sort_keys=False, width=120)
    if load(text) != content:
        raise YAMLTextError(f"cannot be written as YAML that reads back: {shown(content)}")
    return text


class _Refused(yaml.MarkedYAMLError):
    """YAML, but not such as is read here."""


class _Loader(yaml.SafeLoader):
    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0
        self._composed = 0
        self._sizes: dict[yaml.Node, int] = {}  # of nodes that are complete, aliases inside them expanded

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        self._depth += 1
        self._composed += 1
        _refuse(self._depth > DEEPEST, f"nested more than {DEEPEST} deep; write it flatter", event)
        _refuse(self._composed > MOST_VALUES, f"more than {MOST_VALUES:,} values; leave some out", event)
        _refuse(getattr(event, "tag", None) is not None, "a tag (!); write the value without it", event)
        node = super().compose_node(parent, index)
        assert node is not None
        self._depth -= 1
        self._measure(node, event)
        if isinstance(parent, yaml.MappingNode) and index is None:
            _make_text(node, event)
        elif isinstance(event, yaml.ScalarEvent):
            self._judge(node, event)
        return node

    def _judge(self, node: yaml.Node, event: Any) -> None:
        _refuse_unprintable(node, event)
        if event.implicit[0]:  # not in quotes
            _refuse_unclear(node, event)

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        first: dict[str, yaml.Node] = {}
        for key, _ in node.value:
            if key.value in first:
                before = first[key.value].start_mark.line + 1
                told = f"the key {shown(key.value)} stands here and in line {before}; take one out"
                raise _Refused(None, None, told, key.start_mark)
            first[key.value] = key
        return node

    def _measure(self, node: yaml.Node, event: Any) -> None:
        if isinstance(event, yaml.AliasEvent):
            _refuse(
                node not in self._sizes, f"*{cut(str(event.anchor), 40)} stands inside of what it stands for", event
            )
            return
        parts = node.value if not isinstance(node, yaml.ScalarNode) else []
        children = [child for part in parts for child in (part if isinstance(part, tuple) else (part,))]
        self._sizes[node] = 1 + sum(self._sizes[child] for child in children)
        told = f"aliases (*) that come to more than {MOST_VALUES:,} values; write out what is meant"
        _refuse(self._sizes[node] > MOST_VALUES, told, event)


class _TextLoader(_Loader):
    def _judge(self, node: yaml.Node, event: Any) -> None:
        _refuse_unprintable(node, event)


class _Dumper(yaml.SafeDumper):
    """Puts into quotes what either version of YAML takes for something else than text."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _make_text(key: yaml.Node, event: Any) -> None:
    """A key is text, whatever it looks like: an approach may be called 1, or no."""
    _refuse(not isinstance(event, yaml.ScalarEvent), "a key that is no word; write it out, or put it in quotes", event)
    _refuse_unprintable(key, event)
    if key.tag != MERGE:
        key.tag = TEXT


def _refuse_unclear(node: yaml.Node, event: Any) -> None:
    value = str(node.value)
    infinite = node.tag == FLOAT and not math.isfinite(float(value))
    _refuse(infinite, f"{cut(value, 40)}: no finite number; write a smaller one", event)
    for pattern, told in UNCLEAR.items():
        unclear = re.fullmatch(pattern, value) is not None
        _refuse(unclear, f"{cut(value, 40)}: {told}; where text is meant, put it in quotes", event)


def _refuse_unprintable(node: yaml.Node, event: Any) -> None:
    found = UNPRINTABLE.search(node.value)
    _refuse(found is not None, f"a control character ({found and ascii(found[0])}); leave it out", event)


def _refuse(wrong: bool, told: str, event: Any) -> None:
    if wrong:
        raise _Refused(None, None, told, event.start_mark)


def _told(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    words = [error.problem, error.context] if error.problem else [error.context]
    told = " ".join(cut(word, 180) for word in words if word)
    return f"line {mark.line + 1}: {told}" if mark else told


def _add_resolvers() -> None:
    _Loader.yaml_implicit_resolvers, _TextLoader.yaml_implicit_resolvers = {}, {}
    for tag, (pattern, beginnings) in PLAIN.items():
        _Loader.add_implicit_resolver(tag, re.compile(rf"(?:{pattern})\Z"), beginnings)
        _Dumper.add_implicit_resolver(tag, re.compile(rf"(?:{pattern})\Z"), beginnings)
    for pattern in UNCLEAR:
        _Dumper.add_implicit_resolver("unclear", re.compile(rf"(?:{pattern})\Z"), list("-+.0123456789yYnNoO"))


_add_resolvers()
