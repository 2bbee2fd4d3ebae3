"""Folders of images: small trees with odd names, links, pipes, suffixes, broken and odd images.

What is counted must be what a plain walk finds, unless the description says what it left out.
"""

from __future__ import annotations

import io
import os
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from hypothesis import strategies as st
from PIL import Image

from study.commands.data import describe
from study.config.models import StudyConfig
from tests.fuzz.oddities import Edit, Input, cuts, edited, nth, spliced, splices, texts
from tests.fuzz.oracles.folders import counted, sound
from tests.fuzz.runner import Kind
from tests.fuzz.stubs import printed
from tests.support.pictures import picture
from tests.support.study_files import small_study
from trainables.data.dataset import open_dataset

SPLITS = {"train": 3, "valid": 2, "test": 3}
TREES = {
    "splits": [f"{split}/{name}/{n}.png" for split, count in SPLITS.items() for name in "ab" for n in range(count)],
    "classes": [f"{name}/boat{n // 2}_{n}.png" for name in "ab" for n in range(9)],
    "nothing": [],
}
FORMATS = {"png": "PNG", "jpg": "JPEG", "gif": "GIF", "bmp": "BMP", "tif": "TIFF", "webp": "WEBP"}
CONTENTS = (*FORMATS, "cut", "empty", "text", "grey16", "float", "cmyk", "bilevel", "palette", "one pixel", "huge")
NAMES = (
    *("a", "b", "c", "train", "test", "Training", "Testing", "val", "valid", "VALID", ".hidden", "__MACOSX", "@eaDir"),
    *(".picasaoriginals", ".ipynb_checkpoints", "[red]boats", "[bold]", "<script>", "=1+1", "a,b", "a\nb", "\udcff"),
    *("None", "é", "e\u0301", " ", "-", "A", "Thumbs.db", "x" * 250),
)
SUFFIXES = (".png", ".jpg", ".JPG", ".jfif", ".jpeg", ".tif", ".gif", ".webp", "", ".txt", ".npy", ".svg", ".png.part")
OPTIONS: dict[str, tuple[object, ...]] = {
    "groups": (r"(boat\d+)?.*", r"boat\d+", r"(\d)", "(", "", "(?P<a>x)|(b)", "(a|aa)+$", ".*"),
    "skip_corrupt": (True,),
    "allow_duplicates": (True,),
    "allow_shared_groups": (True,),
    "valid_fraction": (0.5, 1e-9, 0.999),
    "test_fraction": (0.01, 0.49),
}
LINKED = ("a", "../elsewhere", ".", "..", "nowhere", "a/0.png", "/dev/zero")
names = st.one_of(st.sampled_from(NAMES), texts)
paths = st.builds(lambda parts, suffix: "/".join(parts) + suffix, st.lists(names, min_size=1, max_size=4),
                  st.sampled_from(SUFFIXES))  # fmt: skip
seeds = st.integers(0, 60)
EDITS: tuple[st.SearchStrategy[Edit], ...] = (
    st.tuples(st.just("file"), paths, st.sampled_from(CONTENTS), seeds),
    st.tuples(st.just("file"), paths, st.just("png"), seeds),
    st.tuples(
        st.just("link"), paths, st.sampled_from(("a", "../elsewhere", ".", "..", "nowhere", "a/0.png", "/dev/zero"))
    ),
    st.tuples(st.just("pipe"), paths),
    st.tuples(st.just("folder"), paths),
    st.tuples(st.just("remove"), seeds),
    st.tuples(st.just("rename"), seeds, paths),
    *(st.tuples(st.just("option"), st.just(name), st.sampled_from(given)) for name, given in OPTIONS.items()),
    st.tuples(st.just("bytes"), seeds, splices),
    st.tuples(st.just("bytes"), seeds, cuts),
)


@cache
def content(what: str, seed: int) -> bytes:
    """A small picture, or what looks like one."""
    image = picture(seed, (5, 7))
    kind = FORMATS.get(what, "PNG")
    if what == "grey16":
        image = Image.fromarray((1000 + np.arange(300, dtype=np.uint16) + seed).reshape(15, 20))
    elif what == "float":
        image, kind = Image.fromarray(np.ones((5, 7), np.float32)), "TIFF"
    elif what == "cmyk":
        image, kind = image.convert("CMYK"), "JPEG"
    elif what in ("bilevel", "palette"):
        image = image.convert({"bilevel": "1", "palette": "P"}[what])
    elif what == "one pixel":
        image = image.crop((0, 0, 1, 1))
    stream = io.BytesIO()
    image.save(stream, kind)
    whole = stream.getvalue()
    if what == "huge":  # a header of 60,000 x 60,000 pixels
        return whole[:16] + 2 * (60_000).to_bytes(4, "big") + whole[24:]
    return {"cut": whole[: len(whole) // 2], "empty": b"", "text": b"no image"}.get(what, whole)


def lay(one: Input, folder: Path) -> dict[str, object]:
    """Write the tree into images/; gives the options. What a file system refuses is left out."""
    root = folder / "images"
    for number, path in enumerate(TREES[one.base]):
        _write(root / path, content("png", number))
    for number in range(5):
        _write(folder / "elsewhere" / f"{number}.png", content("png", 70 + number))
    for what, *how in one.edits:
        with suppress(OSError, ValueError):
            _change(root, what, *how)
    return {how[0]: how[1] for what, *how in one.edits if what == "option"}


def _change(root: Path, what: str, *how: Any) -> None:
    if what in ("remove", "rename", "bytes"):
        found = nth(sorted(path for path in root.rglob("*") if path.is_file()), how[0])
        if what == "bytes":
            found.write_bytes(spliced(found.read_bytes(), *how[1][1:]))
        elif what == "remove":
            found.unlink()
        else:
            target = _inside(root, how[1])
            target.parent.mkdir(parents=True, exist_ok=True)
            found.rename(target)
    elif what != "option":
        path = _inside(root, how[0])
        path.parent.mkdir(parents=True, exist_ok=True)
        if what == "file":
            _write(path, content(*how[1:]))
        else:
            {"link": lambda: path.symlink_to(how[1]), "pipe": lambda: os.mkfifo(path), "folder": path.mkdir}[what]()


def _inside(root: Path, path: str) -> Path:
    """A path below root; drawn names may lead out of it."""
    return root / "/".join(part for part in path.split("/") if part not in ("", ".", ".."))


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def use(options: dict[str, object], folder: Path) -> None:
    """Describe, open and check the folder, as `data describe` and `run` do."""
    content = small_study(data={"source": "folder", "path": "images", **options})
    (folder / "study.yaml").write_text(yaml.safe_dump(content))
    with printed() as (text, _):
        describe("study.yaml")
    dataset = open_dataset(StudyConfig.model_validate(content).data)
    counted(dataset, folder / "images", text.read())
    dataset.check()
    sound(dataset, folder / "images")


FOLDERS = Kind("folders", st.builds(Input, st.sampled_from(("splits", "classes")), edited(*EDITS)), lay, use)
