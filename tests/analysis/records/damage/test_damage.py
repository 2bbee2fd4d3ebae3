"""What cannot stand in the records of a study is named in one line; what a study survives is not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from analysis.checking.check import check_study
from analysis.records.errors import RecordsError
from analysis.records.reading import read_records, read_study
from analysis.records.store import Store
from analysis.records.trials import trial_table
from tests.support.damages import DAMAGES, ENDED, PREDICTED, fields, lost
from tests.support.synthetic_study import StudyWriter, write_finished_study


@pytest.mark.parametrize("kind", DAMAGES)
def test_damage_is_named_in_one_line_with_its_file(study_dir, kind):
    damage, words = DAMAGES[kind]
    damage(Path(study_dir))
    for read in (read_study, read_records):
        with pytest.raises(RecordsError, match=words) as e:
            read(study_dir)
        assert "\n" not in str(e.value)
        assert str(e.value).startswith(study_dir)
        assert len(str(e.value)) - len(study_dir) <= 240


@pytest.mark.parametrize(
    "name",
    [
        *(
            ".DS_Store",
            "._0000-started.json",
            "Thumbs.db",
            "desktop.ini",
            "0000-started.json~",
            "0000-started.json.bak",
        ),
        *(".0000-started.json.swp", "#0000-started.json#", ".#0000-started.json", "0000-started.json.part"),
        *("@eaDir/0000-started.json", ".fseventsd/1.json", "~$0000-started.json"),
    ],
)
def test_what_systems_and_editors_leave_beside_records_is_passed_over(study_dir, name):
    before = read_study(study_dir)
    for folder in ("records/fine_tune-r0-0002", "records", "phases", "features", "predictions", "looks"):
        path = Path(study_dir, folder, name)
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(b"\x00\x05\x16\x07")
    now = read_study(study_dir)
    assert (len(now.events), len(now.predictions), now.phases) == (
        len(before.events),
        len(before.predictions),
        before.phases,
    )


def test_phases_are_numbered_past_what_others_leave_beside_them(tmp_path):
    writer = StudyWriter(tmp_path)
    writer.phase("search", "started", slots=1)
    (tmp_path / "phases" / "._0000-search-started.json").write_bytes(b"\x00")
    writer.phase("search", "finished")
    assert writer.store.own("phases") == ["phases/0000-search-started.json", "phases/0001-search-finished.json"]


def test_a_trial_without_an_end_is_one_that_still_runs(study_dir):
    lost(ENDED)(Path(study_dir))
    trials = trial_table(read_study(study_dir).events).set_index("trial")
    assert trials.status["fine_tune-r0-0002"] == "running"


def test_a_clock_that_was_set_back_by_hours_is_no_damage(study_dir):
    """All that was written from some moment on has earlier times."""
    for path in Path(study_dir).rglob("*.json"):
        content = json.loads(path.read_text())
        if content.get("time", 0) > 1_050:
            path.write_text(json.dumps({**content, "time": content["time"] - 1_000}))
    assert len(read_study(study_dir).predictions) == 9 * 120


def test_a_clock_that_was_days_ahead_in_the_first_session_is_no_damage(study_dir):
    for path in Path(study_dir, "phases").glob("*.json"):
        content = json.loads(path.read_text())
        path.write_text(json.dumps({**content, "time": content["time"] + 3 * 86_400}))
    assert len(read_study(study_dir).predictions) == 9 * 120
    assert check_study(study_dir).findings == ()


def test_a_clock_that_was_set_back_within_one_long_step_keeps_no_study_from_going_on(study_dir):
    """Fitting a support vector machine writes nothing on its way; `check` says what may have been."""
    fields("records/feature_svm-r0-0000/0002-finished.json", lost_s=600.0)(Path(study_dir))
    assert len(read_study(study_dir).predictions) == 9 * 120
    assert any("clock was set back" in finding for finding in check_study(study_dir).findings)


def test_more_than_ten_thousand_records_of_a_trial_are_in_order_by_their_numbers(tmp_path):
    writer = StudyWriter(tmp_path)
    writer.store.write_bytes(
        "study.yaml", b"{name: n, approaches: {a: {}}, budget: {search_seconds: 9, trial_seconds: 9}}"
    )
    identity = {"approach": "a", "phase": "search", "index": 0}
    for order in (0, *range(9_998, 10_001)):
        writer.event("a-r0-0000", order, "heartbeat" if order else "started", **identity)
    names = writer.store.own("records")
    assert [int(name.split("/")[-1].split("-")[0]) for name in names] == [0, 9_998, 9_999, 10_000]


def test_a_digit_that_has_changed_since_the_report_is_found_by_the_digest_of_the_file(tmp_path):
    study = write_finished_study(tmp_path / "study")
    fields(ENDED, charged_s=19.5)(Path(study))
    with pytest.raises(
        RecordsError, match=r"0002-finished\.json: not as the last report read it; restore it .*SHA256SUMS"
    ):
        read_study(study)
    Path(study, "SHA256SUMS").unlink()
    assert read_study(study).events.charged_s.max() == 20.0


def test_the_last_record_of_a_trial_that_a_report_has_read_is_missed(tmp_path):
    study = write_finished_study(tmp_path / "study")
    lost(ENDED)(Path(study))
    with pytest.raises(RecordsError, match=r"0002-finished\.json: missing, and the last report read it"):
        read_study(study)


def test_digests_that_are_none_are_named(tmp_path):
    study = write_finished_study(tmp_path / "study")
    Path(study, "SHA256SUMS").write_text("words\n")
    with pytest.raises(RecordsError, match=r"SHA256SUMS: line 1 is no digest and name; delete it"):
        read_study(study)


def test_a_study_that_is_written_to_meanwhile_is_read_again(study_dir, monkeypatch):
    """A listing may miss a file that is written while it is made, and hold the one after it."""
    name, listings = "records/fine_tune-r0-0002/0001-validated.json", []
    own = Store.own

    def late(self: Store, folder: str) -> list[str]:
        names = own(self, folder)
        listings.append(folder)
        return [one for one in names if one != name] if listings.count("records") <= 3 else names

    monkeypatch.setattr(Store, "own", late)
    assert len(read_records(study_dir).events) == len(list(Path(study_dir).glob("records/*/*")))


def test_predictions_that_are_written_while_a_study_is_read_are_read_again(study_dir, monkeypatch):
    """They are missing as long as the listing of before is looked at, and their run was evaluated."""
    own, listings = Store.own, []

    def late(self: Store, folder: str) -> list[str]:
        names = own(self, folder)
        listings.append(folder)
        late = listings.count("predictions") <= 4  # those of the first attempt
        return [one for one in names if one != PREDICTED] if late else names

    monkeypatch.setattr(Store, "own", late)
    assert len(read_study(study_dir).predictions) == 9 * 120


def test_the_digests_of_very_many_records_are_more_than_any_record_has(tmp_path, monkeypatch):
    study = write_finished_study(tmp_path / "study")
    sums, *others = (Path(study, name).stat().st_size for name in ("SHA256SUMS", "study.yaml", "data.json"))
    looks = [path.stat().st_size for path in Path(study, "looks").iterdir()]
    most = max(*others, *looks)
    assert most < sums
    for module in ("analysis.records.store", "analysis.checking.reading"):
        monkeypatch.setattr(f"{module}.LARGEST", most)
    assert len(read_study(study).predictions) == 9 * 120
    assert not [one for one in check_study(study).findings if "SHA256SUMS" in one]


@pytest.mark.parametrize("name", ["study.yaml", "data.json", "environment.json", "SHA256SUMS"])
def test_a_folder_or_pipe_in_the_place_of_a_file_is_no_file(study_dir, name):
    path = Path(study_dir, name)
    path.unlink(missing_ok=True)
    path.mkdir()
    with pytest.raises(RecordsError, match=f"{name}: no file that could be read"):
        read_study(study_dir)


def test_links_that_lead_in_circles_end_in_one_line(study_dir):
    """Whoever follows two of them goes through 2 to the 40th folders."""
    for name in ("here", "there"):
        Path(study_dir, "records", name).symlink_to(".", target_is_directory=True)
    with pytest.raises(RecordsError, match=r"records/(t?here): a link to a folder, which no study has; take it out"):
        read_study(study_dir)
    assert any("a link to a folder" in one for one in check_study(study_dir).findings)


def test_a_copy_of_the_study_reads_the_same(tmp_path):
    study = write_finished_study(tmp_path / "study")
    shutil.copytree(study, tmp_path / "copy")
    assert len(read_study(str(tmp_path / "copy")).events) == len(read_study(study).events)
