"""The real photographs, where they are at hand."""

from datetime import date
from pathlib import Path

import pytest

from study.config.study_file import read_config
from trainables.data.boats import fetch_boats
from trainables.data.dataset import open_dataset
from trainables.data.description import describe
from trainables.data.folders import FolderData
from trainables.errors import DataError

pytestmark = pytest.mark.slow

BOATS = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "boats-120x400.zip"


@pytest.mark.skipif(not BOATS.exists(), reason=f"the boat photographs are not at {BOATS}")
def test_the_boats_have_sixteen_classes_and_no_image_in_two_splits(tmp_path, own_cache):
    fetched = fetch_boats(tmp_path / "boats", url=str(BOATS))
    assert fetched.expected
    dataset = open_dataset(FolderData(path=str(fetched.path), groups=r"^\d{8}"))
    with pytest.raises(DataError, match=r"all test images belong to one group \('20130412'\)"):
        dataset.check()
    found = describe(dataset)
    assert len(found.classes) == 16
    assert found.images == {"train": 3474, "valid": 395, "test": 1324}
    assert found.image_sizes.common == (((120, 400), 5193),)
    assert found.duplicates == ()
    assert dataset.images("valid", (30, 100)).shape == (395, 30, 100, 3)


@pytest.mark.skipif(not BOATS.exists(), reason=f"the boat photographs are not at {BOATS}")
def test_the_boats_show_bursts_of_one_day_and_the_presets_group_them(tmp_path, own_cache):
    fetched = fetch_boats(tmp_path / "boats", url=str(BOATS))
    found = describe(open_dataset(FolderData(path=str(fetched.path))))
    assert found.test_days == (date(2013, 4, 12),)
    assert found.proposed_groups is not None
    assert found.proposed_groups.why.startswith("283 of 1,324 were taken within 10 s of another of their class")
    assert found.proposed_groups.groups == 558
    for preset in ("boats", "boats-cpu"):
        data = read_config(preset, {"data.path": str(fetched.path)}).data
        assert data.model_dump()["groups"] == found.proposed_groups.expression
        open_dataset(data).check()
