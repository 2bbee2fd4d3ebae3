"""Any classification data set of torchvision, by the name of its class.

Torchvision's constructors differ: `train=True`, `split="train"`, or no splits at all. What a class accepts is read from
its signature, so sets that torchvision adds later work as well.
"""

from __future__ import annotations

import difflib
import hashlib
import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from PIL import Image

from trainables.data.config import Contents, DividedSource
from trainables.data.splits import Split, SplitIndex
from trainables.errors import DataError

_NAMES: dict[Split, tuple[str, ...]] = {
    "train": ("train", "trainval", "train-standard"),
    "valid": ("valid", "val"),
    "test": ("test",),
}
UNPICKLING = ("LSUN", "LSUNClass")  # CIFAR's pickles are checked by MD5 before they are read


class TorchvisionData(DividedSource):
    """A classification data set of torchvision, by the name of its class, with the splits it comes with.

    Identifiers are `<torchvision's split>/<position in it>`; `all` stands for sets without splits, which are all
    `train` here.

    Attributes:
        name: for example CIFAR10, FashionMNIST, EuroSAT, Flowers102.
        root: the folder that torchvision keeps it in.
        download: download what is not under `root`.
    """

    source: Literal["torchvision"] = "torchvision"
    name: str
    root: str
    download: bool = False

    def read(self) -> Contents:
        """Open the data set.

        Raises:
            DataError: no such data set, not one for classification, files missing, or a download that failed.
        """
        root = Path(self.root).expanduser()
        cls = _find_class(self.name)
        calls = _calls(cls, root)
        opened = {split: _open(cls, root, arguments, self.download) for split, (_, arguments) in calls.items()}
        with _opening(cls, root, self.download):
            files = _fingerprint_of_files(root)
            parts = {split: _index(self.name, calls[split][0], items, files) for split, items in opened.items()}
        count = 1 + max(int(part.labels.max(initial=0)) for part in parts.values())
        return Contents(f"{self.name} of torchvision", _classes(opened["train"], count), parts)


class _Items(Protocol):
    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> tuple[Image.Image, int]: ...


@dataclass(frozen=True)
class _ItemPicture:
    items: _Items = field(repr=False)
    index: int
    name: str
    files: str

    def open(self) -> Image.Image:
        return self.items[self.index][0]

    def stamp(self) -> str:
        return f"{self.files}|{self.name}"

    def __str__(self) -> str:
        return self.name


def _find_class(name: str) -> type:
    from torchvision import datasets  # slow to import

    classes = {key: cls for key in datasets.__all__ if isinstance(cls := getattr(datasets, key), type)}
    known = {key: parameters for key, cls in classes.items() if "root" in (parameters := _parameters(cls))}
    if name in UNPICKLING:
        raise DataError(f"{name} unpickles a file of the current folder, which could run code; use source: folder")
    if name not in known:
        by_lower = {key.lower(): key for key in known}
        close = [by_lower[key] for key in difflib.get_close_matches(name.lower(), by_lower)]
        raise DataError(f"torchvision has no data set '{name}'; try {', '.join(close or ['CIFAR10', 'EuroSAT'])}")
    needed = [key for key, each in known[name].items() if _must_be_given(each)]
    if len(needed) > 2:  # self and root
        raise DataError(
            f"{name} cannot be opened without {' and '.join(needed[2:])}; write it to an image folder, "
            "and use source: folder"
        )
    return classes[name]


def _must_be_given(parameter: inspect.Parameter) -> bool:
    return parameter.default is parameter.empty and parameter.kind is parameter.POSITIONAL_OR_KEYWORD


def _parameters(cls: type) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(cls.__init__).parameters  # type: ignore[misc]


def _calls(cls: type, root: Path) -> dict[Split, tuple[str, dict[str, object]]]:
    """For each split that the set has: torchvision's name for it, and the arguments that open it."""
    if "train" in _parameters(cls):
        return {"train": ("train", {"train": True}), "test": ("test", {"train": False})}
    if "split" not in _parameters(cls):
        return {"train": ("all", {})}
    values = _split_values(cls, root)
    found = {split: next((name for name in names if name in values), None) for split, names in _NAMES.items()}
    if found["train"] is None:
        raise DataError(f"{cls.__name__} has no split for training (it has {', '.join(values)}); choose another set")
    return {split: (name, {"split": name}) for split, name in found.items() if name is not None}


def _split_values(cls: type, root: Path) -> list[str]:
    """What `split` may be, from torchvision's refusal of what it may not be; it is written down nowhere else."""
    try:
        cls(root, split="")
    except ValueError as error:
        return re.findall(r"'([^']+)'", str(error).partition("Valid values are")[2])
    except Exception as error:  # the files are looked for first
        raise _cannot_open(cls, root, error, download=False) from error
    return []


def _open(cls: type, root: Path, arguments: dict[str, object], download: bool) -> _Items:
    if any("download" in _parameters(base) for base in cls.__mro__):  # some download by default
        arguments = {**arguments, "download": download}
    with _opening(cls, root, download):
        items: _Items = cls(root, **arguments)
        first: object = items[0]
    if not (isinstance(first, tuple) and len(first) == 2 and isinstance(first[0], Image.Image)):
        raise _no_classification(cls)
    first[0].close()
    return items


@contextmanager
def _opening(cls: type, root: Path, download: bool) -> Iterator[None]:
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # each of torchvision's readers raises its own kinds
        raise _cannot_open(cls, root, error, download) from error


def _cannot_open(cls: type, root: Path, error: Exception, download: bool) -> DataError:
    if isinstance(error, ImportError):
        return DataError(f"{cls.__name__} needs a package that is not installed ({error}); install it")
    cause = re.split(r"[.:]?\s*\n|\. ", str(error) or type(error).__name__)[0]
    mend = "check the connection" if download else "set download: true"
    return DataError(f"{cls.__name__} cannot be opened under {root} ({cause}); {mend}, or put its files there")


def _no_classification(cls: type) -> DataError:
    return DataError(f"{cls.__name__} is no classification data set (an image with one class each); choose another")


def _index(name: str, part: str, items: _Items, files: str) -> SplitIndex:
    positions = range(len(items))
    return SplitIndex(
        ids=tuple(f"{part}/{i:06d}" for i in positions),
        labels=_labels(items),
        pictures=tuple(_ItemPicture(items, i, f"{name} {part}/{i:06d}", files) for i in positions),
    )


def _labels(items: _Items) -> np.ndarray:
    """(N,) labels from the attribute that holds them, where there is one, or else from the items themselves."""
    ends = _label(items, 0), _label(items, len(items) - 1)
    for attribute in ("targets", "labels", "_labels", "y", "samples", "_samples"):
        held: Any = getattr(items, attribute, ())
        values = [sample[-1] for sample in held] if attribute.endswith("samples") else held
        if len(values) == len(items) and (values[0], values[-1]) == ends:
            return _as_labels(values, items)
    return _as_labels([_label(items, i) for i in range(len(items))], items)


def _label(items: _Items, index: int) -> int:
    image, label = items[index]
    image.close()  # some readers give a file still open
    return label


def _as_labels(values: Sequence[int], items: _Items) -> np.ndarray:
    labels = np.asarray(values)
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise _no_classification(type(items))
    return labels.astype(np.int64)


def _classes(items: _Items, count: int) -> tuple[str, ...]:
    """The names of the classes: torchvision's, the first where it gives several, or else the labels as they are."""
    names = getattr(items, "classes", None) or getattr(items, "categories", None) or ()
    if len(names) < count:
        return tuple(str(label) for label in range(count))
    return tuple(name if isinstance(name, str) else str(name[0]) for name in names)


def _fingerprint_of_files(root: Path) -> str:
    """Changes when a file below `root` does; torchvision does not say which of them a set consists of."""
    files = sorted((str(path), path.stat()) for path in root.rglob("*") if path.is_file())
    listing = "".join(f"{path}|{stat.st_size}|{stat.st_mtime_ns}\n" for path, stat in files)
    return hashlib.sha256(listing.encode()).hexdigest()
