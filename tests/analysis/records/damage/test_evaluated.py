"""The predictions that the records say were evaluated are there, whole and as accurate as on record; or are named."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.records.damage.evaluated import Evaluated, joined
from analysis.records.errors import RecordsError
from analysis.records.predictions import parquet_of, read_parquet
from analysis.records.reading import predictions_of, read_records, read_study
from analysis.records.store import Store
from tests.support.damages import PREDICTED
from tests.support.synthetic_study import INCUMBENTS, StudyWriter, predictions, write_finished_study

RUN = "better_cnn-r0-seed0"


def rewritten(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Path], object]:
    def rewrite(path: Path) -> None:
        change(pd.read_parquet(path)).to_parquet(path)

    return rewrite


def labelled(frame: pd.DataFrame, row: int, label: int) -> pd.DataFrame:
    return frame.assign(label=frame.label.where(frame.index != row, label))


LOST: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda path: path.unlink(), "missing, and its run was evaluated"),
    "empty": (lambda path: path.write_bytes(b""), "not a Parquet file, or a damaged one"),
    "cut": (lambda path: path.write_bytes(path.read_bytes()[:-100]), "not a Parquet file, or a damaged one"),
    "a row fewer": (rewritten(lambda frame: frame.iloc[1:]), "119 rows, and the test split has 120 images"),
    "no row": (rewritten(lambda frame: frame.iloc[:0]), "0 rows, and the test split has 120 images"),
    "no column of labels": (rewritten(lambda frame: frame.drop(columns="label")), "lack the column 'label'"),
    "another accuracy": (
        rewritten(lambda frame: frame.assign(prediction=frame.label)),
        r"its accuracy is 1, and 0\.\d+ is on record",
    ),
    "another run": (rewritten(lambda frame: frame.assign(seed=1)), "not those of better_cnn, final run 0"),
    "another approach": (rewritten(lambda frame: frame.assign(approach="fine_tune")), "not those of better_cnn"),
    "an image twice": (rewritten(lambda frame: frame.assign(image="x.png")), "more than once"),
    "a class too many": (
        rewritten(lambda frame: frame.assign(prediction=7)),
        "class 7, and the data set has classes 0 to 2",
    ),
    "text as labels": (rewritten(lambda frame: frame.assign(label="a")), "labels that are no whole numbers"),
    "text as seeds": (rewritten(lambda frame: frame.assign(seed="0")), "seeds that are no whole numbers"),
    "a list as prediction": (
        rewritten(lambda frame: frame.assign(prediction=[[1]] * len(frame))),
        "predictions that are no whole numbers",
    ),
    "negative labels": (rewritten(lambda frame: frame.assign(label=-1)), "the label -1; they are counted from 0"),
    "p_99": (rewritten(lambda frame: frame.assign(p_99=0.0)), "the column 'p_99' among 4 of probabilities"),
    "probabilities of 2": (rewritten(lambda frame: frame.assign(p_0=2.0)), r"p_0 of row 0 is 2; a probability lies in"),
    "text as probabilities": (rewritten(lambda frame: frame.assign(p_0="a")), "no numbers in p_0"),
}


@pytest.mark.parametrize("kind", LOST)
def test_predictions_that_were_evaluated_and_are_not_as_then_are_named_with_the_mend(study_dir, kind):
    damage, words = LOST[kind]
    damage(Path(study_dir, PREDICTED))
    with pytest.raises(RecordsError, match=words) as e:
        read_study(study_dir)
    assert str(e.value).startswith(f"{study_dir}/{PREDICTED}: ")
    assert str(e.value).endswith(f"; `transfer-study resume {study_dir}` does that run again")
    records = read_records(study_dir)
    assert list(predictions_of(Store(study_dir), records.events, records.data).lost) == [RUN]


@pytest.fixture(scope="module")
def file() -> bytes:
    return parquet_of(predictions("a", 0, accuracy=0.5, images=40))


def read_with_changes(file: bytes, read: Callable[[bytes], pd.DataFrame]) -> list[pd.DataFrame]:
    """What is read where a bit in the file is turned over, as far as it can be read at all."""
    read_ = []
    for at in range(0, len(file), 11):
        changed = bytes([*file[:at], file[at] ^ 4, *file[at + 1 :]])
        with suppress(RecordsError, pa.ArrowException, OSError):
            read_.append(read(changed))
    return read_


@pytest.mark.slow
def test_a_bit_that_is_turned_over_is_an_error_or_changes_nothing_thanks_to_checksums(file):
    whole = read_parquet(file).to_pandas()
    found = read_with_changes(file, lambda changed: read_parquet(changed).to_pandas())
    assert [other for other in found if not other.equals(whole)] == []
    unchecked = read_with_changes(
        file, lambda changed: pq.read_table(pa.BufferReader(changed)).replace_schema_metadata().to_pandas()
    )
    assert [other for other in unchecked if not other.equals(whole)], "so that the test above tests something"


def test_predictions_without_probabilities_stand_beside_others(file):
    full = read_parquet(file).to_pandas()
    bare = full.drop(columns=["p_0", "p_1", "p_2"]).assign(approach="b", group=None)
    tables = {"a": read_parquet(file), "b": read_parquet(parquet_of(bare))}
    together = joined(Evaluated(tables, {}, {}))
    assert len(together) == 2 * len(full)
    assert together.p_0.isna().sum() == len(full)


def test_predictions_whose_run_is_not_evaluated_yet_are_none_so_far(study_dir):
    """The run was interrupted between the two, and will be done again."""
    Path(study_dir, f"records/{RUN}/0003-evaluated.json").unlink()
    found = read_study(study_dir).predictions
    assert set(found.seed[found.approach == "better_cnn"]) == {1, 2}


def test_predictions_of_a_run_that_counts_no_more_are_not_needed(study_dir):
    """A search that went on found a better configuration; its final runs take the place of those before."""
    writer = StudyWriter(Path(study_dir))
    writer.now = 3_000.0
    better = {**INCUMBENTS["better_cnn"], "epochs": 21}
    rows = predictions("better_cnn", 3, accuracy=0.7).assign(group=None)
    writer.final("better_cnn", 3, rows, params=better)
    Path(study_dir, PREDICTED).unlink()
    found = read_study(study_dir).predictions
    assert set(found.seed[found.approach == "better_cnn"]) == {3}


def test_predictions_that_changed_since_the_report_in_a_way_that_keeps_the_accuracy_are_found(tmp_path):
    study = write_finished_study(tmp_path / "study")
    path = Path(study, PREDICTED)
    frame = pd.read_parquet(path)
    frame.assign(image=frame.image[::-1].to_numpy()).to_parquet(path)
    with pytest.raises(RecordsError, match=rf"{RUN}\.parquet: not as the last report read it; `transfer-study resume"):
        read_study(study)


def test_runs_that_are_done_again_are_not_held_to_what_a_report_had_read(tmp_path):
    study = write_finished_study(tmp_path / "study")
    store = Store(study)
    before = store.sums()
    store.forget_predictions([RUN])
    assert before.keys() - store.sums().keys() == {PREDICTED}
