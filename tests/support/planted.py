"""Secrets as they stand in the environment of whoever runs a study, and the files in which they turn up."""

from __future__ import annotations

from pathlib import Path

PLANTED = "planted-secret"
SECRETS = {
    "AWS_ACCESS_KEY_ID": f"{PLANTED}-1",
    "AWS_SECRET_ACCESS_KEY": f"{PLANTED}-2",
    "AWS_SESSION_TOKEN": f"{PLANTED}-3",
    "HF_TOKEN": f"{PLANTED}-4",
    "HTTPS_PROXY": f"http://somebody:{PLANTED}-5@127.0.0.1:9",
}


def holders(*folders: Path) -> list[Path]:
    """The files below these folders that hold one of the secrets, or a part of it."""
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert files, "nothing was looked at"
    return [path for path in files if PLANTED.encode() in path.read_bytes()]
