"""Sources by their word, their address and their entry point; one of them written by a stranger."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.support.strangers import NPZ_ADDRESS, NPZ_MODULE, install, stranger, write_images
from trainables.data.config import SOURCES, Contents, DataSource, sources
from trainables.data.dataset import Dataset, open_dataset
from trainables.data.description import describe
from trainables.data.digits import DigitsData
from trainables.data.folders import FolderData
from trainables.data.images import ArrayPicture
from trainables.data.splits import SPLITS, SplitIndex
from trainables.data.torchvision_sets import TorchvisionData
from trainables.errors import DataError

pytestmark = pytest.mark.usefixtures("own_cache")
NAMES = [f"image-{i:04d}" for i in range(40)]


@pytest.fixture
def packages(tmp_path) -> Iterator[Path]:
    with stranger(tmp_path / "packages") as folder:
        yield folder


def opened(path: Path, source: str = NPZ_ADDRESS, **options: object) -> Dataset:
    return open_dataset(SOURCES.find(source).model_validate({"source": source, "path": str(path), **options}))


def made(source: str = NPZ_ADDRESS, **keys: object) -> DataSource:
    """A source as a program makes it, which says nothing of what the source is called."""
    return SOURCES.find(source).model_validate(keys)


def refusal(source: object) -> str:
    """The one line with which a source is refused."""
    with pytest.raises(DataError) as caught:
        SOURCES.find(source)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_sources_of_the_folder_are_found_by_their_word():
    assert {"digits", "folder", "torchvision"} <= sources().keys()
    assert SOURCES.find("digits").model_validate({"source": "digits", "train_per_class": 5}) == DigitsData(
        train_per_class=5
    )


def test_a_strangers_source_is_opened_divided_checked_and_described(packages, tmp_path):
    images = write_images(tmp_path / "photos.npz")
    dataset = opened(tmp_path / "photos.npz", valid_fraction=0.25)
    dataset.check()
    assert dataset.counts == {"train": (11, 11), "valid": (5, 5), "test": (4, 4)}
    assert sorted(name for split in SPLITS for name in dataset.splits[split].ids) == [
        f"image-{i:04d}" for i in range(40)
    ]
    for split in SPLITS:
        positions = [int(name[-4:]) for name in dataset.splits[split].ids]
        assert np.array_equal(dataset.images(split, (8, 10)), images[positions])
        assert dataset.splits[split].labels.tolist() == [position % 2 for position in positions]
    found = describe(dataset)
    assert (found.source, found.classes) == (str(tmp_path / "photos.npz"), ("day", "night"))
    assert found.image_sizes.common == (((8, 10), 40),)


def test_an_entry_point_gives_a_strangers_source_a_word(packages, tmp_path):
    before = sources()
    install(packages, npz=NPZ_ADDRESS)
    write_images(tmp_path / "photos.npz")
    assert "npz" not in before
    assert list(sources()) == [*before, "npz"]
    assert sources()["npz"] is SOURCES.find(NPZ_ADDRESS)
    assert opened(tmp_path / "photos.npz", "npz").config == opened(tmp_path / "photos.npz").config


def test_a_word_of_this_folder_is_not_taken_over_by_an_entry_point(packages):
    install(packages, digits=NPZ_ADDRESS)
    assert SOURCES.find("digits") is DigitsData


def test_a_word_that_two_packages_chose_is_refused_when_it_is_used(packages):
    install(packages, npz=NPZ_ADDRESS)
    install(packages, "others", npz="npz_source:Undivided", more=NPZ_ADDRESS)
    assert "'npz' is declared twice: npz_source:NpzData of strangers and npz_source:Undivided of others" in refusal(
        "npz"
    )
    assert SOURCES.find("more") is SOURCES.find(NPZ_ADDRESS)


def test_a_source_made_in_python_goes_by_its_address(packages):
    assert made(path="x").source == NPZ_ADDRESS


def test_groups_of_a_stranger_are_kept_together_and_may_not_be_all_one(packages, tmp_path):
    write_images(tmp_path / "photos.npz", groups=np.arange(40) // 2)
    dataset = opened(tmp_path / "photos.npz")
    dataset.check()
    members = [set(dataset.splits[split].groups or ()) for split in SPLITS]
    assert sum(map(len, members)) == len(set.union(*members)) == 20


def test_what_the_source_has_no_switch_for_is_not_offered(packages, tmp_path):
    """NpzData has allow_duplicates, by being a DividedSource, and no allow_shared_groups."""
    image = np.zeros((8, 10, 3), dtype=np.uint8)
    write_images(tmp_path / "photos.npz", images=np.stack([image] * 40))
    with pytest.raises(DataError, match="remove one of each two, or set allow_duplicates: true"):
        opened(tmp_path / "photos.npz").check()
    opened(tmp_path / "photos.npz", allow_duplicates=True).check()
    assert not made(path="x").offers("allow_shared_groups")
    assert not made(path="x").allows("allow_shared_groups")


def test_a_source_that_must_come_divided_and_does_not_is_refused(packages):
    source = made("npz_source:Undivided")
    with pytest.raises(DataError, match=r"npz_source:Undivided: comes without the split 'train'"):
        source.divided(source.read().parts, ("a", "b"))


@pytest.mark.parametrize(("word", "near"), [("foldr", "folder"), ("digit", "digits"), ("Torchvision", "torchvision")])
def test_an_unknown_word_is_answered_with_the_words_there_are_and_the_nearest(word, near):
    message = refusal(word)
    assert f"'{word}' is not one of {', '.join(sources())}; did you mean '{near}'?" in message
    assert "looked for in trainables/data and among the entry points transfer_study.data_sources" in message


@pytest.mark.parametrize("word", ["imagenet", None, 3, ["a", "b"]])
def test_a_word_like_no_other_is_answered_with_the_words_there_are(word):
    assert f"{word!r} is not one of {', '.join(sources())} (looked for" in refusal(word)


@pytest.mark.parametrize(
    ("address", "answer"),
    [
        ("npz_sorce:NpzData", "sys.path; did you mean 'npz_source'?; install its package, or put its folder on "),
        ("npz_source.deep:NpzData", "no module 'npz_source.deep'"),
        ("npz_source:NpzDat", "npz_source.py): no class 'NpzDat' in it; did you mean 'NpzData'?"),
        ("npz_source:", "no class '' in it; in it: NpzData, Undivided"),
        ("npz_source:np", "no subclass of trainables.data.config.DataSource; trainables/data/config.py has"),
        ("npz_source:Unwritten", "lacks read; trainables/data/config.py has the contract"),
        (":NpzData", "cannot be imported"),
    ],
)  # fmt: skip
def test_an_address_that_leads_nowhere_is_refused_with_what_was_looked_for_and_where(packages, address, answer):
    assert answer in refusal(address)


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("import a_reader_of_rare_files", "needs the module 'a_reader_of_rare_files', which is absent"),
        ("1 / 0", "npz_source cannot be imported (ZeroDivisionError: division by zero); mend it"),
        ("def", "npz_source cannot be imported (SyntaxError: "),
    ],
)
def test_a_module_that_cannot_be_imported_is_refused_with_the_reason(packages, line, answer):
    (packages / "npz_source.py").write_text(f"{line}\n{NPZ_MODULE}")
    assert answer in refusal(NPZ_ADDRESS)


def test_an_entry_point_that_leads_nowhere_is_named(packages):
    install(packages, npz="npz_source:Gone")
    assert "'npz_source:Gone' (" in refusal("npz")


def index(names: tuple[str, ...], labels: list[int], pictures: int) -> SplitIndex:
    picture = ArrayPicture(np.zeros((2, 2), dtype=np.uint8), "x")
    return SplitIndex(names, np.array(labels, dtype=np.int64), (picture,) * pictures)


@pytest.mark.parametrize(
    ("part", "cause"),
    [
        (index(("a", "b"), [0], 2), "2 ids, 1 label, 2 pictures"),
        (index(("a", "b"), [0, 1], 1), "2 ids, 2 labels, 1 picture"),
        (index(("a", "b"), [0, 2], 2), "label 2, but 2 classes"),
        (index(("a", "b"), [0, -1], 2), "label -1, but 2 classes"),
        (index(("a", "a"), [0, 1], 2), "two images are called 'a'"),
    ],
)
def test_contents_that_contradict_themselves_are_refused(part, cause):
    with pytest.raises(DataError, match=f"^shoe box: .*{cause}"):
        Contents("shoe box", ("cat", "dog"), {"train": part})


def test_one_name_in_two_splits_is_refused():
    with pytest.raises(DataError, match="two images are called 'a'"):
        Contents("shoe box", ("cat", "dog"), {"train": index(("a",), [0], 1), "test": index(("a",), [1], 1)})


@pytest.mark.parametrize("source", [
    FolderData(path="~nosuchuser/photos"),
    TorchvisionData(source="torchvision", name="CIFAR10", root="~nosuchuser/sets"),
])  # fmt: skip
def test_the_home_of_nobody_is_a_folder_that_is_not_there(source):
    with pytest.raises(DataError, match=r"~nosuchuser/"):
        source.read()
