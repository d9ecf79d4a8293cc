import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from diptych.systems.modes import evaluating, frozen


@pytest.fixture
def network() -> nn.Sequential:
    convolution = parametrizations.spectral_norm(nn.Conv2d(1, 4, 3))
    return nn.Sequential(convolution, nn.BatchNorm2d(4), nn.Conv2d(4, 1, 3), nn.Dropout(0.5))


def state_of(network: nn.Module) -> list[torch.Tensor]:
    return [tensor.clone() for tensor in network.state_dict().values()]


def test_nothing_in_a_frozen_network_changes(network):
    before = state_of(network)
    with frozen(network):
        network(torch.randn(4, 1, 8, 8, requires_grad=True)).sum().backward()
    assert all(torch.equal(a, b) for a, b in zip(before, state_of(network), strict=True))
    assert all(parameter.grad is None for parameter in network.parameters())


def test_without_freezing_the_same_pass_changes_it(network):
    before = state_of(network)
    network(torch.randn(4, 1, 8, 8))
    assert not all(torch.equal(a, b) for a, b in zip(before, state_of(network), strict=True))


def test_gradients_pass_through_a_frozen_network(network):
    images = torch.randn(4, 1, 8, 8, requires_grad=True)
    with frozen(network):
        network(images).square().sum().backward()
    assert images.grad is not None
    assert images.grad.abs().sum() > 0


def test_a_frozen_network_computes_as_in_training():
    """It still normalises by the batch: the generator must meet the discriminator that was just trained."""
    network, images = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)), torch.randn(4, 1, 8, 8) + 3
    expected = network(images)
    with frozen(network):
        torch.testing.assert_close(network(images), expected)


@pytest.mark.parametrize("fails", [False, True])
def test_freezing_ends_as_it_began(network, fails: bool):
    network[2].requires_grad_(False)
    network[3].eval()
    flags = [p.requires_grad for p in network.parameters()], [m.training for m in network.modules()]
    try:
        with frozen(network, None):
            assert not any(parameter.requires_grad for parameter in network.parameters())
            if fails:
                raise RuntimeError
    except RuntimeError:
        assert fails
    assert flags == ([p.requires_grad for p in network.parameters()], [m.training for m in network.modules()])
    assert network[1].track_running_stats


def test_evaluation_ends_with_each_modules_own_mode(network):
    network[1].eval()
    modes = [module.training for module in network.modules()]
    with evaluating(network, None):
        assert not any(module.training for module in network.modules())
    assert modes == [module.training for module in network.modules()]
