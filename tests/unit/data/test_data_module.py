from itertools import islice
from types import SimpleNamespace

import pytest
import torch


def _keys(loader, number: int) -> list[tuple[str, ...]]:
    return [batch.keys for batch in islice(loader, number)]


@pytest.mark.parametrize("kind", ["digits", "scenes"])
def test_resumed_training_goes_on_with_the_next_batch(kind, request):
    build = request.getfixturevalue(kind)
    whole = list(islice(build(seed=3).train_dataloader(), 7))
    stopped = build(seed=3)
    stopped.batches_consumed = 5
    resumed = build(seed=3)
    resumed.load_state_dict(stopped.state_dict())
    for expected, batch in zip(whole[5:], resumed.train_dataloader(), strict=False):
        assert batch.keys == expected.keys
        assert torch.equal(batch.images, expected.images)
        assert torch.equal(batch.tokens, expected.tokens)
    assert resumed.state_dict() == {"batches": 5}


@pytest.mark.parametrize("kind", ["digits", "scenes"])
def test_the_seed_orders_training_and_never_changes_the_evaluation_sets(kind, request):
    build = request.getfixturevalue(kind)
    one, other = build(seed=1), build(seed=2)
    pairs = zip(islice(one.train_dataloader(), 2), other.train_dataloader(), strict=False)
    assert all(not torch.equal(a.images, b.images) for a, b in pairs)
    for mine, theirs in zip(one.val_dataloader(), other.val_dataloader(), strict=True):
        assert torch.equal(mine.images, theirs.images)
        assert torch.equal(mine.tokens, theirs.tokens)
        assert mine.references == theirs.references


@pytest.mark.parametrize("kind", ["digits", "scenes"])
def test_the_devices_share_the_batch_of_one(kind, request):
    build = request.getfixturevalue(kind)

    def part(rank: int, world_size: int):
        data = build()
        data.trainer = SimpleNamespace(global_rank=rank, world_size=world_size)
        return _keys(data.train_dataloader(), 3), _keys(data.val_dataloader(), 1000)

    (first, first_val), (second, second_val), (whole, whole_val) = part(0, 2), part(1, 2), part(0, 1)
    assert [a + b for a, b in zip(first, second, strict=True)] == whole
    assert sorted(sum(first_val + second_val, ())) == sorted(sum(whole_val, ()))


def test_setting_up_twice_reads_once(digits):
    data = digits()
    splits = data.splits
    data.setup("test")
    assert data.splits is splits


def test_token_rows_are_as_many_as_asked_for_and_padded_together(scenes):
    batch = next(iter(scenes(captions_per_image=3, complete_prob=0.5).train_dataloader()))
    assert batch.tokens.shape[:2] == (8, 3)
    assert batch.token_mask.any(1).any(0).all()
    assert torch.equal(batch.token_mask, batch.tokens != 0)


def test_an_infinite_split_cannot_be_evaluated(scenes):
    with pytest.raises(ValueError, match="train split of scenes is infinite"):
        scenes().evaluation_dataloader("train")
