"""Folders of images that broke the program once."""

from __future__ import annotations

from functools import partial

from tests.fuzz.corpus import known

either = partial(known.either, "folders")


def pictures(*names: str) -> tuple[tuple[object, ...], ...]:
    """A picture of each name, no two alike."""
    return tuple(("file", name, "png", 100 + number) for number, name in enumerate(names))


def of_class(name: str) -> tuple[tuple[object, ...], ...]:
    return pictures(*(f"{name}/{number}.png" for number in range(9)))


OPTIONAL = (("option", "groups", r"(boat\d+)?.*"), ("option", "test_fraction", 0.6))
CORPUS = (
    either("a named pipe", "splits", ("pipe", "train/a/x.png")),
    either("a link to an endless device", "splits", ("link", "train/a/x.png", "/dev/zero")),
    either("a name that is not UTF-8", "splits", *pictures("train/a/\udcff.png")),
    either("a class that is not UTF-8", "classes", *of_class("\udcff")),
    either("markup as a class", "classes", *of_class("[red]boats")),
    either("markup that closes", "classes", *of_class("[/y]")),
    either("a script as a class", "classes", *of_class("<script>")),
    either(
        "splits called Training and Testing",
        "nothing",
        *pictures(*(f"{top}/{c}/{n}.png" for top in ("Training", "Testing") for c in "abcd" for n in range(3))),
    ),
    either("a grey picture of 16 bits", "splits", ("file", "train/a/x.png", "grey16", 0)),
    either("what Picasa hides", "classes", *pictures("a/.picasaoriginals/x.png")),
    either("what a network drive hides", "classes", *pictures("a/@eaDir/x.png")),
    either("what a notebook hides", "classes", *pictures("a/.ipynb_checkpoints/x.png")),
    either("a linked folder", "classes", ("link", "a/more", "../../elsewhere")),
    either("a picture called jfif", "classes", ("file", "a/x.jfif", "jpg", 100)),
    either("a picture without a suffix", "classes", ("file", "a/x", "jpg", 100)),
    either("a group that may be absent", "classes", *pictures("a/x.png"), *OPTIONAL),
    either(
        "one picture in two classes",
        "splits",
        ("file", "train/a/x.png", "png", 100),
        ("file", "train/b/x.png", "png", 100),
    ),
)
