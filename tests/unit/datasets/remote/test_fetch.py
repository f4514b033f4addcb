"""Every object is read once, whole, and by one of those that want it."""

from __future__ import annotations

import asyncio
import threading

import pytest

from workbench.datasets.remote import fetch as fetching
from workbench.datasets.remote.entries import Entry, rows
from workbench.datasets.remote.fetch import fetch
from workbench.datasets.remote.listing import list_remote
from workbench.datasets.remote.transport import AnyTransport, open_transport
from workbench.datasets.store import Store
from workbench.datasets.store.partial import RANGE_BYTES
from workbench.errors import DatasetError, StorageError

pytestmark = pytest.mark.slow

MANY = {f"images/{number:03d}.jpg": b"photo %d" % number for number in range(200)}


class Watched(AnyTransport):
    """The file system in memory, with a list of what is read, and something done before each read."""

    def __init__(self, files, before=lambda entry, start: None):
        super().__init__(files)
        self.asked = []
        self.before = before

    async def chunks(self, entry, start, end):
        self.asked.append((entry.path, start))
        self.before(entry, start)
        await asyncio.sleep(0)
        async for chunk in super().chunks(entry, start, end):
            yield chunk


@pytest.fixture
def impatient(monkeypatch):
    """Try again without pauses."""
    monkeypatch.setattr("workbench.datasets.remote.transport._FIRST_PAUSE_S", 0.0)


def _listed(uri, lease):
    return list(rows(list_remote(uri, open_transport(uri), lease).listing))


def test_what_is_in_the_store_is_not_read_again(upload, memory, lease):
    entries = _listed(upload(MANY), lease)
    first, second = Watched(memory), Watched(memory)
    assert len(fetch(entries, first, lease).digests) == 200
    assert sorted(first.asked) == [(path, None) for path in MANY]
    done = fetch(entries, second, lease)
    assert second.asked == []
    assert len(done.digests) == 200
    assert done.moved.bytes_moved == 0


def test_two_jobs_at_once_read_each_object_once_and_both_have_all(upload, memory, store):
    with store.lease() as listing:
        entries = _listed(upload(MANY), listing)
    transports, results = [Watched(memory), Watched(memory)], []

    def work(transport):
        with Store(store.root).lease() as own:
            results.append(fetch(entries, transport, own).digests)

    threads = [threading.Thread(target=work, args=(one,)) for one in transports]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(transports[0].asked + transports[1].asked) == [(path, None) for path in MANY]
    assert results[0] == results[1]
    assert len(results[0]) == 200


def test_a_read_that_fails_once_is_done_again(upload, memory, lease, impatient):
    entries = _listed(upload(MANY), lease)
    failed = set()

    def fail_once(entry, start):
        if entry.path.endswith("7.jpg") and entry.path not in failed:
            failed.add(entry.path)
            raise ConnectionResetError("reset by peer")

    done = fetch(entries, Watched(memory, fail_once), lease)
    assert len(failed) == 20
    assert len(done.digests) == 200
    assert done.moved.bytes == sum(map(len, MANY.values()))


def test_a_server_that_stays_away_is_an_error_and_what_came_stays(upload, memory, lease, impatient):
    entries = _listed(upload(MANY), lease)
    count = []

    def fail_later(entry, start):
        count.append(1)
        if len(count) > 100:
            raise ConnectionResetError("reset by peer")

    transport = Watched(memory, fail_later)
    with pytest.raises(DatasetError, match=r"does not answer: reset by peer.*what was fetched stays") as error:
        fetch(entries, transport, lease)
    assert error.value.fields["retry"] is True
    assert len(set(transport.asked)) < 200  # after the first failure no new reads are begun
    there = lease.store.usage().objects
    assert 0 < there < 200
    again = Watched(memory)
    fetch(entries, again, lease)
    assert len(again.asked) == 200 - there


def test_a_bucket_that_vanishes_in_the_middle_is_an_error_that_is_not_tried_again(upload, memory, lease):
    entries = _listed(upload(MANY), lease)

    def vanish(entry, start):
        if entry.path == "images/100.jpg":
            memory.rm("/pets", recursive=True)

    transport = Watched(memory, vanish)
    with pytest.raises(DatasetError, match=r"There is nothing at 'memory://.*bring it back and try again"):
        fetch(entries, transport, lease)
    assert len(transport.asked) == len(set(transport.asked))
    assert list(lease.store.verify()) == []


def test_an_object_that_changes_while_it_is_read_is_an_error_and_its_bytes_are_not_kept(upload, memory, lease):
    entries = _listed(upload({"images/a.jpg": b"before"}), lease)
    transport = Watched(memory, lambda entry, start: memory.pipe_file("/pets/images/a.jpg", b"after!"))
    with pytest.raises(DatasetError, match=r"changed while it was read.*The version that was listed"):
        fetch(entries, transport, lease)
    assert lease.store.usage().objects == 0


def test_a_big_object_comes_in_ranges_and_a_killed_fetch_goes_on_with_the_rest(upload, memory, store, impatient):
    data = bytes(range(256)) * (3 * RANGE_BYTES // 256) + b"the end"
    with store.lease() as lease:
        entries = _listed(upload({"video.mp4": data}), lease)

        def fail_at_the_end(entry, start):
            if start == 3 * RANGE_BYTES:
                raise ConnectionResetError("cable")

        with pytest.raises(DatasetError, match="cable"):
            fetch(entries, Watched(memory, fail_at_the_end), lease)
    with store.lease() as lease:
        again = Watched(memory)
        done = fetch(entries, again, lease)
        assert again.asked == [("video.mp4", 3 * RANGE_BYTES)]
        assert store.path(done.digests["video.mp4"]).read_bytes() == data
        assert (done.moved.bytes, done.moved.bytes_moved) == (len(data), len(b"the end"))
    assert list(store.folder("partial").iterdir()) == []


def test_bytes_that_had_to_be_read_twice_are_there_once(upload, memory, lease, impatient):
    data = bytes(2 * RANGE_BYTES + 1)
    entries = _listed(upload({"video.mp4": data}), lease)

    class Torn(Watched):
        async def chunks(self, entry, start, end):
            first = (entry.path, start) not in self.asked
            async for chunk in super().chunks(entry, start, end):
                yield chunk[:100] if first else chunk
            if first:
                raise ConnectionResetError("cable")

    done = fetch(entries, Torn(memory), lease)
    assert (done.moved.bytes, done.moved.bytes_moved) == (len(data), len(data) + 201)


def test_a_big_object_that_changes_between_its_ranges_begins_anew(upload, memory, lease):
    old, new = b"a" * (2 * RANGE_BYTES + 1), b"b" * (2 * RANGE_BYTES + 1)
    entries = _listed(upload({"video.mp4": old}), lease)

    def change(entry, start):
        if start == RANGE_BYTES:
            memory.pipe_file("/pets/video.mp4", new)

    with pytest.raises(DatasetError, match="changed while it was read"):
        fetch(entries, Watched(memory, change), lease)
    assert list(lease.store.folder("partial").iterdir()) == []
    done = fetch(_listed("memory://pets", lease), Watched(memory), lease)
    assert lease.store.path(done.digests["video.mp4"]).read_bytes() == new


def test_an_object_of_unknown_size_and_version_is_read_to_its_end_every_time(memory, lease):
    memory.pipe_file("/pets/page.json", b"{}")

    class Silent(Watched):
        async def resolve(self, entry):
            return entry

    entries, transport = [Entry("page.json", "memory:///pets/page.json")], Silent(memory)
    for _ in range(2):
        done = fetch(entries, transport, lease)
        assert lease.store.path(done.digests["page.json"]).read_bytes() == b"{}"
    assert len(transport.asked) == 2
    assert (done.moved.bytes, done.moved.bytes_total, done.moved.files) == (2, 2, 1)


def test_a_disk_that_is_full_is_said_to_be_and_not_taken_for_the_server(upload, memory, lease, monkeypatch):
    def full(descriptor, data, start):
        raise OSError(28, "No space left on device")

    entries = _listed(upload({"video.mp4": bytes(2 * RANGE_BYTES + 1)}), lease)
    monkeypatch.setattr("workbench.datasets.store.partial.os.pwrite", full)
    transport = Watched(memory)
    with pytest.raises(StorageError, match=r"No space left.*what was fetched stays"):
        fetch(entries, transport, lease)
    assert len(transport.asked) == len(set(transport.asked))


def test_progress_ends_with_everything_there(upload, memory, lease):
    seen = []
    fetch(_listed(upload(MANY), lease), Watched(memory), lease, seen.append)
    last = seen[-1]
    assert (last.files, last.files_total) == (200, 200)
    assert last.bytes == last.bytes_total == last.bytes_moved == sum(map(len, MANY.values()))
    assert [one.bytes for one in seen] == sorted(one.bytes for one in seen)


def test_a_store_with_a_bound_is_brought_below_it_after_a_fetch_but_for_what_the_job_holds(upload, memory, tmp_path):
    store = Store(tmp_path / "small", bytes_max=10)
    with store.lease() as lease:
        entries = _listed(upload(MANY), lease)
        fetch(entries, Watched(memory), lease)
        assert store.usage().objects == 200
    with store.lease() as lease:
        fetch(entries[:1], Watched(memory), lease)
        assert store.usage().objects == 1


def test_a_batch_ends_somewhere_so_that_others_get_their_share(monkeypatch, upload, memory, lease):
    monkeypatch.setattr(fetching, "_BATCH_FILES", 10)
    taken = []
    real = fetching.Fetch._take

    def take(self, stripes, todo):
        found = real(self, stripes, todo)
        taken.append(len(found))
        return found

    monkeypatch.setattr(fetching.Fetch, "_take", take)
    fetch(_listed(upload(MANY), lease), Watched(memory), lease)
    assert sum(taken) == 200
    assert max(taken) < 20


def test_a_server_that_sends_without_end_is_not_listened_to(memory, lease):
    sent = []

    class Endless(AnyTransport):
        async def chunks(self, entry, start, end):
            while len(sent) < 100:
                sent.append(entry.path)
                yield b"x" * 10

    with pytest.raises(DatasetError, match="more than 25 bytes"):
        fetch([Entry("a.jpg", "memory://a.jpg", "1", 25)], Endless(memory), lease)
    assert len(sent) == 3
