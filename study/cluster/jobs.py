"""A Ray cluster's job server: hands it this program and a command, and follows what becomes of that.

What travels is the code of the three packages, that of approaches from outside, and the study file; no data, no weights
but the bundled ones, no credentials. The command runs on the cluster's head, with the Python that Ray was started with
there. Knows nothing of studies beyond their directories, and prints nothing.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shlex
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from analysis.records.errors import cut
from study.cluster.code import NO_CODE, OWN, Code
from study.provenance import COMMIT_VARIABLE, commit
from study.scratch import scratch
from trainables.errors import InputError, cause

if TYPE_CHECKING:
    from ray.job_submission import JobDetails, JobSubmissionClient

STUDY_FILE = "study.yaml"  # what the study file is called in the job's folder
DIRECTORY = "transfer_study_directory"  # in a job's metadata: the study that it runs
PATIENCE_S = 10.0  # for a server to answer at all
RECONNECTS, RECONNECT_EVERY_S = 10, 3.0
LOOK_EVERY_S = 0.5  # whether a job has ended
TALKERS = ("dashboard.modules.dashboard_sdk", "dashboard.modules.job.sdk", "_private.runtime_env.packaging")
# What Ray itself writes into a job's log before the command begins.
PREAMBLE = ("Running entrypoint for job ", "Runtime env is setting up.")


class JobError(InputError):
    """The job server is not there, refuses the token, or does not do what it is asked."""


class ConnectionLost(Exception):  # noqa: N818
    """The job server no longer answers; a job that runs there goes on."""


@dataclass(frozen=True)
class Ending:
    """How a job ended.

    Attributes:
        exit_code: of its command; 128 + N where signal N ended it, 130 for a job that was stopped, 1 where the command
            never began.
        stopped: somebody stopped it.
        reason: why it failed, in one line; its last line, or what Ray says. Empty for a job that succeeded.
    """

    exit_code: int
    stopped: bool
    reason: str


class JobServer:
    """The job server of a Ray cluster.

    Args:
        address: such as `http://127.0.0.1:8265`.

    Raises:
        JobError: nobody answers there, it is no job server, or it wants another token.
    """

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        _refuse_unreachable(self.address)
        with self._errors():
            self._client = _client(self.address)

    def submit(
        self,
        command: Sequence[str],
        *,
        study: str | None = None,
        code: Code = NO_CODE,
        directory: str | None = None,
    ) -> str:
        """Start a `transfer-study` command as a job.

        Args:
            command: its arguments.
            study: content of the study file, which the command finds as `STUDY_FILE`.
            code: of approaches from outside, which the command finds beside the study file.
            directory: of the study that the job runs, by which `running` finds it again.

        Returns:
            The job's identifier.

        Raises:
            JobError: the job server refuses it.
        """
        with scratch("job") as folder, self._errors():
            if study is not None:
                (folder / STUDY_FILE).write_text(study)
            code.unpack(folder)
            identifier: str = self._client.submit_job(
                entrypoint=shlex.join(["python", "-m", "study", *command]),
                runtime_env=_runtime_environment(str(folder)),
                metadata={DIRECTORY: directory} if directory else {},
            )
        return identifier

    def running(self, directory: str) -> str | None:
        """The job that runs the study of a directory at this moment, if one does."""
        with self._errors():
            jobs = self._client.list_jobs()
        for job in jobs:
            if (job.metadata or {}).get(DIRECTORY) == directory and not job.status.is_terminal():
                return str(job.submission_id)
        return None

    def follow(self, job: str, show: Callable[[str], None]) -> Ending:
        """Pass on the lines of a job, from its first, until it ends.

        Raises:
            ConnectionLost: the server no longer answers.
        """
        lines = _Lines(show)
        for _ in range(RECONNECTS):
            try:
                asyncio.run(self._pass_on(job, lines))
                ended = self._wait(job)
                lines.close()
                return _ending(ended)
            except _connection_errors():
                time.sleep(RECONNECT_EVERY_S)
                lines.restart()
        raise ConnectionLost

    def stop(self, job: str) -> None:
        """End a job, and return when it has ended: what it ran can then be resumed.

        Raises:
            JobError: the server refuses to.
        """
        with self._errors():
            self._client.stop_job(job)
            self._wait(job)

    async def _pass_on(self, job: str, lines: _Lines) -> None:
        async for text in self._client.tail_job_logs(job):
            lines.add(text)

    def _wait(self, job: str) -> JobDetails:
        """A job's last words; its log may end a moment before it does."""
        while True:
            details = self._client.get_job_info(job)
            if details.status.is_terminal():
                return details
            time.sleep(LOOK_EVERY_S)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Say in one line what the job client says in many."""
        from ray.exceptions import AuthenticationError

        try:
            yield
        except AuthenticationError as error:
            raise JobError(
                f"--address {cut(self.address, 60)}: the job server refuses this token ({_reason(error)}); set "
                "RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN or ~/.ray/auth_token to the token of the cluster"
            ) from error
        except _connection_errors() as error:
            raise JobError(
                f"--address {cut(self.address, 60)}: no answer as from a Ray job server ({_reason(error)})"
            ) from error


class _Lines:
    """Puts the pieces of a log together to lines, each passed on once, also when the log is read again."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._shown = 0  # lines passed on
        self.restart()

    def restart(self) -> None:
        """The log is read from its beginning again."""
        self._number, self._rest = 0, ""

    def add(self, text: str) -> None:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._number += 1
            if self._number > self._shown:
                self._shown = self._number
                if not any(words in line for words in PREAMBLE):
                    self._show(line)

    def close(self) -> None:
        """The log is complete: its last line may have no end."""
        if self._rest:
            self.add("\n")


def _refuse_unreachable(address: str) -> None:
    """The job client would wait for minutes where nobody answers."""
    try:
        parts = urlsplit(address)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        socket.create_connection((parts.hostname or "", port), timeout=PATIENCE_S).close()
    except (OSError, ValueError) as error:
        raise JobError(
            f"--address {cut(address, 60)}: no job server there ({_reason(error)}); start Ray with its dashboard, "
            "and forward its port to here (`ray dashboard`, `ssh -L` or `kubectl port-forward`)"
        ) from error


def _client(address: str) -> JobSubmissionClient:
    for variable in ("RAY_API_SERVER_ADDRESS", "RAY_ADDRESS"):  # Ray would prefer these to the address given
        os.environ.pop(variable, None)
    from ray.job_submission import JobSubmissionClient

    for talker in TALKERS:
        logging.getLogger(f"ray.{talker}").setLevel(logging.ERROR)
    return JobSubmissionClient(address)


def _runtime_environment(folder: str) -> dict[str, object]:
    here = Path(__file__).resolve().parents[2]
    known = commit()
    return {
        "working_dir": folder,
        "py_modules": [str(here / package) for package in OWN],
        "excludes": ["__pycache__"],
        "env_vars": {COMMIT_VARIABLE: known} if known else {},
    }


def _connection_errors() -> tuple[type[Exception], ...]:
    """What Ray's job client raises when the server does not answer, or not as it should."""
    import aiohttp

    return (OSError, RuntimeError, ValueError, aiohttp.ClientError)  # those of `requests` are OSErrors


def _ending(job: JobDetails) -> Ending:
    from ray.job_submission import JobStatus

    if job.status == JobStatus.SUCCEEDED:
        return Ending(0, stopped=False, reason="")
    if job.status == JobStatus.STOPPED:
        return Ending(130, stopped=True, reason="it was stopped")
    words = [line.strip() for line in (job.message or "").splitlines() if line.strip()]
    if job.driver_exit_code is None:
        return Ending(1, stopped=False, reason=" ".join(words[:2]) or "Ray does not say why")
    code = job.driver_exit_code if job.driver_exit_code >= 0 else 128 - job.driver_exit_code
    return Ending(code, stopped=False, reason=words[-1] if words else "it printed nothing")


def _reason(error: Exception) -> str:
    return cut(cause(error), 90)
