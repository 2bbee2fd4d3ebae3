"""An object store on this machine that can be cut off and come back: a moto server behind a gate."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from pyarrow import fs

from tests.support.waiting import free_port, listens, until

BUCKET = "studies"
# In an environment, these are all that a process needs to know.
ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}


class Gate:
    """Passes connections on to a port of this machine, as long as it is open. (moto forgets all when it stops.)"""

    def __init__(self, target: int) -> None:
        self._target = target
        self.port = free_port()
        self._listening: socket.socket | None = None
        self._passing: set[socket.socket] = set()
        self.open()

    def open(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self._listening,), daemon=True).start()

    def close(self) -> None:
        """Refuse new connections, and cut those that there are."""
        if self._listening is not None:
            self._listening.shutdown(socket.SHUT_RDWR)
            self._listening.close()
        for end in list(self._passing):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _accept(self, listening: socket.socket) -> None:
        with suppress(OSError):  # closed
            while True:
                near, _ = listening.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
                self._passing |= {near, far}
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while content := source.recv(1 << 16):
                sink.sendall(content)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._passing -= {source}
        source.close()


@contextmanager
def object_store() -> Iterator[Gate]:
    """An empty bucket in a store of its own, for as long as the context lasts."""
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: listens(port), server)
        gate = Gate(port)
        client(gate).create_dir(BUCKET)
        yield gate
        gate.close()
    finally:
        server.kill()
        server.wait()


def client(gate: Gate) -> fs.S3FileSystem:
    """What a program that knows nothing of this project would see."""
    return fs.S3FileSystem(
        access_key=ENVIRONMENT["AWS_ACCESS_KEY_ID"],
        secret_key=ENVIRONMENT["AWS_SECRET_ACCESS_KEY"],
        region=ENVIRONMENT["AWS_REGION"],
        endpoint_override=f"127.0.0.1:{gate.port}",
        scheme="http",
        allow_bucket_creation=True,
    )


def environment(gate: Gate) -> dict[str, str]:
    """What a user would set."""
    return ENVIRONMENT | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{gate.port}"}
