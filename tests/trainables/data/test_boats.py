"""Fetching the boats, from a server on this machine and from zips made here."""

import errno
import io
import itertools
import shutil
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZIP_LZMA, ZipFile, ZipInfo

import pytest
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st

from trainables.data import boats
from trainables.data.boats import BOATS_COUNTS, fetch_boats
from trainables.errors import DataError

ROOT = Path(__file__).resolve().parents[3]
JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 8


def archive(*, prefix: str = "", splits=("train", "valid", "test"), classes=("Topa", "Water"), extra=()) -> bytes:
    """A small zip in the layout of the course's archive, with what lies about in the true one."""
    content = io.BytesIO()
    with ZipFile(content, "w", ZIP_DEFLATED) as opened:
        for split in splits:
            for name in classes:
                for number in range({"train": 3, "valid": 1, "test": 2}[split]):
                    opened.writestr(f"{prefix}{split}/{name}/2013_{number}.jpg", JPEG)
            opened.writestr(f"{prefix}{split}/.DS_Store", b"\0")
        opened.writestr(f"{prefix}train/split.groovy", b"def split")
        opened.writestr(f"{prefix}Resnet50Features.zip", b"PK")
        opened.writestr("__MACOSX/train/Topa/._2013_0.jpg", b"\0")
        for member, text in extra:
            opened.writestr(member, text)
    return content.getvalue()


class Server(ThreadingHTTPServer):
    """Answers every request with the same bytes, and says it will be `announced` of them."""

    content = b""
    announced: int | None = None
    status = 200
    endless = False
    url = ""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.send_response(self.server.status)
        if self.server.announced is not None:
            self.send_header("Content-Length", str(self.server.announced))
        self.end_headers()
        with suppress(ConnectionError):  # the reader may have had enough
            self.wfile.write(self.server.content)
            while self.server.endless:
                self.wfile.write(self.server.content)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as running:
        running.url = f"http://127.0.0.1:{running.server_port}/download"
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def zipped(path: Path, **options) -> str:
    path.write_bytes(archive(**options))
    return str(path)


def refusal(target: Path, url: str) -> str:
    """The one line of a refused fetch, which leaves nothing behind."""
    before = sorted(target.parent.iterdir())
    with pytest.raises(DataError) as caught:
        fetch_boats(target, url=url)
    assert sorted(target.parent.iterdir()) == before
    assert len(str(caught.value)) <= 300
    assert str(caught.value).isprintable()
    return str(caught.value)


@pytest.mark.parametrize("prefix", ["", "boats/", "a/deep/folder/"])
def test_the_archive_is_downloaded_and_only_its_images_unpacked(server, tmp_path, prefix):
    server.content = archive(prefix=prefix)
    server.announced = len(server.content)
    seen: list[tuple[int, int | None]] = []
    found = fetch_boats(tmp_path / "data" / "boats", url=server.url, progress=lambda *progress: seen.append(progress))
    assert found.counts == {"train": 6, "valid": 2, "test": 4}
    assert not found.expected
    assert not found.already_there
    files = {path.relative_to(found.path).as_posix() for path in found.path.rglob("*") if path.is_file()}
    assert len(files) == 12
    assert (found.path / "test" / "Topa" / "2013_1.jpg").read_bytes() == JPEG
    assert list(found.path.parent.iterdir()) == [found.path]
    assert seen[-1] == (server.announced, server.announced)


def test_a_server_that_announces_no_length_is_served_too(server, tmp_path):
    server.content = archive()
    seen: list[tuple[int, int | None]] = []
    fetch_boats(tmp_path / "boats", url=server.url, progress=lambda *progress: seen.append(progress))
    assert seen[-1] == (len(server.content), None)


def test_a_zip_on_this_machine_will_do(tmp_path):
    assert fetch_boats(tmp_path / "boats", url=zipped(tmp_path / "boats.zip")).path == tmp_path / "boats"


def test_the_published_counts_are_recognised(tmp_path, monkeypatch):
    monkeypatch.setitem(BOATS_COUNTS, "train", 6)
    monkeypatch.setitem(BOATS_COUNTS, "valid", 2)
    monkeypatch.setitem(BOATS_COUNTS, "test", 4)
    assert fetch_boats(tmp_path / "boats", url=zipped(tmp_path / "boats.zip")).expected


def test_what_is_there_already_is_not_fetched_again(tmp_path):
    fetch_boats(tmp_path / "boats", url=zipped(tmp_path / "boats.zip"))
    found = fetch_boats(tmp_path / "boats", url="http://127.0.0.1:1/nobody")
    assert found.already_there
    assert found.counts == {"train": 6, "valid": 2, "test": 4}


def test_a_folder_with_something_else_is_in_the_way(tmp_path):
    (tmp_path / "boats" / "photos").mkdir(parents=True)
    assert "not the same classes, two or more, in train, valid and test" in refusal(tmp_path / "boats", "unused.zip")


def test_a_download_cut_short_is_noticed(server, tmp_path):
    server.content = archive()
    server.announced = len(server.content) + 1000
    message = refusal(tmp_path / "boats", server.url)
    assert message.endswith(f"broke off after {len(server.content):,} of {server.announced:,} bytes; try again")


def test_an_archive_cut_short_is_no_zip(server, tmp_path):
    server.content = archive()[:-200]
    assert "not a whole zip archive" in refusal(tmp_path / "boats", server.url)


def test_a_page_instead_of_the_archive_is_no_zip(server, tmp_path):
    server.content = b"<html>log in first</html>"
    message = refusal(tmp_path / "boats", server.url)  # said after the first bytes, so that an endless answer ends too
    assert message == f"{server.url}: not a zip archive (its first bytes are b'<html>log in'); give another url"


def test_a_damaged_image_is_noticed_by_its_checksum(tmp_path):
    content = bytearray(archive())
    start = content.index(b"train/Topa/2013_0.jpg") + len("train/Topa/2013_0.jpg")
    content[start + 20 : start + 24] = b"\0\0\0\0"
    (tmp_path / "boats.zip").write_bytes(content)
    assert "not a whole zip archive" in refusal(tmp_path / "boats", str(tmp_path / "boats.zip"))


def test_an_answer_that_is_an_error_is_given_with_its_number(server, tmp_path):
    server.status = 404
    assert f"{server.url}: the server answers 404 Not Found" in refusal(tmp_path / "boats", server.url)


@pytest.mark.parametrize(
    ("url", "cause"),
    [
        ("http://127.0.0.1:1/nobody", "cannot be downloaded (Connection refused)"),
        ("gopher://127.0.0.1/boats", "cannot be downloaded; give a url of http or https, or the path of a zip"),
        ("file:///dev/zero", "cannot be downloaded; give a url of http or https, or the path of a zip"),
        ("/dev/zero", "cannot be read (a pipe, socket or device, not a file)"),
        ("http://[", "not a url"),
        ("nowhere.zip", "cannot be read (No such file or directory)"),
        (".", "cannot be read (Is a directory)"),
    ],
)
def test_what_cannot_be_read_is_told_in_one_line(tmp_path, url, cause):
    assert f"{url}: {cause}" in refusal(tmp_path / "boats", url)


@pytest.mark.parametrize(
    "name", ["../outside.jpg", "train/../../../outside.jpg", "/etc/train/Topa/a.jpg", "train\\Topa\\a.jpg", "C:/a.jpg"]
)
def test_names_that_lead_out_of_the_folder_are_refused(tmp_path, name):
    url = zipped(tmp_path / "boats.zip", extra=[(_named(name), JPEG)])
    assert "would lead out of the folder; do not trust this archive" in refusal(tmp_path / "boats", url)


def test_a_link_in_the_archive_is_refused(tmp_path):
    link = ZipInfo("train/Topa/a.jpg")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    url = zipped(tmp_path / "boats.zip", extra=[(link, b"/etc/passwd")])
    assert "'train/Topa/a.jpg' would lead out of the folder" in refusal(tmp_path / "boats", url)


@pytest.mark.parametrize(
    ("options", "seen"),
    [
        ({"splits": ("train", "test")}, "2 in train, 0 in valid, 2 in test"),
        ({"classes": ("Topa",)}, "1 in train, 1 in valid, 1 in test"),
        ({"classes": ()}, "0 in train, 0 in valid, 0 in test"),
        ({"extra": [("train/Gondola/a.jpg", JPEG)]}, "3 in train, 2 in valid, 2 in test"),
    ],
)
def test_another_layout_is_refused_with_what_was_seen(tmp_path, options, seen):
    assert f"train, valid and test ({seen})" in refusal(tmp_path / "boats", zipped(tmp_path / "boats.zip", **options))


def test_splits_in_two_places_are_ambiguous(tmp_path):
    url = zipped(tmp_path / "boats.zip", extra=[("old/train/Topa/a.jpg", JPEG)])
    assert "splits in more than one place (., old)" in refusal(tmp_path / "boats", url)


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path, monkeypatch):
    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", full)
    message = refusal(tmp_path / "boats", zipped(tmp_path / "boats.zip"))
    assert message == f"{tmp_path}/boats: cannot be written (No space left on device); make room"


def test_an_interruption_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(*args: object) -> None:
        raise KeyboardInterrupt

    url = zipped(tmp_path / "boats.zip")
    monkeypatch.setattr(shutil, "copyfileobj", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fetch_boats(tmp_path / "boats", url=url)
    assert [path.name for path in tmp_path.iterdir()] == ["boats.zip"]


@pytest.mark.parametrize("content", [bytes(4096), b"PK\3\4" + bytes(4092)])
def test_an_answer_that_never_ends_is_left(server, tmp_path, monkeypatch, content):
    monkeypatch.setattr(boats, "MOST_BYTES", 1 << 24)
    server.content, server.endless = content, True
    message = refusal(tmp_path / "boats", server.url)
    assert "not a zip archive" in message or "and no end; give another" in message


def test_an_answer_that_drips_is_left(server, tmp_path, monkeypatch):
    server.content, server.endless = b"PK\3\4" + bytes(4092), True
    monkeypatch.setattr(boats, "time", SimpleNamespace(monotonic=itertools.count(step=3600).__next__))
    assert "bytes came in 3,600 s; try again" in refusal(tmp_path / "boats", server.url)


def test_an_archive_of_too_many_members_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(boats, "MOST_MEMBERS", 10)
    assert "members, more than 10; give another archive" in refusal(tmp_path / "boats", zipped(tmp_path / "boats.zip"))


@pytest.mark.parametrize(("limit", "value"), [("MOST_RATIO", 100), ("MOST_BYTES", 1 << 21)])
def test_an_archive_that_unpacks_to_too_much_is_refused_before_it_is_unpacked(tmp_path, monkeypatch, limit, value):
    monkeypatch.setattr(boats, limit, value)
    monkeypatch.setattr(shutil, "copyfileobj", lambda *streams: pytest.fail("unpacked"))
    url = zipped(tmp_path / "boats.zip", extra=[("train/Topa/a.jpg", bytes(1 << 23))])
    assert "would unpack" in refusal(tmp_path / "boats", url)
    assert "do not trust this archive" in refusal(tmp_path / "boats", url)


def test_more_bytes_than_a_member_announces_are_not_unpacked(tmp_path):
    """The announced size is cut to 10 bytes in the directory at the end and before the member itself."""
    content = io.BytesIO()
    with ZipFile(content, "w", ZIP_DEFLATED) as opened:
        opened.writestr("train/Topa/a.jpg", bytes(5000))
    lying = content.getvalue().replace((5000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    (tmp_path / "boats.zip").write_bytes(lying)
    with pytest.raises(DataError, match=r"not the same classes|not a whole zip"):
        fetch_boats(tmp_path / "boats", url=str(tmp_path / "boats.zip"))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_archive_with_a_file_twice_is_refused(tmp_path):
    url = zipped(tmp_path / "boats.zip", extra=[("train/Topa/2013_0.jpg", JPEG)])
    assert "'train/Topa/2013_0.jpg' is in it 2 times; give another archive" in refusal(tmp_path / "boats", url)


@pytest.mark.parametrize("method", [ZIP_BZIP2, ZIP_LZMA])
def test_an_archive_packed_in_an_uncommon_way_is_refused(tmp_path, method):
    with ZipFile(tmp_path / "boats.zip", "w", method) as opened:
        for split in ("train", "valid", "test"):
            for name in ("Topa", "Water"):
                opened.writestr(f"{split}/{name}/a.jpg", JPEG)
    assert "packed in a way that is not unpacked here" in refusal(tmp_path / "boats", str(tmp_path / "boats.zip"))


@pytest.mark.parametrize("name", ["@eaDir/train/Topa/x.jpg", "train/#recycle/x.jpg", "train/Topa/._x.jpg"])
def test_what_storages_leave_in_an_archive_is_not_unpacked(tmp_path, name):
    found = fetch_boats(tmp_path / "boats", url=zipped(tmp_path / "boats.zip", extra=[(name, JPEG)]))
    assert found.counts == {"train": 6, "valid": 2, "test": 4}


def test_a_folder_that_is_called_as_an_image_is_no_image(tmp_path):
    found = fetch_boats(tmp_path / "boats", url=zipped(tmp_path / "boats.zip", extra=[("train/Topa/x.jpg/", b"")]))
    assert found.counts == {"train": 6, "valid": 2, "test": 4}


def test_what_a_killed_fetch_left_is_removed_by_the_next(tmp_path):
    code = (
        "import os, shutil, signal, sys\n"
        "from pathlib import Path\n"
        "from trainables.data.boats import fetch_boats\n"
        "shutil.copyfileobj = lambda *streams: os.kill(os.getpid(), signal.SIGKILL)\n"
        "fetch_boats(Path(sys.argv[1]), url=sys.argv[2])\n"
    )
    url = zipped(tmp_path / "boats.zip")
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path / "boats"), url], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert [path.name for path in sorted(tmp_path.iterdir())] == [".boats-unfinished", "boats.zip"]
    assert fetch_boats(tmp_path / "boats", url=url).counts == {"train": 6, "valid": 2, "test": 4}
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["boats", "boats.zip"]


def test_two_that_fetch_into_one_folder_do_not_mix(tmp_path):
    work = tmp_path / ".boats-unfinished"
    work.mkdir()
    with FileLock(work / "lock"):
        message = refusal(tmp_path / "boats", zipped(tmp_path / "boats.zip"))
    assert message == f"{tmp_path}/boats: another process is fetching into it; wait until that has ended"


@given(st.binary(max_size=400), st.integers(0, 400))
def test_bytes_spoilt_anywhere_in_an_archive_end_in_one_line(tmp_path_factory, noise, at):
    folder = tmp_path_factory.mktemp("spoilt")
    content = bytearray(archive())
    start = at * len(content) // 400
    content[start : start + len(noise)] = noise
    (folder / "boats.zip").write_bytes(content)
    line = ""
    try:
        fetch_boats(folder / "boats", url=str(folder / "boats.zip"))
    except DataError as error:
        line = str(error)
    assert len(line) <= 300
    assert line.isprintable()
    assert sorted(path.name for path in folder.iterdir()) == (["boats.zip"] if line else ["boats", "boats.zip"])


def _named(name: str) -> ZipInfo:
    """A member of exactly this name; the constructor would mend some."""
    member = ZipInfo("x")
    member.filename = name
    return member
