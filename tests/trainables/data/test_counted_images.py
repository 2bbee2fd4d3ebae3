"""How many images are read and decoded, as whoever watches is told."""

from __future__ import annotations

from tests.support.pictures import photo_folder
from trainables.data.dataset import open_dataset
from trainables.data.folders import FolderData
from trainables.data.image_cache import watched


def test_images_are_counted_when_they_are_read_and_when_they_are_decoded_and_not_when_they_are_known(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("TRANSFER_STUDY_CACHE", str(tmp_path / "cache"))
    data = FolderData(path=str(photo_folder(tmp_path / "photos")))
    told: list[tuple[str, int, int]] = []
    for _ in range(2):
        with watched(lambda *news: told.append(news)):
            dataset = open_dataset(data)
            images = dataset.images("test", (8, 6))
    everything = sum(map(len, dataset.splits.values()))
    assert [news for news in told if news[0] == "reading images"] == [
        *(("reading images", done, everything) for done in range(everything + 1)),
        ("reading images", 0, 0),
    ]
    assert [news for news in told if news[0] != "reading images"] == [
        ("decoding images at 8 x 6", done, len(images)) for done in range(len(images) + 1)
    ]
