"""A data source written by a stranger, in a study file: read, refused, written back, and described by the command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from study.config.messages import ConfigError
from study.config.models import StudyConfig
from study.config.study_file import parse_config
from tests.support.strangers import NPZ_ADDRESS, install, stranger, write_images
from tests.support.study_files import small_study


@pytest.fixture
def packages(tmp_path) -> Iterator[Path]:
    with stranger(tmp_path / "packages") as folder:
        yield folder


def parsed(**data: object) -> StudyConfig:
    return parse_config(yaml.safe_dump(small_study(data=data)), name="study.yaml")


def refusal(**data: object) -> str:
    """The one line with which the section `data` is refused."""
    with pytest.raises(ConfigError) as caught:
        parsed(**data)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("source", [NPZ_ADDRESS, "npz"])
def test_a_strangers_section_is_read_and_written_back_with_all_its_keys(packages, source):
    install(packages, npz=NPZ_ADDRESS)
    config = parsed(source=source, path="photos.npz", valid_fraction=0.25)
    assert yaml.safe_load(config.to_yaml())["data"] == {
        "source": NPZ_ADDRESS,  # also where an entry point gave it a word, which another machine may not know
        "path": "photos.npz",
        "valid_fraction": 0.25,
        "test_fraction": 0.2,
        "split_seed": 0,
        "resplit": False,
        "allow_duplicates": False,
    }
    again = parse_config(config.to_yaml(), name="study.yaml")
    assert again == config
    assert type(again.data).__name__ == "NpzData"


@pytest.mark.parametrize(
    ("changes", "answer"),
    [
        ({"pth": "y"}, "study.yaml: data.pth: unknown key; did you mean 'path'? (accepted: source, "),
        ({"path": 3}, "study.yaml: data.path: input should be a valid string, but got 3"),
        ({"valid_fraction": 2}, "study.yaml: data.valid_fraction: input should be less than 1, but got 2"),
        ({"valid_fraction": 0.9}, "study.yaml: data: valid_fraction + test_fraction is 1.1; below 1"),
        ({"source": "npz_source:NpzDta"}, "study.yaml: data.source: 'npz_source:NpzDta' ("),
        ({"source": "npz_sourse:NpzData"}, "sys.path; did you mean 'npz_source'?; install"),
        ({"source": "npz"}, "study.yaml: data.source: 'npz' is not one of "),
    ],
)
def test_a_strangers_section_is_refused_as_the_programs_own_are(packages, changes, answer):
    assert answer in refusal(**{"source": NPZ_ADDRESS, "path": "x"} | changes)


def test_a_strangers_kind_of_folder_goes_by_its_address_and_keeps_all_keys_of_the_folder(packages):
    (packages / "npz_source.py").write_text(
        "from trainables.data.folders import FolderData\nclass Scans(FolderData):\n    slices: int = 3\n"
    )
    config = parsed(source="npz_source:Scans", path="x")
    written = yaml.safe_load(config.to_yaml())["data"]
    assert (written["source"], written["slices"], written["path"]) == ("npz_source:Scans", 3, "x")
    assert parse_config(config.to_yaml(), name="study.yaml") == config


def test_a_strangers_section_without_a_key_it_needs_is_refused(packages):
    assert refusal(source=NPZ_ADDRESS) == "study.yaml: data.path: missing; this key is needed"


def test_the_command_describes_a_strangers_data(packages, tmp_path, transfer_study):
    write_images(tmp_path / "photos.npz")
    study = small_study(data={"source": NPZ_ADDRESS, "path": "photos.npz"})
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study))
    told = transfer_study("data", "describe", "study.yaml")
    assert told.code == 0, told.err
    assert "photos.npz: 2 classes" in told.out
    assert "8 x 10 (40)" in told.out
