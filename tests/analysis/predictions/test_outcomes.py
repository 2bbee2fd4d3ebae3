"""What the runs of a table answered, whatever the order of its rows; what cannot be compared is refused."""

import pandas as pd
import pytest

from analysis.predictions import outcomes
from analysis.records.errors import RecordsError
from tests.support.synthetic_study import predictions


def test_the_order_of_rows_does_not_matter():
    rows = pd.concat([predictions("a", seed, accuracy=0.7) for seed in (1, 2)])
    one = outcomes.read_outcomes(rows, grouped=True)
    other = outcomes.read_outcomes(rows.sample(frac=1, random_state=0), grouped=True)
    assert one.runs["a"].correct.mean(axis=1).tolist() == other.runs["a"].correct.mean(axis=1).tolist()


def test_runs_on_different_images_are_refused():
    rows = pd.concat([predictions("a", 1, accuracy=0.7), predictions("b", 1, accuracy=0.7).iloc[1:]])
    with pytest.raises(RecordsError, match=r"predictions of b, seed 1 lack image 'test/0000\.jpg'"):
        outcomes.read_outcomes(rows, grouped=False)


def test_runs_that_disagree_about_a_label_are_refused():
    other = predictions("b", 1, accuracy=0.7).assign(label=lambda rows: (rows.label + 1) % 3)
    with pytest.raises(RecordsError, match="two labels or groups"):
        outcomes.read_outcomes(pd.concat([predictions("a", 1, accuracy=0.7), other]), grouped=False)


def test_an_image_predicted_twice_by_one_run_is_refused():
    rows = predictions("a", 1, accuracy=0.7)
    with pytest.raises(RecordsError, match="hold an image twice"):
        outcomes.read_outcomes(pd.concat([rows, rows]), grouped=False)


def test_a_class_unknown_to_the_data_set_is_refused():
    found = outcomes.read_outcomes(predictions("a", 1, accuracy=0.7), grouped=False)
    with pytest.raises(RecordsError, match="class 2, but the data set has classes 0 to 1"):
        outcomes.confusion(found.runs["a"], found.labels, 2)
