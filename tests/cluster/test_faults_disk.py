"""The disk that a study is kept on is full, or refuses to be written."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cluster.nodes import cluster, study_file
from tests.cluster.soundness import assert_sound

pytestmark = pytest.mark.cluster
NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"]
# A study ends for want of room on a small disk; the disk grows, and the study goes on. What is left is copied out of
# the namespace, which is the only place that sees the disk.
STORY = """
set -u
mount -t tmpfs -o size=$ROOM tmpfs study || exit 90
"$@" run study.yaml --out study/mine >first.out 2>first.err; echo $? >first.code
cp -r study/mine before
cp -r diary diary-before
mount -o remount,size=64m study || exit 91
"$@" resume study/mine >second.out 2>second.err; echo $? >second.code
cp -r study/mine after
"""
# The folders of records and checkpoints refuse to be written from some moment on. (To remount the whole file system is
# refused, as curves are open for writing; a kernel that has seen an error does not ask.)
REFUSING = """
set -u
mount -t tmpfs -o size=64m tmpfs study || exit 90
"$@" run study.yaml --out study/mine >first.out 2>first.err & driver=$!
until ls study/mine/records/*/*-validated.json >seen 2>/dev/null; do kill -0 $driver || exit 91; sleep 0.1; done
for each in records phases checkpoints; do
    mkdir -p study/mine/$each
    mount --bind study/mine/$each study/mine/$each || exit 92
    until mount -o remount,bind,ro study/mine/$each 2>/dev/null; do sleep 0.01; done
done
wait $driver; echo $? >first.code
cp -r study/mine before
for each in records phases checkpoints; do mount -o remount,bind,rw study/mine/$each || exit 93; done
"$@" resume study/mine >second.out 2>second.err; echo $? >second.code
cp -r study/mine after
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder in which file systems can be mounted; skips where that is not allowed."""
    (tmp_path / "study").mkdir()
    if shutil.which("unshare") is None:
        pytest.skip("a small disk needs `unshare`")
    tried = subprocess.run([*NAMESPACE, "mount", "-t", "tmpfs", "tmpfs", "study"], cwd=tmp_path, capture_output=True)
    if tried.returncode:
        pytest.skip(f"a small disk cannot be mounted here ({tried.stderr.decode().strip()})")
    return tmp_path


def test_a_full_disk_ends_a_study_in_one_line_and_with_more_room_it_goes_on(folder):
    study_file(folder, final={"runs": 1, "trial_seconds": 1})
    with cluster(folder) as here:
        told = here.run([*NAMESPACE, "sh", "-c", STORY, "story", *here.command], ROOM="300k")
    assert told.returncode == 0, told.stderr
    (complaint,) = (folder / "first.err").read_text().splitlines()
    assert complaint.startswith("error: ")
    assert "(No space left on device); make room, then resume the study" in complaint
    assert (folder / "first.code").read_text() == "2\n"
    assert_sound(folder / "before", folder / "diary-before", disk_was_full=True)
    assert (folder / "second.err").read_text() == ""
    assert (folder / "second.code").read_text() == "0\n"
    assert_sound(folder / "after", here.diary, disk_was_full=True)
    assert records(folder / "before").items() <= records(folder / "after").items()


def test_a_disk_that_becomes_read_only_ends_a_study_in_one_line_and_when_it_can_be_written_it_goes_on(folder):
    study_file(folder, final={"runs": 1, "trial_seconds": 1})
    with cluster(folder) as here:
        told = here.run([*NAMESPACE, "sh", "-c", REFUSING, "refusing", *here.command])
    assert told.returncode == 0, told.stderr
    (complaint,) = (folder / "first.err").read_text().splitlines()
    assert complaint.startswith("error: ")
    assert "Read-only file system" in complaint
    assert (folder / "first.code").read_text() == "2\n"
    assert_sound(folder / "before", None)
    assert (folder / "second.err").read_text() == ""
    assert (folder / "second.code").read_text() == "0\n"
    assert_sound(folder / "after", here.diary, disk_was_full=True)
    assert records(folder / "before").items() <= records(folder / "after").items()


def records(study: Path) -> dict[str, bytes]:
    return {str(path.relative_to(study)): path.read_bytes() for path in (study / "records").rglob("*.json")}
