"""Archives of photographs: zip and tar files of odd members, ratios, names and methods, cut short and damaged.

What is unpacked must be the pictures that a plain listing shows, and nothing may be written or left anywhere else.
"""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.kinds.folders import content as picture
from tests.fuzz.oddities import Edit, Input, cuts, edited, spliced, splices, texts
from tests.fuzz.oracles.archives import SPLITS, as_listed, files, nothing_left
from tests.fuzz.runner import Kind
from trainables.data.boats import fetch_boats
from trainables.errors import InputError

BASES = ("flat.zip", "deep.zip", "deflated.zip", "flat.tar", "flat.tar.gz", "flat.png")
NAMES = (
    *("../x.png", "train/a/../../../x.png", "/nowhere/x.png", "C:\\x.png", "train\\a\\x.png", "train/a/x.png"),
    *("train/a/0.png", "train/A/0.png", "train/a/x.exe", "__MACOSX/train/a/x.png", "train/c/x.png", "valid/a/.x.png"),
    *("other/train/a/x.png", "train/a/b/x.png", "train/a/x\x00.png", "train//a/x.png", "./train/a/x.png", "train/a"),
    *("train/a/é.png", f"train/a/{'x' * 300}.png", f"{'x/' * 300}train/a/x.png", "train/a/con.png", "train/../a.png"),
    *("train/./a/x.png", "test/b/0.png/x.png", "train/a/x.PNG", "train/ a/x.png", "train/a /x.png", "train/a./x.png"),
)
CONTENTS = ("png", "jpg", "empty", "text", "cut")
METHODS = {"stored": zipfile.ZIP_STORED, "deflated": zipfile.ZIP_DEFLATED, "bzip2": zipfile.ZIP_BZIP2,
           "lzma": zipfile.ZIP_LZMA}  # fmt: skip
names = st.one_of(st.sampled_from(NAMES), st.builds("train/{}/x.png".format, texts), texts)
EDITS: tuple[st.SearchStrategy[Edit], ...] = (
    st.tuples(st.just("add"), names, st.sampled_from(CONTENTS), st.sampled_from([*METHODS])),
    st.tuples(st.just("link"), names, st.sampled_from(("/etc/passwd", "../../x", "0.png"))),
    st.tuples(st.just("mode"), names, st.sampled_from((stat.S_IFIFO, stat.S_IFCHR, stat.S_IFDIR))),
    st.tuples(st.just("drop"), st.integers(0, 40)),
    st.tuples(st.just("rename"), st.integers(0, 40), names),
    st.tuples(st.just("zeros"), names, st.sampled_from((10**4, 10**6, 10**7))),
    st.tuples(st.just("comment"), st.binary(max_size=20)),
    st.tuples(st.just("field"), st.integers(0, 40), st.integers(4, 46), st.integers(0, 2**32 - 1)),
    splices,
    splices,
    cuts,
)
Member = tuple[str, bytes, int, int]  # name, content, method, type of file


@cache
def _members(base: str) -> tuple[Member, ...]:
    above = "photos/all/" if base == "deep.zip" else ""
    method = zipfile.ZIP_DEFLATED if base == "deflated.zip" else zipfile.ZIP_STORED
    places = [(split, name, n) for split in SPLITS for name in "ab" for n in range(2)]
    return tuple((f"{above}{s}/{c}/{n}.png", picture("png", i), method, 0) for i, (s, c, n) in enumerate(places))


def lay(one: Input, folder: Path) -> str:
    """Write the archive; gives its name. What the library refuses to write is left out."""
    members, comment = [*_members(one.base)], b""
    for what, *how in one.edits:
        if what == "drop":
            members.pop(how[0] % len(members))
        elif what == "rename":
            at = how[0] % len(members)
            members[at] = (how[1], *members[at][1:])
        elif what == "comment":
            comment = how[0]
        elif what in ("add", "link", "mode", "zeros"):
            members.append(_member(what, *how))
    written = _zip(members, comment) if one.base.endswith((".zip", ".png")) else _tar(members, one.base)
    for what, *how in one.edits:
        if what == "splice":
            written = spliced(written, *how)
        elif what == "field":
            written = _with_field(written, *how)
    (folder / one.base).write_bytes(written)
    return next((how[0] for what, *how in one.edits if what == "device"), one.base)


def _member(what: str, name: str, *how: Any) -> Member:
    if what == "add":
        return name, picture(how[0], 50), METHODS[how[1]], 0
    if what == "link":
        return name, how[0].encode(), zipfile.ZIP_STORED, stat.S_IFLNK
    if what == "mode":
        return name, picture("png", 51), zipfile.ZIP_STORED, how[0]
    return name, _zeros(how[0]), zipfile.ZIP_DEFLATED, 0


@cache
def _zeros(size: int) -> bytes:
    return picture("png", 52) + bytes(size)


def _zip(members: list[Member], comment: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.comment = comment
        for name, content, method, kind in members:
            about = zipfile.ZipInfo(name or "x")
            about.compress_type, about.external_attr = method, (kind | 0o644) << 16
            archive.writestr(about, content)
    return stream.getvalue()


def _tar(members: list[Member], base: str) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz" if base.endswith("gz") else "w") as archive:
        for name, content, _, _ in members:
            about = tarfile.TarInfo(name)
            about.size = len(content)
            archive.addfile(about, io.BytesIO(content))
    return stream.getvalue()


def _with_field(written: bytes, number: int, at: int, value: int) -> bytes:
    """Another number in the header of a member in the list at the end: its method, flags, sizes, place, attributes."""
    starts = [n for n in range(len(written)) if written.startswith(b"PK\x01\x02", n)]
    start = starts[number % len(starts)] + at if starts else 0
    return written[:start] + value.to_bytes(4, "little") + written[start + 4 :]


def use(name: str, folder: Path) -> None:
    """Fetch the photographs from it."""
    root, before = folder.parent, files(folder.parent)
    try:
        fetch_boats(folder / "deep" / "photos", url=str(folder / name))
    except InputError:
        nothing_left(before, files(root))
        raise
    as_listed(folder / name, root, f"{folder.name}/deep/photos/", before, files(root))


ARCHIVES = Kind("archives", st.builds(Input, st.sampled_from(BASES), edited(*EDITS)), lay, use)
