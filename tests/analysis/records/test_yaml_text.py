"""YAML as study files have it: one meaning for each value, within bounds, and what is written reads back."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from analysis.records.yaml_text import DEEPEST, MOST_BYTES, MOST_VALUES, YAMLTextError, dump, load

printable = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
surprising = st.sampled_from(
    ["1e5", "1e-4", "0o17", "0x10", "010", "yes", "No", "on", "1:30", "1_000", ".inf", "-.5e3", "~", "<<", "=", "null",
     "true", "2024-01-01", "", " a", "a: b", "- a", "#", "'", "1.", "+5", "!a", "&a", "*a"]
)  # fmt: skip
scalars = st.none() | st.booleans() | st.integers(-(10**18) + 1, 10**18 - 1) | printable | surprising
finite = st.floats(allow_nan=False, allow_infinity=False)
contents = st.recursive(
    scalars | finite,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(printable | surprising, inner, max_size=4),
    max_leaves=20,
)


def problem(text: str | bytes) -> str:
    """The message with which a text is refused; empty where it is read."""
    try:
        load(text)
    except YAMLTextError as error:
        return str(error)
    return ""


def refusal(text: str | bytes) -> str:
    told = problem(text)
    assert 0 < len(told) < 300
    assert "\n" not in told
    return told


@given(contents)
def test_whatever_is_written_reads_back(content):
    assert load(dump(content)) == content


@given(contents.filter(lambda content: "1e5" not in repr(content)))
def test_whatever_is_written_reads_back_in_any_reader_of_yaml_1_1(content):
    """The study.yaml of today in the program of yesterday."""
    assert yaml.safe_load(dump(content)) == content


@given(st.text(max_size=200) | st.binary(max_size=200))
def test_any_text_is_read_or_refused_in_one_line(text):
    assert len(problem(text).splitlines()) <= 1


@given(
    st.lists(
        st.sampled_from(["a", "1", ": ", "- ", "\n", "  ", "[", "]", "{", "}", ", ", "&x ", "*x", "<<", "|", "'", "? "])
    )
)
def test_any_tangle_of_yaml_is_read_or_refused_in_one_line(parts):
    assert len(problem("".join(parts)).splitlines()) <= 1


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-3", -3),
        ("+3", 3),
        ("0", 0),
        ("1.5", 1.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e-4", 1e-4),
        ("1.0e+3", 1000.0),
        ("1E5", 1e5),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("2024-01-01", "2024-01-01"),
        ("1.2.3", "1.2.3"),
        ("y", "y"),
        ("=", "="),
        ("'010'", "010"),
        ("'yes'", "yes"),
        ("10min", "10min"),
    ],
)
def test_a_plain_value_is_what_the_core_rules_of_yaml_1_2_say(text, value):
    """https://yaml.org/spec/1.2.2/#103-core-schema, but for octal and hexadecimal numbers."""
    found = load(f"key: {text}")
    assert found == {"key": value}
    assert type(found["key"]) is type(value)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("1:30", "write a duration as 90s or 1min30s"),
        ("190:20:30.15", "write a duration as 90s or 1min30s"),
        ("010", "write the number in plain digits"),
        ("08", "write the number in plain digits"),
        ("0o10", "write the number in plain digits"),
        ("0x10", "write the number in plain digits"),
        ("0b11", "write the number in plain digits"),
        ("1_000", "write the number without _"),
        ("1_0.5", "write the number without _"),
        ("yes", "write true or false"),
        ("No", "write true or false"),
        ("ON", "write true or false"),
        ("off", "write true or false"),
        (".inf", "write a finite one"),
        ("-.Inf", "write a finite one"),
        (".nan", "write a finite one"),
        ("1e400", "write a smaller one"),
        ("9" * 400, "at most 18 digits"),
    ],
)
def test_what_the_versions_of_yaml_read_in_different_ways_is_refused_with_its_line_and_the_mend(value, words):
    told = refusal(f"name: a\nkey: {value}\n")
    assert told.startswith(f"line 2: {value[:10]}")
    assert words in told


def test_values_may_be_left_as_they_are_written():
    given = "- {accuracy: 0.860, images: 010, split: no, loss: .inf, at: 1:30, none: }"
    values = {"accuracy": "0.860", "images": "010", "split": "no", "loss": ".inf", "at": "1:30", "none": ""}
    assert load(given, as_text=True) == [values]


def test_keys_are_text_whatever_they_look_like():
    assert load("1: a\nyes: b\n010: c\n1:30: d\nnull: e\n") == {
        "1": "a",
        "yes": "b",
        "010": "c",
        "1:30": "d",
        "null": "e",
    }


@pytest.mark.parametrize("text", ["a: 1\nb: 2\n'a': 3\n", "x: 0\ny: {a: 1,\n  a: 2}\n"])
def test_a_key_that_stands_twice_is_refused_with_both_lines(text):
    assert refusal(text) in (
        "line 3: the key 'a' stands here and in line 1; take one out",
        "line 3: the key 'a' stands here and in line 2; take one out",
    )


def test_a_merge_key_gives_what_is_not_written_out():
    text = "a: &a {lr: 1, flip: [false, true]}\nb: {<<: *a, lr: 2}\n"
    assert load(text) == {"a": {"lr": 1, "flip": [False, True]}, "b": {"lr": 2, "flip": [False, True]}}


@pytest.mark.parametrize("begin", ["[", "{a: ", "- ", "? "])
def test_what_is_nested_too_deep_is_refused(begin):
    assert f"nested more than {DEEPEST} deep" in refusal(begin * 2000)
    assert "nested" in refusal(begin * 20_000)


def test_aliases_that_explode_are_refused():
    """A billion laughs, as a list and by merge keys."""
    lists = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    merges = "a: &a {x: 1, y: 2}\n" + "".join(
        f"{name}: &{name} {{<<: [{', '.join([f'*{before}'] * 9)}]}}\n"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    for bomb in (lists, merges):
        assert f"aliases (*) that come to more than {MOST_VALUES:,} values" in refusal(bomb)


def test_an_alias_inside_of_what_it_stands_for_is_refused():
    assert refusal("a: &a [1, *a]") == "line 1: *a stands inside of what it stands for"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" + "a, " * 20_000 + "]", f"more than {MOST_VALUES:,} values"),
        ("#" * (MOST_BYTES + 1), f"more than {MOST_BYTES:,} characters"),
        ("!!int abc", "a tag (!)"),
        ("!!python/object/apply:os.getcwd []", "a tag (!)"),
        ("[a]: 1", "a key that is no word"),
        ("&a a: 1\n*a : 2\n", "a key that is no word"),
        ('"\\0"', "a control character ('\\x00')"),
        ('"\\ud800"', "a control character ('\\ud800')"),
        ("*nothing", "not YAML (line 1: found undefined alias"),
        ("a: [1\n", "not YAML (line 2: expected ',' or ']'"),
        ("a: 1\n--- \nb: 2\n", "not YAML (line 2: but found another document"),
        ("\x01", "not YAML (unacceptable character"),
        ("<<: 3", "not YAML (line 1: expected a mapping"),
        (b"name: caf\xe9", "byte 10 is not UTF-8; save it as UTF-8"),
    ],
)
def test_what_is_too_large_or_no_plain_yaml_is_refused(text, words):
    assert words in refusal(text)
