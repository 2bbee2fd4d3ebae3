"""Where /dev/shm cannot be written or is tiny, Ray keeps its objects elsewhere."""

from __future__ import annotations

import shlex
import sys

import pytest

from tests.support.commands import machine
from tests.support.namespaces import NAMESPACE, refuse_without

SUM = """
import numpy as np
import ray
from study.cluster.connection import connected

with connected(None, cpus=1):
    ones = ray.put(np.ones(5_000_000))
    print(ray.get(ray.remote(lambda array: int(array.sum())).remote(ones)))
"""


@pytest.mark.slow
@pytest.mark.parametrize("option", ["ro", "size=1m"])
def test_objects_of_40_megabytes_travel_without_a_shared_memory(option, tmp_path):
    """Of one that is read-only, Ray said after half a minute that the machine is too busy."""
    mount = ["mount", "-t", "tmpfs", "-o", option, "tmpfs", "/dev/shm"]
    refuse_without(mount)
    asked = f"{shlex.join(mount)} && exec {shlex.join([sys.executable, '-c', SUM])}"
    with machine(tmp_path) as here:
        told = here.finished([*NAMESPACE, "sh", "-c", asked])
        assert list(here.ray.glob("ts-*")) == []
    assert told.code == 0, told.err
    assert told.out.splitlines()[-1] == "5000000"
