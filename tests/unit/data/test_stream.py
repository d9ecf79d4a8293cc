from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.data.loading.stream import Stream, in_order

SIZES = st.integers(1, 40)
BATCHES = st.integers(1, 12)


@given(SIZES | st.none(), BATCHES, st.integers(0, 9), st.integers(0, 30))
def test_starting_at_a_batch_equals_iterating_to_it(size, batch_size, seed, start):
    whole = Stream(size=size, batch_size=batch_size, seed=seed)
    resumed = Stream(size=size, batch_size=batch_size, seed=seed, start=start)
    assert list(islice(whole, start, start + 3)) == list(islice(resumed, 3))


@given(SIZES, BATCHES, st.integers(0, 9))
def test_every_pass_visits_every_example_once(size, batch_size, seed):
    stream = Stream(size=size, batch_size=batch_size, seed=seed)
    visited = [request.index for batch in islice(stream, 3 * size) for request in batch]
    for start in range(0, 3 * size, size):
        assert sorted(visited[start : start + size]) == list(range(size))


@given(SIZES | st.none(), BATCHES)
def test_every_batch_is_full_and_every_draw_has_its_own_number(size, batch_size):
    batches = list(islice(Stream(size=size, batch_size=batch_size, seed=0), 5))
    assert [request.draw for batch in batches for request in batch] == list(range(5 * batch_size))
    assert {len(batch) for batch in batches} == {batch_size}


def test_every_pass_and_every_seed_has_its_own_order():
    def order(seed: int, batch: int) -> list[int]:
        return [request.index for request in Stream(size=50, batch_size=50, seed=seed).batch(batch)]

    assert order(0, 0) != order(0, 1)
    assert order(0, 0) != order(1, 0)


def test_an_infinite_data_set_is_drawn_in_the_order_of_its_numbers():
    batch = Stream(size=None, batch_size=3, seed=5).batch(2)
    assert [request.index for request in batch] == [6, 7, 8]


@given(SIZES | st.none(), st.integers(1, 4), st.integers(1, 4), st.integers(0, 20))
def test_the_ranks_together_draw_the_batch_of_one_process(size, world_size, share, number):
    def part(rank: int, ranks: int):
        return Stream(size=size, batch_size=world_size * share, seed=3, rank=rank, world_size=ranks).batch(number)

    together = [request for rank in range(world_size) for request in part(rank, world_size)]
    assert together == part(0, 1)


def test_a_batch_that_devices_cannot_share_is_refused():
    with pytest.raises(ValueError, match=r"data\.batch_size=10.*all 4 device"):
        Stream(size=5, batch_size=10, seed=0, world_size=4)


def test_an_empty_train_split_is_refused():
    with pytest.raises(ValueError, match="nothing to train on"):
        Stream(size=0, batch_size=1, seed=0)


@given(st.integers(0, 40), BATCHES, st.integers(1, 4))
def test_in_order_gives_every_example_to_exactly_one_rank_without_randomness(size, batch_size, world_size):
    parts = [in_order(size, batch_size, rank, world_size) for rank in range(world_size)]
    requests = [request for part in parts for batch in part for request in batch]
    assert sorted(request.index for request in requests) == list(range(size))
    assert {request.draw for request in requests} <= {None}
