"""The one place where Ray is started or joined, and left again."""

from __future__ import annotations

import json
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from analysis.records.errors import cut
from study.cluster.code import NO_CODE, Code
from study.cluster.entry import Entry, nothing_half_started, words_kept
from study.cluster.local import on_this_machine
from study.cluster.nodes import ClusterError
from study.cluster.signals import at_most, handler_given_back, handler_kept, terminable
from study.scratch import scratch
from trainables.errors import cause

REACHED_WITHIN_S = 10.0
STARTED_WITHIN_S = 120.0  # or joined; some seconds where nothing else runs
JOB_VARIABLE = "RAY_JOB_CONFIG_JSON_ENV_VAR"  # where Ray tells a job's driver about the job
logger = logging.getLogger(__name__)
AUTHENTICATION = "InvalidAuthToken"  # among the words with which Ray refuses a token


@contextmanager
def connected(address: str | None, code: Code = NO_CODE, *, cpus: int | None = None) -> Iterator[None]:
    """Connect to a cluster, or start Ray on this machine, for as long as the context lasts.

    Args:
        address: of a Ray cluster, `auto` for the one this machine belongs to, None for this machine alone.
        code: of approaches from outside, which all processes of all nodes shall be able to import. Where Ray runs in
            this process already, as in a notebook, it stays as it was started.
        cpus: how many Ray shall see where it is started here, instead of those of the machine.

    Raises:
        ClusterError: there is no cluster at this address, or Ray does not start here.
        Terminated: SIGTERM or SIGHUP came meanwhile.
    """
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    if ray.is_initialized():
        yield
        return
    way_in = _at(address) if address else on_this_machine(cpus)
    with handler_given_back(), terminable(), way_in as entry, _started(entry, code):
        yield


@contextmanager
def _started(entry: Entry, code: Code) -> Iterator[None]:
    import ray

    from study.cluster.imports import OwnImports

    try:
        with code.unpacked() as modules:
            carried = _carrying(modules)
            try:
                with nothing_half_started(), at_most(STARTED_WITHIN_S), handler_kept(), words_kept(entry.words):
                    ray.init(
                        log_to_driver=False,
                        logging_level=logging.ERROR,
                        job_config=OwnImports(),
                        **entry.settings,
                        **carried,
                    )
            except Exception as error:  # Ray's are of all kinds, bare ones too where the machine is too busy
                raise entry.refused(error) from error
        yield
    finally:
        ray.shutdown()


@contextmanager
def _at(address: str) -> Iterator[Entry]:
    """A cluster that somebody has started."""
    _refuse_unreachable(address)
    _refuse_other_token(address)
    with scratch("ray") as folder:
        yield Entry({"address": address}, lambda error: _not_joined(error, address), folder / "stderr")


def _carrying(modules: list[str]) -> dict[str, object]:
    """What Ray needs to be told for these modules to reach its workers; in a job beside what that brought along."""
    if not modules:
        return {}
    job = json.loads(os.environ.get(JOB_VARIABLE, "{}")).get("runtime_env", {})
    os.environ["RAY_OVERRIDE_JOB_RUNTIME_ENV"] = "1"
    return {"runtime_env": {"py_modules": [*job.get("py_modules", []), *modules]}}


def _refuse_unreachable(address: str) -> None:
    """Ray would try for minutes to reach an address where nobody listens."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal() or "/" in host:
        return  # `auto`, or a kind of address that Ray looks at itself
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=REACHED_WITHIN_S).close()
    except (OSError, OverflowError, ValueError) as error:  # ValueError: what can be no machine's name
        raise _not_joined(error, address) from error


def _refuse_other_token(address: str) -> None:
    """Ray would try for 20 s, and complain each time; a cluster that is asked for anything refuses a token at once.

    A server that says nothing within REACHED_WITHIN_S, and any other trouble, is left to Ray.
    """
    if ":" not in address or "/" in address:
        return
    from ray._raylet import GcsClient  # type: ignore[attr-defined]
    from ray.exceptions import AuthenticationError

    try:
        with at_most(REACHED_WITHIN_S), words_kept(Path(os.devnull)):
            GcsClient(address=address).internal_kv_keys(b"transfer-study", None)
    except AuthenticationError as error:
        raise _not_joined(error, address) from error
    except Exception as error:  # of undocumented kinds
        logger.debug("%s: %s", address, error)


def _not_joined(error: Exception, address: str) -> ClusterError:
    reason = cut(cause(error), 90)
    if _is_about_the_token(error):
        return ClusterError(
            f"--address {cut(address, 60)}: the cluster refuses this token ({reason}); set RAY_AUTH_MODE=token, and "
            "RAY_AUTH_TOKEN or ~/.ray/auth_token to the token of the cluster"
        )
    return ClusterError(f"--address {cut(address, 60)}: no Ray cluster ({reason}); start one, or leave it out")


def _is_about_the_token(error: BaseException | None) -> bool:
    """Ray says so in the text of what led to an error."""
    return error is not None and (AUTHENTICATION in str(error) or _is_about_the_token(error.__cause__))
