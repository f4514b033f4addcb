"""What a living job needs is not removed; what a dead one needed is."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from workbench.datasets.store import Store
from workbench.datasets.store.locks import Stripes, gate, try_lock

pytestmark = pytest.mark.slow

_JOB = """
import sys
from pathlib import Path
from workbench.datasets.store import Store
lease = Store(Path(sys.argv[1])).lease()
lease.hold(sys.argv[2:])
(lease.scratch / "0").write_bytes(b"half")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def other_job(store: Store):
    """Return a starter of another process that holds objects until it is killed."""
    started = []

    def start(*digests: str) -> subprocess.Popen[str]:
        job = subprocess.Popen(
            [sys.executable, "-c", _JOB, str(store.root), *digests],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(job)
        assert job.stdout.readline() == "held\n"
        return job

    yield start
    for job in started:
        job.kill()
        job.communicate()


def test_eviction_leaves_what_a_lease_holds_even_above_the_bound(store, put):
    held, free = put(b"held" * 100), put(b"free" * 100)
    with store.lease() as lease:
        assert lease.hold([held]) == {held}
        evicted = store.evict(10)
    assert (evicted.objects, evicted.bytes, evicted.bytes_left, evicted.bytes_leased) == (1, 400, 400, 400)
    assert store.has(held)
    assert not store.has(free)


def test_what_was_held_may_go_once_the_lease_is_closed(store, put):
    digest = put(b"x" * 100)
    with store.lease() as lease:
        lease.hold([digest])
    assert store.evict(10).objects == 1
    assert not store.has(digest)


def test_what_a_job_publishes_it_holds(store, put):
    with store.lease() as lease:
        digest = put(b"mine" * 100, lease=lease)
        store.evict(10)
        assert store.has(digest)


def test_another_process_holds_until_it_is_killed_and_leaves_nothing_then(store, put, other_job):
    digest = put(b"x" * 100)
    job = other_job(digest)
    store.evict(10)
    assert store.has(digest)
    assert store.sweep() == 0
    assert len(list(store.folder("tmp").iterdir())) == 1
    job.kill()
    job.wait()
    assert store.sweep() == len(b"half")
    assert list(store.folder("tmp").iterdir()) == []
    assert list(store.folder("leases").iterdir()) == []
    assert store.evict(10).objects == 1


def test_holding_an_object_that_is_not_there_protects_it_when_it_comes(store, put):
    with store.lease() as lease:
        digest = put(b"once" * 100)
        store.path(digest).unlink()
        assert lease.hold([digest]) == set()
        put(b"once" * 100)
        store.evict(10)
        assert store.has(digest)


def test_a_list_of_objects_that_was_cut_short_still_holds_the_whole_ones(store, put):
    digest = put(b"x" * 100)
    with store.lease() as lease:
        lease.hold([digest])
        with (store.folder("leases") / lease.name).open("ab") as file:
            file.write(b"torn")
        store.evict(10)
        assert store.has(digest)


def test_one_process_at_a_time_has_a_stripe(store):
    ours, theirs = store.stripes(), Stripes(store.folder("locks"))
    assert ours.take(7)
    assert not theirs.take(7)
    assert theirs.take(8)
    ours.release()
    assert theirs.take(7)
    theirs.release()


def test_a_child_that_was_forked_meanwhile_does_not_keep_a_stripe(store):
    stripes, other = store.stripes(), store.stripes()
    assert stripes.take(3)
    reader, writer = os.pipe()
    child = os.fork()
    if not child:  # the child only lives, with everything that was open
        os.close(writer)
        os.read(reader, 1)
        os._exit(0)
    os.close(reader)
    try:
        stripes.release()
        assert other.take(3)
        other.release()
    finally:
        os.close(writer)
        os.waitpid(child, 0)


def test_the_gate_lets_many_pass_and_one_alone(store):
    locks = store.folder("locks")
    with gate(locks), gate(locks):
        probe = os.open(locks / "gate", os.O_RDWR)
        assert not try_lock(probe)
        os.close(probe)
    with gate(locks, alone=True):
        pass
