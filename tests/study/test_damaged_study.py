"""Every command that reads a study says in one line what is wrong with it, before anything runs."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.records.reading import read_records
from study.place import StudyError, refuse_incomplete
from tests.support.damages import DAMAGES, PREDICTED, STARTED, fields, lost
from tests.support.synthetic_study import write_finished_study

pytestmark = pytest.mark.slow
COMMANDS = {
    "status": ("status",),
    "report": ("report",),
    "export": ("export", "--table", "t.csv"),
    "board": ("board",),
    "resume": ("resume",),
    "extend": ("extend", "--replicates", "2"),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(write_finished_study(tmp_path_factory.mktemp("whole") / "study"))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_damaged_study_is_refused_with_the_name_of_the_file(whole, tmp_path, transfer_study, command):
    for damage, _ in DAMAGES.values():
        study = Path(shutil.copytree(whole, tmp_path / "study"))
        damage(study)
        name, *options = COMMANDS[command]
        complaint = transfer_study(name, "study", *options).complaint
        assert complaint.startswith("study/")
        assert len(complaint) <= 300
        shutil.rmtree(study)


@pytest.mark.parametrize("command", ["status", "report", "export", "extend"])
def test_lost_predictions_are_named_with_the_command_that_mends_it(whole, tmp_path, transfer_study, command):
    study = Path(shutil.copytree(whole, tmp_path / "study"))
    lost(PREDICTED)(study)
    name, *options = COMMANDS[command]
    complaint = transfer_study(name, "study", *options).complaint
    assert complaint == (
        f"study/{PREDICTED}: missing, and its run was evaluated; `transfer-study resume study` does that run again"
    )


def test_check_says_a_line_a_rule_and_ends_with_0_or_1_or_2(whole, tmp_path, transfer_study):
    study = Path(shutil.copytree(whole, tmp_path / "study"))
    told = transfer_study("check", "study")
    assert (told.code, told.err) == (0, "")
    assert told.out.splitlines()[-1] == "sound"
    fields(STARTED, seed=3)(study)
    told = transfer_study("check", "study")
    assert told.code == 1
    assert f"{STARTED}: not as the last report read it" in told.out
    assert told.out.splitlines()[-1].endswith(" findings")
    assert "no such directory" in transfer_study("check", "nowhere").complaint


def test_a_study_without_what_going_on_needs_is_not_resumed(whole, tmp_path):
    records = read_records(str(whole))
    known = records.events.assign(origin="suggested")
    refuse_incomplete(replace(records, events=known))
    with pytest.raises(StudyError, match=r"data\.json: missing; restore it"):
        refuse_incomplete(replace(records, data=None))
    study = Path(shutil.copytree(whole, tmp_path / "study"))
    (study / "SHA256SUMS").unlink()
    lost("records/fine_tune-r0-0003/0002-finished.json")(study)
    with pytest.raises(StudyError, match=r"fine_tune-r0-0003/0000-started\.json: does not say where its hyperparam"):
        refuse_incomplete(read_records(str(study)))
