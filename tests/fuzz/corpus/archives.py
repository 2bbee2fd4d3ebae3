"""Archives that broke the program once, or would break one that trusts them."""

from __future__ import annotations

from functools import partial

from tests.fuzz.corpus import known
from tests.fuzz.oddities import LARGEST

refused = partial(known.refused, "archives")
CORPUS = (
    refused("an endless device", "flat.zip", ("device", "/dev/zero")),
    refused("a bomb", "deflated.zip", ("zeros", "train/a/x.png", 10**8)),
    refused("a member above the folder", "flat.zip", ("add", "../x.png", "png", "stored")),
    refused("a member with a path of its own", "flat.zip", ("add", "/nowhere/train/a/x.png", "png", "stored")),
    refused("a link", "flat.zip", ("link", "train/a/x.png", "/etc/passwd")),
    refused("an archive cut short", "flat.zip", ("splice", 900, LARGEST, b"")),
    refused("no archive", "flat.tar"),
)
