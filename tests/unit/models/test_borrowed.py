import copy

import torch
from torch import nn

from diptych.models.borrowed import Borrowed


class Holder(nn.Module):
    """A layer of its own, and one that is lent."""

    def __init__(self, lent: nn.Module) -> None:
        super().__init__()
        self.own, self.part = nn.Linear(2, 2), Borrowed(lent)


def test_a_borrowed_network_goes_where_its_holder_goes():
    lent = nn.Linear(2, 2)
    Holder(lent).to("meta")
    assert lent.weight.device.type == "meta"


def test_a_borrowed_network_takes_the_precision_of_its_holder():
    lent = nn.Linear(2, 2)
    Holder(lent).double()
    assert lent.weight.dtype == torch.float64


def test_a_borrowed_network_is_neither_trained_nor_saved_nor_copied():
    lent = nn.Linear(2, 2)
    holder = Holder(lent)
    assert {name for name, _ in holder.named_parameters()} == {"own.weight", "own.bias"} == set(holder.state_dict())
    assert copy.deepcopy(holder).part.network is lent
    lent.eval()
    holder.train()
    assert not lent.training


def test_nothing_is_held_before_it_is_lent():
    holder = Holder(nn.Linear(2, 2))
    holder.part = Borrowed()
    assert holder.part.network is None
    holder.to("meta")
    lent = nn.Linear(1, 1)
    holder.part.lend(lent)
    assert holder.part.network is lent
