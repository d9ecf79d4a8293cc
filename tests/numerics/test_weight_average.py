import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from diptych.systems.ema import WeightAverage, decay


def step_function(average: WeightAverage, network: nn.Linear, updates: int, images: int, images_seen: int) -> float:
    """What the average says after the weights jumped from 0 to 1 and stayed there."""
    nn.init.zeros_(average.network.weight)
    nn.init.ones_(network.weight)
    for _ in range(updates):
        average.update(network, images=images, images_seen=images_seen)
    return float(average.network.weight[0, 0])


@pytest.mark.parametrize("images", [1, 5, 50, 100])
def test_after_one_half_life_new_weights_count_half(images: int):
    network = nn.Linear(1, 1, bias=False)
    average = WeightAverage(network, half_life_images=100)
    value = step_function(average, network, updates=100 // images, images=images, images_seen=10**9)
    assert value == pytest.approx(0.5, abs=1e-5)


def test_two_half_lives_leave_a_quarter():
    network = nn.Linear(1, 1, bias=False)
    average = WeightAverage(network, half_life_images=64)
    assert step_function(average, network, updates=16, images=8, images_seen=10**9) == pytest.approx(0.75, abs=1e-5)


def test_the_half_life_warms_up_as_a_twentieth_of_the_images_seen():
    assert decay(64, 64, 1e9) == pytest.approx(0.5 ** (64 / 3.2))
    assert decay(64, 6400, 1e9) == pytest.approx(0.5 ** (64 / 320))
    assert decay(64, 10**6, 1000) == pytest.approx(0.5 ** (64 / 1000))


def test_with_half_life_zero_the_average_is_the_network():
    network = nn.Linear(3, 3)
    average = WeightAverage(network, half_life_images=0)
    nn.init.normal_(network.weight)
    average.update(network, images=4, images_seen=4)
    assert torch.equal(average.network.weight, network.weight)


def test_buffers_are_copied_and_not_averaged():
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    average = WeightAverage(network, half_life_images=1000)
    for _ in range(3):
        network(torch.randn(4, 1, 8, 8))
        average.update(network, images=4, images_seen=10**6)
    for (name, mine), (_, its) in zip(average.network.named_buffers(), network.named_buffers(), strict=True):
        assert torch.equal(mine, its), name
    assert int(average.network[1].num_batches_tracked) == 3


def test_spectral_normalisation_survives_averaging():
    """Averaging its vectors would break the norm; copying them keeps the averaged layer's gain at most about one."""
    network = parametrizations.spectral_norm(nn.Linear(16, 16, bias=False))
    average = WeightAverage(network, half_life_images=20)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    for seen in range(4, 200, 4):
        optimizer.zero_grad()
        network(torch.randn(4, 16)).square().mean().backward()
        optimizer.step()
        average.update(network, images=4, images_seen=10**6 + seen)
    gain = float(torch.linalg.matrix_norm(average.network.weight.detach(), 2))
    assert gain == pytest.approx(1, abs=0.1)


def test_an_average_never_trains_and_never_learns():
    network = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))
    average = WeightAverage(network, half_life_images=10).train()
    assert not any(module.training for module in average.modules())
    assert not any(parameter.requires_grad for parameter in average.parameters())
    nn.ModuleDict({"both": average}).train()
    assert not average.network.training
    assert network.training


def test_an_average_shares_nothing_with_its_network():
    network = nn.Linear(2, 2)
    average = WeightAverage(network, half_life_images=10)
    nn.init.zeros_(network.weight)
    assert average.network.weight.abs().sum() > 0
