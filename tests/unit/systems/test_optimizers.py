from functools import partial

import pytest
import torch
from torch import nn

from diptych.systems.optimizers import check_finite, clip, optimizer_for, set_learning_rate
from diptych.systems.schedules import Cosine, Linear


def test_a_helper_learns_at_its_own_rate():
    optimizer = optimizer_for(partial(torch.optim.Adam, lr=0.1), nn.Linear(2, 2), (nn.Linear(2, 2), 3.0))
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.1, 0.3])


def test_a_helper_that_is_not_there_has_no_group():
    optimizer = optimizer_for(partial(torch.optim.Adam, lr=0.1), nn.Linear(2, 2), (None, 3.0))
    assert len(optimizer.param_groups) == 1


def test_following_no_schedule_leaves_the_rates_alone():
    optimizer = optimizer_for(partial(torch.optim.SGD, lr=0.1), nn.Linear(2, 2), (None, 1.0))
    assert set_learning_rate(None, optimizer, 10) == 0.1


def test_following_a_schedule_twice_is_following_it_once():
    optimizer = optimizer_for(partial(torch.optim.SGD, lr=0.1), nn.Linear(2, 2), (nn.Linear(2, 2), 2.0))
    rates = [set_learning_rate(Linear(total_images=100), optimizer, 25) for _ in range(3)]
    assert rates == pytest.approx([0.075] * 3)
    assert optimizer.param_groups[1]["lr"] == pytest.approx(0.15)


def test_a_linear_schedule_is_straight_and_then_flat():
    schedule = Linear(total_images=100, final=0.2)
    assert [schedule(n) for n in (0, 50, 100, 500)] == pytest.approx([1, 0.6, 0.2, 0.2])


def test_a_cosine_schedule_has_its_closed_form():
    schedule = Cosine(total_images=100, final=0.2)
    assert [schedule(n) for n in (0, 50, 100, 500)] == pytest.approx([1, 0.6, 0.2, 0.2])
    assert schedule(25) == pytest.approx(0.2 + 0.8 * (1 + 0.5**0.5) / 2)


@pytest.mark.parametrize("kind", [Linear, Cosine])
def test_warming_up_is_straight_and_postpones_the_rest(kind):
    schedule = kind(total_images=120, warmup_images=20)
    assert [schedule(n) for n in (0, 5, 10, 20, 120)] == pytest.approx([0, 0.25, 0.5, 1, 0])
    assert schedule(70) == pytest.approx(0.5)


def test_clipping_reports_the_norm_before_it():
    layer = nn.Linear(1, 1)
    layer.weight.grad, layer.bias.grad = torch.tensor([[3.0]]), torch.tensor([4.0])
    optimizer = torch.optim.SGD(layer.parameters(), lr=1)
    assert float(clip(optimizer, None)) == 5
    assert float(clip(optimizer, 1.0)) == 5
    assert float(clip(optimizer, None)) == pytest.approx(1, rel=1e-4)


def test_the_loss_that_is_not_finite_is_named():
    losses = {"d_loss": torch.tensor(1.0), "contrastive_loss": torch.tensor(float("inf"))}
    with pytest.raises(FloatingPointError, match="contrastive_loss is inf after 1,200 images"):
        check_finite(losses, 1200)
    check_finite({"d_loss": torch.tensor(1.0)}, 1200)
