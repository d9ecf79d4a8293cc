from itertools import chain, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.data.captioned import PartlyCaptioned
from diptych.data.loading.stream import Stream, order_of, permutation
from diptych.data.shards.ahead import Ahead
from diptych.data.shards.order import BlockOrder

SHARD_SIZES = st.lists(st.integers(0, 9), min_size=1, max_size=12).filter(any)
GROUPS = st.integers(1, 5)


def blocks(sizes: list[int], group: int) -> BlockOrder:
    return BlockOrder(np.repeat(np.arange(len(sizes)), sizes), group)


@given(SHARD_SIZES, GROUPS, st.integers(0, 5), st.integers(0, 5))
def test_each_pass_is_a_permutation(sizes, group, seed, number):
    order = blocks(sizes, group).order(seed, number)
    assert sorted(order.tolist()) == list(range(sum(sizes)))


@given(SHARD_SIZES, GROUPS, st.integers(0, 5))
def test_a_group_of_shards_is_visited_as_a_whole_before_the_next(sizes, group, number):
    shard_of = np.repeat(np.arange(len(sizes)), sizes)
    order, groups = blocks(sizes, group).order(3, number), list(blocks(sizes, group).groups(3, number))
    assert all(len(each) == group for each in groups[:-1])
    assert sorted(chain(*groups)) == [shard for shard, size in enumerate(sizes) if size]
    start = 0
    for each in groups:
        end = start + sum(sizes[shard] for shard in each)
        assert set(shard_of[order[start:end]]) == set(each)
        start = end


@given(st.lists(st.integers(5, 9), min_size=4, max_size=8), GROUPS)
def test_passes_and_seeds_have_orders_of_their_own(sizes, group):
    one = blocks(sizes, group)
    orders = [one.order(seed, number).tolist() for seed in (0, 1) for number in (0, 1)]
    assert len(set(map(tuple, orders))) == 4
    assert one.order(1, 1).tolist() == orders[3]


def test_the_order_is_the_same_on_every_machine_and_in_every_version():
    assert blocks([2, 3, 4], 2).order(seed=7, number=0).tolist() == [6, 7, 1, 8, 0, 5, 2, 3, 4]


@given(SHARD_SIZES, GROUPS, st.integers(1, 3), st.integers(1, 4))
def test_the_ranks_parts_are_disjoint_and_together_the_pass(sizes, group, ranks, share):
    order, size = blocks(sizes, group).order, sum(sizes)

    def part(rank: int) -> Stream:
        return Stream(size=size, batch_size=ranks * share, seed=5, rank=rank, world_size=ranks, order=order)

    batches = range(-(-2 * size // (ranks * share)))
    drawn = sorted((each.draw, each.index) for rank in range(ranks) for n in batches for each in part(rank).batch(n))
    for number in (0, 1):
        pass_of = [index for draw, index in drawn if draw // size == number]
        assert pass_of == order(5, number).tolist()


@given(st.lists(st.integers(0, 6), min_size=1, max_size=60), GROUPS)
def test_shards_may_hold_any_examples_of_a_split(shard_of, group):
    order = BlockOrder(np.asarray(shard_of), group).order(0, 0)
    visited = np.asarray(shard_of)[order]
    changes = [visited[0]] + [b for a, b in pairwise(visited) if a != b]
    assert sorted(order.tolist()) == list(range(len(shard_of)))
    assert group > 1 or len(changes) == len(set(shard_of))


class File:
    def __init__(self, unit: int, fetched: list[int]) -> None:
        self.unit, self.fetched = unit, fetched

    def fetch(self) -> None:
        self.fetched.append(self.unit)
        raise OSError("a failure is left to whoever reads the shard")


@given(SHARD_SIZES, GROUPS, st.integers(0, 3))
def test_what_is_fetched_ahead_are_the_groups_that_follow(sizes, group, number):
    order, fetched, size = blocks(sizes, group), [], sum(sizes)
    shard_of = np.repeat(np.arange(len(sizes)), sizes)
    ahead = Ahead(order, 3, size, lambda unit: File(unit, fetched) if unit % 2 else Path(str(unit)))
    for place, index in enumerate(order.order(3, number)):
        ahead.at(int(shard_of[index]), number * size + place)
    expected = [unit for each in list(order.groups(3, number))[1:] for unit in each]
    expected += next(order.groups(3, number + 1))
    while len(fetched) < sum(unit % 2 for unit in expected):
        assert ahead._thread is not None
        assert ahead._thread.is_alive()
    assert fetched == [unit for unit in expected if unit % 2]


def test_an_order_takes_four_bytes_an_example():
    assert BlockOrder(np.arange(100_000) // 1000, 16).order(0, 0).nbytes == 400_000


@pytest.mark.parametrize("wrapped", [False, True])
def test_examples_without_an_order_are_visited_as_before(wrapped):
    class Plain:
        size = 30

        def captions_of(self, index: int) -> tuple[str, ...]:
            return ()

        def __getitem__(self, request):
            raise NotImplementedError

    examples = PartlyCaptioned(Plain(), 0.5) if wrapped else Plain()
    assert order_of(examples)(4, 2) == permutation(30, 4, 2)
