"""Features in a file: whole after a kill, made once, and never taken for those of another picture."""

import multiprocessing
import os
import pickle
import signal
import time

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from diptych.data.feature_cache.filling import Filling
from diptych.data.feature_cache.store import FEATURES, ROWS, FeatureRows, FeatureStore, Layout

LAYOUT = Layout(pooled_dim=2, num_regions=3, region_dim=4)
DIGESTS = [f"{number:016x}" for number in range(12)]


class Pictures:
    """A batch of pictures, which are numbers."""

    def __init__(self, numbers):
        self.numbers = numbers

    def __len__(self):
        return len(self.numbers)


def opener(split, indices, at_once):
    del split
    return (Pictures(indices[start : start + at_once]) for start in range(0, len(indices), at_once))


def encode(batch):
    return np.stack([np.arange(LAYOUT.width, dtype=np.float16) + 100 * number for number in batch.numbers])


@pytest.fixture
def store(tmp_path):
    return FeatureStore(tmp_path / "features", LAYOUT)


def filled(store, digests=DIGESTS):
    return Filling(store, {"train": digests}).fill(opener, encode)


def read(store, digests=DIGESTS):
    places = store.places()
    rows = FeatureRows(store, [places[digest] for digest in digests])
    return [torch.cat([part.flatten() for part in rows.read(i)]).numpy() for i in range(len(digests))]


def test_a_row_is_read_as_it_was_written(store):
    filled(store)
    assert np.array_equal(read(store), encode(Pictures(range(12))))
    pooled, regions = FeatureRows(store, [store.places()[DIGESTS[1]]]).read(0)
    assert (pooled.shape, regions.shape) == ((2,), (3, 4))
    assert regions[0, 0] == 102


def test_each_content_has_one_row_and_a_second_filling_makes_none(store):
    twice = {"train": [*DIGESTS, DIGESTS[3]], "val": DIGESTS[:4]}
    assert Filling(store, twice).fill(opener, encode) == 12
    assert Filling(store, twice).fill(opener, encode) == 0
    assert store.num_bytes == 12 * LAYOUT.num_bytes


@pytest.mark.parametrize("lost", [1, LAYOUT.num_bytes - 1, LAYOUT.num_bytes, 5 * LAYOUT.num_bytes + 3])
def test_rows_that_a_kill_cut_off_are_made_anew(store, lost):
    filled(store)
    os.truncate(store.path, store.num_bytes - lost)
    assert filled(store) == -(-lost // LAYOUT.num_bytes)
    assert np.array_equal(read(store), encode(Pictures(range(12))))


@pytest.mark.parametrize("extra", [1, LAYOUT.num_bytes - 1, LAYOUT.num_bytes + 1])
def test_rows_are_read_before_a_half_written_tail(store, extra):
    filled(store)
    with store.path.open("ab") as file:
        file.write(b"x" * extra)
    assert np.array_equal(read(store), encode(Pictures(range(12))))


@given(st.integers(0, 400))
def test_a_journal_that_a_kill_cut_off_names_whole_rows_alone(tmp_path_factory, torn):
    store = FeatureStore(tmp_path_factory.mktemp("torn"), LAYOUT)
    filled(store)
    journal = store.folder / ROWS
    os.truncate(journal, max(0, journal.stat().st_size - torn))
    filled(store)
    assert np.array_equal(read(store), encode(Pictures(range(12))))
    assert store.num_bytes == 12 * LAYOUT.num_bytes


def test_an_error_in_the_middle_keeps_what_was_done(store):
    def failing(batch):
        if 64 in batch.numbers:
            raise RuntimeError("no memory")
        return encode(batch)

    many = [f"{number:016x}" for number in range(80)]
    with pytest.raises(RuntimeError, match="no memory"):
        Filling(store, {"train": many}).fill(opener, failing)
    assert filled(store, many) == 16
    assert np.array_equal(read(store, many), encode(Pictures(range(80))))


def test_a_damaged_row_is_refused_by_the_name_of_its_folder(store):
    filled(store)
    with store.path.open("r+b") as file:
        file.seek(7 * LAYOUT.num_bytes)
        file.write(b"\xff\xff")
    rows = FeatureRows(store, [store.places()[digest] for digest in DIGESTS])
    rows.read(6)
    with pytest.raises(ValueError, match=r"row 7 is not what was written; delete the folder .*features"):
        rows.read(7)


@pytest.mark.parametrize("line", ["[]", "[0]", '["a",1,2]', "[1,2,3]", '[-1,"x",0]', '[99,"x",0]', "{}", "no"])
def test_lines_that_are_no_rows_name_no_picture(store, line):
    filled(store)
    before = store.places()
    with (store.folder / ROWS).open("a") as file:
        file.write(line + "\n")
    assert store.places() == before


def test_rows_travel_to_a_worker_without_their_map(store):
    filled(store)
    rows = FeatureRows(store, [store.places()[digest] for digest in DIGESTS])
    first = rows.read(5)
    assert len(pickle.dumps(rows)) < 5_000
    assert torch.equal(pickle.loads(pickle.dumps(rows)).read(5)[1], first[1])


def _fill_slowly(store, counts):
    def slow(batch):
        time.sleep(0.02)
        return encode(batch)

    many = [f"{number:016x}" for number in range(320)]
    counts.put(Filling(store, {"train": many}).fill(opener, slow))


def test_of_two_processes_at_once_one_fills(store):
    context = multiprocessing.get_context("fork")
    counts = context.Queue()
    workers = [context.Process(target=_fill_slowly, args=(store, counts)) for _ in range(2)]
    for worker in workers:
        worker.start()
    assert sorted(counts.get(timeout=60) for _ in workers) == [0, 320]
    for worker in workers:
        worker.join()
    assert store.num_bytes == 320 * LAYOUT.num_bytes


def test_a_filling_that_was_killed_goes_on(store):
    context = multiprocessing.get_context("fork")
    worker = context.Process(target=_fill_slowly, args=(store, context.Queue()))
    worker.start()
    while not (store.folder / FEATURES).exists() or store.num_bytes < 64 * LAYOUT.num_bytes:
        time.sleep(0.005)
    os.kill(worker.pid, signal.SIGKILL)
    worker.join()
    done = len(store.places())
    many = [f"{number:016x}" for number in range(320)]
    assert 0 < done < 320
    assert filled(store, many) == 320 - done
    assert np.array_equal(read(store, many), encode(Pictures(range(320))))
