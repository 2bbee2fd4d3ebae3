"""The command line without Ray: help, plans, descriptions, and wrong input that ends in one line and exit code 2."""

from __future__ import annotations

import json
import os
import re
from importlib import metadata, resources
from pathlib import Path

import pytest
import typer
import yaml

from analysis.records.storage import Storage
from study.commands import running
from study.config.study_file import read_config
from tests.support.commands import machine
from tests.support.pictures import COLOURS, photo, photo_folder, save
from tests.support.study_files import small_study
from tests.support.synthetic_study import two_runs_each

COMMANDS = ("run", "resume", "plan", "schema", "status", "check", "report", "board", "data", "published")


@pytest.fixture
def photos(tmp_path) -> Path:
    return photo_folder(tmp_path / "photos")


@pytest.fixture
def study_file(tmp_path):
    """Writes a variation of the small study and gives its path; by default its data are the photos."""

    def write(**changes: object) -> Path:
        path = tmp_path / "study.yaml"
        path.write_text(yaml.safe_dump(small_study(**{"data": {"source": "folder", "path": "photos"}} | changes)))
        return path

    return write


def test_without_arguments_the_commands_are_listed(transfer_study):
    told = transfer_study()
    assert all(command in told.out + told.err for command in COMMANDS)


def test_help_names_every_command_with_what_it_does(transfer_study):
    told = transfer_study("--help")
    assert told.code == 0
    assert "equal compute" in told.out
    for command in COMMANDS:
        assert f" {command} " in told.out


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("run",), ("--budget", "--replicates", "--runs", "--out", "--address", "--set", "search at equal time")),
        (("resume",), ("nothing finished runs again", "--address")),
        (("plan",), ("run nothing", "--budget", "--replicates", "--runs")),
        (("schema",), ("JSON Schema", "editors", "--out")),
        (("status",), ("how far", "DIR")),
        (("check",), ("Verify", "Exit code 0", "DIR")),
        (("report",), ("from the records", "DIR")),
        (("board",), ("TensorBoard", "--port", "--host")),
        (("data",), ("describe", "fetch")),
        (("data", "describe"), ("classes", "STUDY")),
        (("data", "fetch"), ("unpack", "--to", "--from")),
    ],
)
def test_every_command_explains_itself(transfer_study, command, words):
    told = transfer_study(*command, "--help")
    assert told.code == 0
    for word in words:
        assert word in " ".join(told.out.split()), f"{word} is not in the help of {command}"


def test_the_version_is_that_of_the_installed_package(transfer_study):
    told = transfer_study("--version")
    assert (told.code, told.out) == (0, f"transfer-study {metadata.version('transfer-study')}\n")


@pytest.mark.parametrize(
    ("words", "position", "completed"),
    [("transfer-study re", 1, ["resume", "report"]), ("transfer-study run --bud", 2, ["--budget"])],
)
def test_the_shell_completes_commands_and_options(words, position, completed, transfer_study, monkeypatch):
    """As bash asks for it."""
    monkeypatch.setenv("_TRANSFER_STUDY_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(position))
    assert transfer_study().out.split() == completed


def test_the_schema_is_printed_and_written_as_it_is_shipped(transfer_study, tmp_path):
    shipped = (resources.files("study") / "config" / "study-file.schema.json").read_text()
    assert transfer_study("schema").out == shipped
    told = transfer_study("schema", "--out", "mine.json")
    assert (told.code, told.out) == (0, "")
    assert (tmp_path / "mine.json").read_text() == shipped


def test_a_schema_that_cannot_be_written_is_refused(transfer_study):
    complaint = transfer_study("schema", "--out", "nowhere/mine.json").complaint
    assert complaint == "nowhere/mine.json: cannot be written (No such file or directory); choose another with --out"


def test_a_command_that_does_not_exist_is_refused(transfer_study):
    assert transfer_study("rnu", "digits").code == 2


def test_a_missing_argument_is_refused(transfer_study):
    told = transfer_study("run")
    assert told.code == 2
    assert "STUDY" in told.err


def test_the_program_runs_as_a_module_too(tmp_path):
    with machine(tmp_path) as here:
        told = here.transfer_study("--help")
    assert (told.code, told.err) == (0, "")
    assert "transfer-study" in told.out


def test_a_missing_preset_or_file_is_refused_with_the_presets(transfer_study):
    assert "neither a file nor a preset; presets are" in transfer_study("run", "digit").complaint


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("final.runs", "not of the form KEY=VALUE"),
        ("final.run=3", "final.run: unknown key; did you mean 'runs'?"),
        ("final.runs=many", "final.runs: "),
        ("name.first=x", "name is no section"),
        ("final.runs=[", "not YAML"),
    ],
)
def test_an_override_that_cannot_be_used_is_refused(transfer_study, assignment, words):
    assert words in transfer_study("plan", "digits", "--set", assignment).complaint


@pytest.mark.parametrize("option", [("--budget", 3), ("--set", "budget.search_seconds=3")])
def test_a_budget_too_small_for_one_trial_is_refused(transfer_study, option):
    complaint = transfer_study("run", "digits", *option).complaint
    trial_s = read_config("digits").budget.trial_seconds
    assert f"budget.search_seconds: 3 s is too small for one trial of {trial_s:g} s" in complaint
    assert "raise the one or lower the other" in complaint


def test_options_are_checked_as_the_keys_that_they_override(transfer_study):
    assert "final.runs" in transfer_study("plan", "digits", "--runs", 0).complaint
    assert "replicates" in transfer_study("plan", "digits", "--replicates", 0).complaint


def test_a_missing_data_folder_is_refused(transfer_study, study_file):
    assert "photos" in transfer_study("run", study_file()).complaint


def test_a_class_that_is_in_one_split_only_is_refused_by_name(transfer_study, study_file, photos):
    save(photos / "train" / "purple" / "1.png", photo((200, 0, 200), 1))
    complaint = transfer_study("run", study_file()).complaint
    assert "purple" in complaint
    assert "valid" in complaint


def test_one_class_is_refused(transfer_study, study_file, tmp_path):
    photo_folder(tmp_path / "photos", classes=("red",))
    complaint = transfer_study("run", study_file()).complaint
    assert "class" in complaint
    assert "red" in complaint or "1" in complaint


@pytest.mark.parametrize("content", [b"", b"words, not pixels", b"\x89PNG\r\n\x1a\n"])
def test_a_corrupt_image_is_refused_by_name_with_the_way_to_leave_it_out(transfer_study, study_file, photos, content):
    (photos / "train" / "red" / "broken.png").write_bytes(content)
    complaint = transfer_study("run", study_file()).complaint
    assert "broken.png" in complaint
    assert "skip_corrupt" in complaint


def test_corrupt_images_can_be_skipped_and_are_counted_and_named(transfer_study, study_file, photos):
    (photos / "train" / "red" / "broken.png").write_bytes(b"words")
    path = study_file(data={"source": "folder", "path": "photos", "skip_corrupt": True})
    told = transfer_study("data", "describe", path)
    assert told.code == 0
    assert "Left out as not readable: 1" in told.out
    assert "train/red/broken.png" in told.out


def test_a_folder_whose_name_is_not_utf8_is_refused_with_the_name_escaped(transfer_study, photos):
    odd = photos.with_name(os.fsdecode(b"caf\xe9"))
    photos.rename(odd)
    assert r"caf\udce9) is not UTF-8; rename what it names" in transfer_study("data", "describe", odd).complaint


def test_scans_divided_into_training_and_testing_are_two_splits_not_two_classes(transfer_study, photos):
    (photos / "train").rename(photos / "Training")
    (photos / "test").rename(photos / "Testing")
    told = transfer_study("data", "describe", photos)
    assert told.code == 0
    assert "3 classes" in told.out


def test_the_same_image_in_two_splits_is_refused(transfer_study, study_file, photos):
    copy = (photos / "train" / "red" / "red0_0.png").read_bytes()
    (photos / "test" / "red" / "copy.png").write_bytes(copy)
    complaint = transfer_study("run", study_file()).complaint
    assert "copy.png" in complaint
    assert "allow_duplicates" in complaint


@pytest.mark.parametrize("below", ["file/study", "file"])
def test_an_output_directory_that_cannot_be_written_is_refused(transfer_study, tmp_path, below):
    (tmp_path / "file").write_text("in the way")
    complaint = transfer_study("run", "digits", "--out", below).complaint
    assert complaint.startswith(f"{below}: cannot be written (")
    assert "--out" in complaint


def test_storage_that_cannot_be_written_is_refused(transfer_study, tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert "cannot be written" in transfer_study("run", "digits", "--set", "storage=file").complaint


@pytest.mark.parametrize("command", ["status", "check", "resume", "report", "board"])
def test_a_directory_that_is_no_study_is_refused(transfer_study, tmp_path, command):
    complaint = transfer_study(command, tmp_path).complaint
    assert f"{tmp_path}: not a study directory" in complaint
    assert "give the directory of a study" in complaint


def test_a_directory_that_holds_a_study_already_is_refused(transfer_study, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "study.yaml").write_text("name: mine")
    complaint = transfer_study("run", "digits", "--out", "mine").complaint
    assert "mine: holds a study already; resume it" in complaint


def test_a_study_file_that_was_damaged_is_refused_by_name(transfer_study, tmp_path):
    (tmp_path / "study.yaml").write_text("name: [")
    assert "study.yaml: not" in transfer_study("status", tmp_path).complaint
    assert "study.yaml: not" in transfer_study("resume", tmp_path).complaint


def test_curves_that_do_not_exist_yet_cannot_be_shown(transfer_study, tmp_path):
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(small_study()))
    assert "no curves there yet" in transfer_study("board", tmp_path).complaint


def test_a_slot_larger_than_the_machine_is_refused(transfer_study):
    complaint = transfer_study("plan", "digits", "--set", "slot.cpus=4096").complaint
    assert "slot: 4096 CPUs" in complaint
    assert "ask for less" in complaint


def test_only_known_data_sets_are_fetched(transfer_study):
    assert "there is boats" in transfer_study("data", "fetch", "ships").complaint


def test_square_brackets_in_a_message_are_text(transfer_study):
    """Rich would take them for markup."""
    assert transfer_study("status", "[bold]here[/]").complaint.startswith("[bold]here[/]: ")


def test_a_refused_run_leaves_nothing_behind(transfer_study, study_file, tmp_path):
    path = study_file()
    before = sorted(tmp_path.rglob("*"))
    assert transfer_study("run", path, "--out", "refused").code == 2
    assert sorted(tmp_path.rglob("*")) == before


def test_a_plan_says_what_would_be_done_and_writes_nothing(transfer_study, study_file, photos, tmp_path):
    path = study_file(final__runs=3)
    told = transfer_study("plan", path)
    assert told.code == 0
    text = " ".join(told.out.split())
    assert "3 classes; 24 images to train on, 12 to validate, 18 to test" in text
    assert all(name in text for name in ("better_cnn", "fine_tune", "feature_svm"))
    assert "loguniform" in text
    assert "Slots found: " in text
    assert "4 s charged to each of 3 approaches, at most 2 s to a trial" in text
    assert "3 of each approach" in text
    assert "One search of each approach: the report can compare the configurations that these searches find" in text
    assert "`replicates: 5` tries it" in text
    assert "Timed here, in one slot: better_cnn: a step " in text
    assert len(re.findall("a trial's 2 s (?:buy|are) ", text)) == 3  # on a busy machine, warnings name them too
    assert "In all: about " in text
    assert "Smallest accuracy difference" in text
    assert {path.name for path in tmp_path.iterdir()} <= {"photos", "study.yaml", "cache"}


def test_a_plan_with_two_runs_of_each_warns_that_its_figure_is_too_good(transfer_study, study_file, photos):
    for runs, warnings in ((2, 1), (3, 0)):
        text = " ".join(transfer_study("plan", study_file(final__runs=runs), "--no-timing").out.split())
        assert text.count("warning: with two seeds of each of several approaches it is found in 55 to 75 %") == warnings


def test_a_plan_suggests_budgets_that_can_be_pasted(transfer_study, study_file, photos):
    only = {"better_cnn": small_study()["approaches"]["better_cnn"]}
    path = study_file(approaches=only)
    lines = transfer_study("plan", path, "--suggest").out.splitlines()
    (options,) = (line.split() for line in lines if line.startswith("  --set "))
    assert [option.split("=")[0] for option in options[1::2]] == ["budget.search_seconds", "budget.trial_seconds"]
    assert transfer_study("plan", path, "--no-timing", *options).code == 0


def test_an_approach_that_cannot_be_timed_is_a_line_of_the_plan(transfer_study, study_file, photos, monkeypatch):
    def broken(self, inputs):
        raise RuntimeError("no such kernel")

    monkeypatch.setattr("trainables.training.Training.predict", broken)
    told = transfer_study("plan", study_file(), "--suggest")
    assert (told.code, told.err) == (0, "")
    assert "better_cnn: could not be timed (RuntimeError: no such kernel)" in told.out
    assert "(without better_cnn, fine_tune, not timed)" in " ".join(told.out.split())


@pytest.mark.parametrize("option", [("--no-timing",), ("--address", "auto")])
def test_nothing_is_suggested_without_timing(transfer_study, option):
    assert transfer_study("plan", "digits", "--suggest", *option).complaint.startswith("--suggest: rests on timing")


def test_a_plan_follows_the_options(transfer_study):
    text = " ".join(
        transfer_study("plan", "digits", "--no-timing", "--budget", 7200, "--replicates", 3, "--runs", 7).out.split()
    )
    assert "2 h 0 min charged to each of 3 approaches 3 times over, 6 h 0 min in all" in text
    assert "7 of each approach, spread over the 3 searches" in text
    assert "One search of each approach" not in text


@pytest.mark.parametrize("command", [("data", "describe"), ("plan", "--no-timing")], ids=["describe", "plan"])
def test_what_takes_long_before_a_data_set_is_known_is_said_and_counted(command, transfer_study, study_file, photos):
    lines = transfer_study(*command, study_file()).out.splitlines()
    assert lines[0] == "Loading PyTorch"
    assert any("reading images: 0 of" in line for line in lines[1:4])


def test_data_are_described(transfer_study, study_file, photos):
    text = " ".join(transfer_study("data", "describe", study_file()).out.split())
    assert "3 classes" in text
    for name in COLOURS:
        assert f"{name} 8 4 6" in text
    assert "32 x 32 (54)" in text
    assert "Identical images in more than one split: 0" in text


@pytest.mark.parametrize(
    ("begun", "words"),
    [(True, "interrupted; `transfer-study resume study` goes on where it stopped\n"),
     (False, "interrupted; nothing is on record yet\n")],
)  # fmt: skip
def test_an_interrupted_study_is_said_to_go_on_if_something_is_on_record(begun, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    if begun:
        Storage("study").write_bytes("study.yaml", b"")

    def interrupted(progress):
        raise KeyboardInterrupt

    with pytest.raises(typer.Exit) as ended:
        running.finish(interrupted, "study")
    assert (ended.value.exit_code, capsys.readouterr().err) == (130, words)


def test_a_path_between_colons_is_printed_as_it_is_not_as_a_picture(transfer_study):
    assert "a:x:b" in transfer_study("status", "a:x:b").complaint
    assert "a:x:b/my_knn.py" in transfer_study("new-approach", "my_knn", "--to", "a:x:b").out


def test_report_of_a_file_of_predictions_is_that_of_the_analysis_alone(transfer_study, tmp_path):
    path, out = tmp_path / "runs.csv", tmp_path / "out"
    two_runs_each(("a", "b")).to_csv(path, index=False)
    told = transfer_study("report", str(path), "--out", str(out), "--margin", "0.02")
    assert told.code == 0, told.err
    report = json.loads((out / "report.json").read_text())
    assert report["verdict"] in " ".join(told.out.split())
    assert report["significance"]["margin"] == 0.02


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("runs.csv",), "runs.csv: say where its report goes, with --out DIR"),
        (("runs.csv", "--out", "out", "--alpha", "2"), "--alpha 2: must lie between 0 and 1"),
        (("missing.csv", "--out", "out"), "missing.csv: no such file"),
        (("study", "--margin", "0.1"), "--margin: of a file of predictions; a study's stands in its study file"),
    ],
)
def test_options_of_a_file_and_of_a_study_are_not_mixed(transfer_study, arguments, message):
    told = transfer_study("report", *arguments)
    assert (told.code, len(told.err.splitlines())) == (2, 1)
    assert message in told.err
