from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.data.shards.names import names_of

PARTS = st.lists(st.sampled_from("abc"), min_size=1, max_size=4)
SHARDS = st.lists(
    st.tuples(st.sampled_from(["/data/root", "/elsewhere", "https://host"]), PARTS), max_size=8, unique_by=str
)


def shard(place: str, parts: list[str]) -> str | Path:
    address = "/".join([place, *parts]) + ".tar"
    return address if place.startswith("https") else Path(address)


@given(SHARDS)
def test_two_shards_never_have_one_name(given_shards):
    names = names_of([shard(*each) for each in given_shards], Path("/data/root"))
    assert len(set(names)) == len(names) == len(given_shards)


@given(SHARDS, st.randoms())
def test_a_name_does_not_depend_on_the_place_of_the_data_or_the_order_of_shards(given_shards, random):
    before = names_of([shard(*each) for each in given_shards], Path("/data/root"))
    order = random.sample(range(len(given_shards)), len(given_shards))
    moved = [("/new" if place == "/data/root" else place, parts) for place, parts in given_shards]
    assert names_of([shard(*moved[i]) for i in order], Path("/new")) == [before[i] for i in order]


@pytest.mark.parametrize(
    ("shards", "names"),
    [
        (["https://host/birds/0.tar?key=secret", "https://host/birds/1.tar"], ["0.tar", "1.tar"]),
        (["https://host/train/0.tar", "https://host/test/0.tar"], ["train/0.tar", "test/0.tar"]),
        (["https://one/0.tar", "https://two/0.tar"], ["one/0.tar", "two/0.tar"]),
        ([Path("/photographs/train/0.tar"), Path("/photographs/1.tar")], ["train/0.tar", "1.tar"]),
        ([Path("/photographs/../other/0.tar")], ["0.tar"]),
        ([Path("/photographs/0.tar"), "https://host/birds/0.tar"], ["0.tar", "birds/0.tar"]),
    ],
)
def test_a_name_is_the_path_below_the_root_or_the_shortest_tail_that_tells(shards, names):
    assert names_of(shards, Path("/photographs")) == names
