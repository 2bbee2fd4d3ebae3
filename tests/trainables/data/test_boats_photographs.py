"""The real photographs, where they are at hand."""

from pathlib import Path

import pytest

from trainables.data.boats import fetch_boats
from trainables.data.dataset import describe, open_dataset
from trainables.data.folders import FolderData
from trainables.errors import DataError

pytestmark = pytest.mark.slow

BOATS = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "boats-120x400.zip"


@pytest.mark.skipif(not BOATS.exists(), reason=f"the boat photographs are not at {BOATS}")
def test_the_boats_have_sixteen_classes_and_no_image_in_two_splits(tmp_path, own_cache):
    fetched = fetch_boats(tmp_path / "boats", url=str(BOATS))
    assert fetched.expected
    dataset = open_dataset(FolderData(path=str(fetched.path), groups=r"^\d{8}"))
    with pytest.raises(DataError, match="all test images belong to one group '20130412'"):
        dataset.check()
    found = describe(dataset)
    assert len(found.classes) == 16
    assert found.images == {"train": 3474, "valid": 395, "test": 1324}
    assert found.image_sizes.common == (((120, 400), 5193),)
    assert found.duplicates == ()
    assert dataset.images("valid", (30, 100)).shape == (395, 30, 100, 3)
