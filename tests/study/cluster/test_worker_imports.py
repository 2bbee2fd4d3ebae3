"""Where a worker looks for what it imports, asked of one of the installed Ray; and how far it says it is."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from ray.core.generated.common_pb2 import JobConfig as Sent

from study.cluster.imports import PROGRAM, OwnImports, folders
from tests.support.commands import machine

ASKED = """
import json, sys, ray
from study.cluster.counts import Counts
from study.cluster.connection import connected

with connected(None):
    path = ray.get(ray.remote(lambda: sys.path).remote())
    counts = Counts()
    count = ray.remote(lambda name, number: counts.writer(name)(number))
    ray.get([count.remote("one", 30), count.remote("other", 12)])
    told = [counts.sum()]
    counts.follow([count.remote("one", 40)], told.append)
    print(json.dumps({"path": path, "counted": [told[0], counts.sum()]}))
"""


@pytest.mark.parametrize("place", ["site-packages", "dist-packages"])
def test_of_an_installed_program_the_workers_are_told_no_folder(place):
    assert folders(Path("/env/lib") / place) == []


def test_where_the_program_lies_as_its_source_the_workers_look_there_first():
    assert folders(Path("/home/me/transfer-study")) == ["/home/me/transfer-study"]


def test_what_ray_adds_of_its_own_accord_does_not_travel():
    config = OwnImports()
    config._py_driver_sys_path.extend(["/where/the/script/lies", "/where/somebody/stands"])
    assert list(Sent.FromString(config._serialize()).py_driver_sys_path) == folders(PROGRAM)


@pytest.mark.slow
def test_the_installed_ray_does_not_have_workers_look_in_the_folder_of_the_driver_or_of_its_script(tmp_path):
    """Where this fails, Ray has changed: see in `connect` of ray/_private/worker.py what it tells the workers now."""
    script, here = tmp_path / "scripts" / "asked.py", tmp_path / "here"
    script.parent.mkdir()
    here.mkdir()
    script.write_text(ASKED)
    with machine(here) as computer:
        told = computer.finished([sys.executable, str(script)])
    assert told.code == 0, told.err
    found = json.loads(told.out.splitlines()[-1])
    assert not [folder for folder in found["path"] if folder in ("", str(here), str(script.parent))]
    assert str(PROGRAM) in found["path"]
    assert found["counted"] == [42, 0], "30 and 12; removed when all have ended"
