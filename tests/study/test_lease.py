"""One study, one driver, where there are no locks. (A folder plays the object store: the lease only puts and lists.)"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from filelock import FileLock

from analysis.records.storage import Storage
from study.lease import InUseError, Lease, alone

NEVER = 1e6  # seconds


@pytest.fixture
def storage(tmp_path) -> Storage:
    return Storage(str(tmp_path))


def drivers(storage: Storage) -> list[Path]:
    return [Path(storage.path(name)) for name in storage.names("drivers")]


def grow_old(path: Path, seconds: float) -> None:
    os.utime(path, (time.time() - seconds, time.time() - seconds))


def test_a_second_driver_is_refused_and_leaves_no_trace(storage):
    with Lease(storage, refresh_s=NEVER):
        held = drivers(storage)
        with pytest.raises(InUseError, match=rf"another process \(.*, process {os.getpid()}\) runs this study"):
            Lease(storage, refresh_s=NEVER).__enter__()
        assert drivers(storage) == held


def test_the_next_driver_may_come_when_the_first_has_gone(storage):
    for _ in range(2):
        with Lease(storage, refresh_s=NEVER):
            assert len(drivers(storage)) == 1
    assert drivers(storage) == []


def test_a_driver_that_failed_leaves_the_study_free(storage):
    with pytest.raises(RuntimeError), Lease(storage, refresh_s=NEVER):
        raise RuntimeError
    with Lease(storage, refresh_s=NEVER):
        pass


def test_a_driver_that_died_is_forgotten_when_its_lease_has_run_out(storage):
    Lease(storage, lease_s=100.0, refresh_s=NEVER)._refresh(storage)  # and then its process was killed
    (dead,) = drivers(storage)
    grow_old(dead, 40.0)
    with pytest.raises(InUseError, match=r"; if it was killed, try again in 6[01] s$"):
        Lease(storage, lease_s=100.0, refresh_s=NEVER).__enter__()
    grow_old(dead, 101.0)
    with Lease(storage, lease_s=100.0, refresh_s=NEVER):
        assert dead not in drivers(storage)


def test_of_several_that_died_the_last_says_how_long_to_wait(storage):
    for age in (70.0, 20.0, 500.0):
        known = drivers(storage)
        Lease(storage, lease_s=100.0, refresh_s=NEVER)._refresh(storage)
        (new,) = set(drivers(storage)) - set(known)
        grow_old(new, age)
    with pytest.raises(InUseError, match=r"try again in 8[01] s$"):
        Lease(storage, lease_s=100.0, refresh_s=NEVER).__enter__()


def test_a_lease_is_refreshed_as_long_as_it_is_held(storage):
    with Lease(storage, lease_s=100.0, refresh_s=0.01):
        (mine,) = drivers(storage)
        grow_old(mine, 1000.0)
        deadline = time.monotonic() + 60
        while time.time() - mine.stat().st_mtime > 100.0:
            assert time.monotonic() < deadline, "never refreshed"
            time.sleep(0.01)


def test_of_two_that_see_each_other_both_give_way(storage):
    """Neither can know who came first, and two drivers would be worse than none."""
    one, other = Lease(storage, refresh_s=NEVER), Lease(storage, refresh_s=NEVER)
    one._refresh(storage)
    other._refresh(storage)
    for lease in (one, other):
        assert lease._other(storage) is not None


def test_a_driver_that_stood_still_and_was_replaced_stops(storage):
    with Lease(storage, lease_s=100.0, refresh_s=NEVER) as frozen:
        grow_old(drivers(storage)[0], 101.0)
        Lease(storage, refresh_s=NEVER)._refresh(storage)  # another driver found the lease run out
        frozen._renew()
        with pytest.raises(InUseError, match=rf"process {os.getpid()} took this study over while this process stood"):
            frozen.check()


def test_a_driver_that_stood_still_and_is_alone_goes_on(storage):
    with Lease(storage, lease_s=100.0, refresh_s=NEVER) as frozen:
        grow_old(drivers(storage)[0], 101.0)
        frozen._renew()
        frozen.check()


def test_a_driver_that_slept_and_was_replaced_stops_though_its_clock_slept_too(storage, monkeypatch):
    """Python's monotonic clock stands still while Linux and macOS are suspended; the store's does not."""
    monkeypatch.setattr("time.monotonic", lambda: 1000.0)
    with Lease(storage, lease_s=100.0, refresh_s=NEVER) as slept:
        grow_old(drivers(storage)[0], 101.0)
        with Lease(storage, lease_s=100.0, refresh_s=NEVER):  # which removes the object that has grown old
            slept._renew()
            with pytest.raises(InUseError, match="took this study over"):
                slept.check()


def test_a_driver_that_works_is_not_disturbed_by_one_that_just_asks(storage):
    """Whoever begins writes an object first, and removes it when it sees another."""
    with Lease(storage, lease_s=100.0, refresh_s=NEVER) as works:
        Lease(storage, lease_s=100.0, refresh_s=NEVER)._refresh(storage)
        works._renew()
        works.check()


def test_what_a_system_leaves_beside_the_objects_of_drivers_is_none(storage):
    storage.write_bytes("drivers/.DS_Store", b"")
    storage.write_bytes("drivers/a-b", b"")
    with Lease(storage, refresh_s=NEVER):
        pass
    assert storage.names("drivers") == ["drivers/.DS_Store", "drivers/a-b"]


def test_an_object_from_before_the_stores_clock_was_set_back_counts_for_nothing(storage):
    Lease(storage, lease_s=100.0, refresh_s=NEVER)._refresh(storage)
    (ahead,) = drivers(storage)
    grow_old(ahead, -30.0)
    with pytest.raises(InUseError, match=r"; if it was killed, try again in 1(29|30) s$"):
        Lease(storage, lease_s=100.0, refresh_s=NEVER).__enter__()
    grow_old(ahead, -86_400.0)
    with Lease(storage, lease_s=100.0, refresh_s=NEVER):
        assert ahead not in drivers(storage)


def test_in_a_folder_the_lock_is_a_files(storage, tmp_path):
    with alone(storage), pytest.raises(InUseError, match="another process runs this study"), alone(storage):
        pass
    with FileLock(tmp_path / ".lock"), pytest.raises(InUseError), alone(storage):
        pass
    assert drivers(storage) == []


@pytest.fixture
def local_locks(monkeypatch):
    """Locks that always succeed, as those of other machines do on some mounts; gives how to become another machine."""

    class Succeeds:
        def __init__(self, path, timeout: float) -> None:
            pass

        acquire = release = lambda self: None

    monkeypatch.setattr("study.lease.FileLock", Succeeds)
    return lambda name: monkeypatch.setattr("platform.node", lambda: name)


def test_two_machines_see_each_other_where_locks_do_not_tell(storage, local_locks):
    local_locks("node-a")
    with alone(storage):
        local_locks("node-b")
        with pytest.raises(InUseError, match=rf"another process \(node-a, process {os.getpid()}\) runs this study"):
            alone(storage).__enter__()
    with alone(storage):
        pass
    assert not Path(storage.root, "drivers").exists()


def test_what_a_killed_driver_of_another_machine_left_counts_until_it_is_old(storage, local_locks):
    local_locks("node-a")
    Lease(storage, refresh_s=NEVER, locked=True)._refresh(storage)  # and then its process was killed
    (dead,) = drivers(storage)
    local_locks("node-b")
    with pytest.raises(InUseError, match=r"if it was killed, try again in 1\d\d s$"):
        alone(storage).__enter__()
    grow_old(dead, 151.0)
    with alone(storage):
        assert dead not in drivers(storage)


def test_what_a_killed_driver_of_this_machine_left_in_a_folder_counts_for_nothing(storage):
    Lease(storage, refresh_s=NEVER)._refresh(storage)
    (dead,) = drivers(storage)
    with alone(storage):
        assert dead not in drivers(storage)


def test_who_has_a_study_alone_sweeps_what_a_killed_process_left_half_written(storage):
    left = Path(storage.root, "records", "a", f".{'0a' * 16}.part")
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    os.utime(left, (1e9, 1e9))  # younger ones may be another node's, whose locks do not hold here
    with alone(storage):
        assert not left.exists()
