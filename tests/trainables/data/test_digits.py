"""The digits that come with scikit-learn."""

import pytest

from trainables.data.dataset import open_dataset
from trainables.data.digits import DigitsData

pytestmark = pytest.mark.usefixtures("own_cache")


def test_the_digits_have_ten_training_images_a_class_and_leave_the_rest_for_the_test():
    dataset = open_dataset(DigitsData())
    dataset.check()
    assert dataset.classes == tuple("0123456789")
    assert dataset.counts["train"] == (10,) * 10
    assert dataset.counts["valid"] == (20,) * 10
    assert len(dataset.splits["test"]) == 1497
    assert len(set().union(*(part.ids for part in dataset.splits.values()))) == 1797


def test_digits_are_gray_and_use_the_full_range():
    images = open_dataset(DigitsData()).images("train", (8, 8))
    assert images.shape == (100, 8, 8, 3)
    assert (images.min(), images.max()) == (0, 255)
    assert (images == images[..., :1]).all()


def test_the_seed_of_the_digits_draws_others():
    first, second = (open_dataset(DigitsData(split_seed=seed)).splits["train"].ids for seed in (0, 1))
    assert first != second
