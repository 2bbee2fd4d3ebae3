"""What the processes of this machine have open, as Linux tells it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

LISTEN = "0A"


def users_of(folder: Path) -> set[int]:
    """Ids of the processes that have a file below a folder open, as all of Ray's have a log."""
    return {int(process.name) for process in Path("/proc").glob("[0-9]*") if any(_below(folder, process))}


def title(process: int) -> str:
    """What a process is called; nothing where it has ended."""
    with suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    return ""


def listening(processes: Iterable[int]) -> set[IPv4Address | IPv6Address]:
    """The addresses at which these processes wait for connections."""
    held = {opened for process in processes for opened in _opened(Path(f"/proc/{process}"))}
    rows = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    return {_address(row[1]) for row in rows if row[3] == LISTEN and f"socket:[{row[9]}]" in held}


def _below(folder: Path, process: Path) -> Iterator[bool]:
    return (opened.startswith(f"{folder}/") for opened in _opened(process))


def _opened(process: Path) -> list[str]:
    links = []
    with suppress(OSError):  # it has ended meanwhile
        for link in (process / "fd").iterdir():
            with suppress(OSError):
                links.append(os.readlink(link))
    return links


def _address(column: str) -> IPv4Address | IPv6Address:
    """`0100007F:1F90`: words of four bytes, each of them backwards."""
    packed = bytes.fromhex(column.partition(":")[0])
    straight = b"".join(packed[start : start + 4][::-1] for start in range(0, len(packed), 4))
    return IPv4Address(straight) if len(straight) == 4 else IPv6Address(straight).ipv4_mapped or IPv6Address(straight)
