"""The dialogue with a job server, with a stand-in for Ray's client. Real jobs are in tests/cluster."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ray.job_submission import JobStatus

from study.cluster import jobs
from study.cluster.jobs import STUDY_FILE, ConnectionLost, Ending, JobError, JobServer
from study.commands.options import is_job_server
from tests.support.planted import PLANTED, SECRETS


class FakeClient:
    """A job server that knows one job, with the log in pieces; an exception among them is a broken connection."""

    def __init__(self, *logs: Sequence[str | Exception], **ending: object) -> None:
        self.logs = list(logs)
        self.ending = {"status": JobStatus.SUCCEEDED, "message": "", "driver_exit_code": 0} | ending
        self.submitted: dict[str, Any] = {}
        self.jobs: list[SimpleNamespace] = []
        self.stopping: list[JobStatus] = []  # what is answered once the job is being stopped

    async def tail_job_logs(self, job: str) -> AsyncIterator[str]:
        for piece in self.logs.pop(0):
            if isinstance(piece, Exception):
                raise piece
            yield piece

    def stop_job(self, job: str) -> None:
        self.stopping = [JobStatus.STOPPED, JobStatus.RUNNING, JobStatus.RUNNING]

    def get_job_info(self, job: str) -> SimpleNamespace:
        if self.stopping:
            self.ending["status"] = self.stopping.pop()
        return SimpleNamespace(**self.ending)

    def list_jobs(self) -> list[SimpleNamespace]:
        return self.jobs

    def submit_job(self, **given: Any) -> str:
        folder = Path(given["runtime_env"]["working_dir"])
        self.submitted = given | {"files": {path.name: path.read_text() for path in folder.iterdir()}}
        return "job_1"


@pytest.fixture
def server(monkeypatch):
    """Makes a job server of a stand-in client."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        monkeypatch.setattr(jobs, "RECONNECT_EVERY_S", 0.0)
        monkeypatch.setattr(jobs, "LOOK_EVERY_S", 0.0)

        def make(client: FakeClient) -> JobServer:
            monkeypatch.setattr(jobs, "_client", lambda _: client)
            return JobServer(f"{address}/")

        yield make


def followed(server, client: FakeClient) -> tuple[list[str], Ending]:
    lines: list[str] = []
    return lines, server(client).follow("job_1", lines.append)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("http://127.0.0.1:8265", True),
        ("https://ray.example", True),
        ("auto", False),
        ("10.0.0.1:6379", False),
        (None, False),
    ],
)
def test_a_job_server_is_named_by_its_http_address(address, expected):
    assert is_job_server(address) is expected


def test_lines_are_passed_on_whole_whatever_the_pieces(server):
    lines, ending = followed(server, FakeClient(["Sear", "ching\n  a: 1", " s\n", "the end"]))
    assert lines == ["Searching", "  a: 1 s", "the end"]
    assert ending == Ending(0, stopped=False, reason="")


def test_what_ray_says_before_the_command_begins_is_left_out(server):
    lines, _ = followed(server, FakeClient(["Running entrypoint for job x: python -m study\nPreparing\n"]))
    assert lines == ["Preparing"]


def test_a_broken_connection_is_made_again_and_no_line_comes_twice(server):
    client = FakeClient(["one\ntw", RuntimeError("closed")], ["one\n", ConnectionError("gone")], ["one\ntwo\nthree\n"])
    assert followed(server, client)[0] == ["one", "two", "three"]


def test_a_server_that_stays_away_is_lost(server):
    with pytest.raises(ConnectionLost):
        followed(server, FakeClient(*[("one\n", ConnectionError("gone"))] * jobs.RECONNECTS))


@pytest.mark.parametrize(
    ("details", "ending"),
    [
        ({"driver_exit_code": 2, "message": "logs:\nerror: no\n"}, Ending(2, stopped=False, reason="error: no")),
        ({"driver_exit_code": -9, "message": ""}, Ending(137, stopped=False, reason="it printed nothing")),
        (
            {"driver_exit_code": None, "message": "Failed to set up:\n no disk\nTraceback"},
            Ending(1, stopped=False, reason="Failed to set up: no disk"),
        ),
        ({"driver_exit_code": None, "message": None}, Ending(1, stopped=False, reason="Ray does not say why")),
    ],
)
def test_a_failed_job_ends_with_the_code_and_the_last_words_of_its_command(server, details, ending):
    assert followed(server, FakeClient([], status=JobStatus.FAILED, **details))[1] == ending


def test_a_job_that_is_stopped_has_ended_before_anybody_is_told(server):
    client = FakeClient()
    server(client).stop("job_1")
    assert client.ending["status"] == JobStatus.STOPPED


def test_a_stopped_job_says_so(server):
    ending = followed(server, FakeClient([], status=JobStatus.STOPPED, driver_exit_code=None))[1]
    assert (ending.stopped, ending.exit_code) == (True, 130)


def test_the_code_and_the_study_file_travel_and_nothing_else(server):
    client = FakeClient()
    server(client).submit(["run", STUDY_FILE, "--out", "/a b"], study="name: mine", directory="/a b")
    assert client.submitted["files"] == {STUDY_FILE: "name: mine"}
    assert client.submitted["entrypoint"] == f"python -m study run {STUDY_FILE} --out '/a b'"
    environment = client.submitted["runtime_env"]
    assert [Path(module).name for module in environment["py_modules"]] == ["study", "trainables", "analysis"]
    assert "__pycache__" in environment["excludes"]
    assert set(environment["env_vars"]) <= {"TRANSFER_STUDY_COMMIT"}


def test_no_secret_of_the_environment_is_submitted(server, monkeypatch):
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    client = FakeClient()
    server(client).submit(["run", STUDY_FILE, "--out", "/a"], study="name: mine", directory="/a")
    assert PLANTED not in repr(client.submitted)


def test_the_job_that_runs_a_study_is_found_by_its_directory(server):
    def job(name: str, directory: str, status: JobStatus) -> SimpleNamespace:
        return SimpleNamespace(submission_id=name, metadata={jobs.DIRECTORY: directory}, status=status)

    client = FakeClient()
    client.jobs = [
        SimpleNamespace(submission_id=None, metadata=None, status=JobStatus.RUNNING),
        job("ended", "/a", JobStatus.FAILED),
        job("other", "/b", JobStatus.RUNNING),
        job("mine", "/a", JobStatus.PENDING),
    ]
    assert server(client).running("/a") == "mine"
    assert server(client).running("/c") is None


@pytest.mark.parametrize("address", ["http://127.0.0.1:1", "http://nobody.invalid:8265", "http://127.0.0.1:nine"])
def test_an_address_where_nobody_answers_is_refused_with_what_to_do(address):
    with pytest.raises(JobError, match=rf"--address {address}: no job server there \(.+\); start Ray with"):
        JobServer(address)


def test_a_server_of_another_kind_is_refused(server, monkeypatch):
    def refuse(_: str) -> None:
        raise RuntimeError("Version check returned 404. Jobs API is not supported.\nmore")

    make = server(FakeClient())
    monkeypatch.setattr(jobs, "_client", refuse)
    with pytest.raises(JobError, match=r"no answer as from a Ray job server \(Version check returned 404\. Jobs"):
        JobServer(make.address)


def test_a_relative_directory_is_refused_before_anything_travels(transfer_study):
    for command in (("run", "digits"), ("resume", "results/digits"), ("status", "results/digits")):
        complaint = transfer_study(*command, "--address", "http://127.0.0.1:1").complaint
        assert complaint.startswith("results/digits: a relative path")
        assert "all nodes of the cluster see" in complaint


def test_a_study_file_is_checked_here_before_anything_travels(transfer_study):
    told = transfer_study("run", "digits", "--set", "final.seed=3", "--address", "http://127.0.0.1:1", "--out", "/x")
    assert "final.seed: unknown key" in told.complaint
