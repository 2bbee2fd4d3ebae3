"""On a cluster, too, nothing is imported from the folder that somebody stands in but an approach that lies there."""

from __future__ import annotations

import json

import pytest

from tests.cluster.nodes import cluster, study_file
from tests.support.namesakes import imported, write_approach, write_namesakes

pytestmark = pytest.mark.cluster
NAMES = ("analysis.py", "trainables/__init__.py", "torch.py", "random.py")


def test_a_study_on_a_cluster_is_started_from_a_folder_of_files_that_are_called_as_what_it_imports(tmp_path):
    write_namesakes(tmp_path, *NAMES)
    mine = write_approach(tmp_path)
    study_file(tmp_path, approaches={"mine": mine, "other": mine | {"image_size": [14, 14]}})
    with cluster(tmp_path, 2) as here:
        told, complaints = (driver := here.start("run", "study.yaml", "--out", "study")).communicate()
    assert (driver.returncode, complaints) == (0, ""), told
    assert imported(tmp_path, *NAMES) == []
    assert set(json.loads((tmp_path / "study" / "report" / "report.json").read_text())["approaches"]) == {
        "mine",
        "other",
    }
