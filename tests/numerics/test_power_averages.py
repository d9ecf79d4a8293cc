"""Averages whose length is chosen afterwards, against their definition."""

import numpy as np
import pytest
import torch
from torch import nn

from diptych.systems.power_averages import PowerAverages, mixture_of, power_of


@pytest.mark.parametrize("length", [0.02, 0.05, 0.1, 0.2])
def test_a_length_is_the_relative_deviation_of_its_weight(length):
    power, times = power_of(length), np.linspace(0, 1, 200_001)
    weight = times**power
    mean = np.average(times, weights=weight)
    assert np.average((times - mean) ** 2, weights=weight) ** 0.5 == pytest.approx(length, rel=1e-3)


def test_the_articles_powers():
    """EDM2 (arXiv:2312.02696) keeps gamma 16.97 and 6.94 for lengths 0.05 and 0.10."""
    assert power_of(0.05) == pytest.approx(16.97, abs=0.01)
    assert power_of(0.10) == pytest.approx(6.94, abs=0.01)


def averaged(lengths=(0.05, 0.1), steps=400, start_images=0, rate=lambda step: step):
    """A network of one weight that is `rate(step)` after each step of ten images."""
    network = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(network.weight)
    averages = PowerAverages(network, lengths, start_images=start_images)
    for step in range(1, steps + 1):
        nn.init.constant_(network.weight, rate(step))
        averages.update(network, images=10, images_seen=10 * step)
    return averages, network


@pytest.mark.parametrize("length", [0.05, 0.1])
def test_weights_of_the_past_count_by_a_power_of_time(length):
    averages, _ = averaged()
    power, steps = power_of(length), torch.arange(1, 401, dtype=torch.float64)
    weight = (steps / 400) ** (power + 1) - ((steps - 1) / 400) ** (power + 1)
    assert averages.of_length(length).weight.item() == pytest.approx((weight * steps).sum().item(), rel=1e-3)


def test_between_the_lengths_is_a_mixture_that_is_nearly_the_average_itself():
    averages, _ = averaged()
    kept, _ = averaged(lengths=(0.07,))
    assert averages.of_length(0.07).weight.item() == pytest.approx(kept.network.weight.item(), rel=0.02)
    shares = mixture_of([power_of(0.05), power_of(0.1)], power_of(0.07))
    assert sum(shares) == pytest.approx(1)
    assert mixture_of([power_of(0.05), power_of(0.1)], power_of(0.1)) == pytest.approx([0, 1], abs=1e-9)


def test_outside_of_the_lengths_there_is_none():
    with pytest.raises(ValueError, match=r"ema=0\.2: this run keeps averages of length 0\.05 to 0\.1; take"):
        averaged(steps=1)[0].of_length(0.2)
    with pytest.raises(ValueError, match=r"average_lengths: 0\.5 is no length"):
        PowerAverages(nn.Linear(1, 1), [0.5])
    with pytest.raises(ValueError, match="give each length once"):
        PowerAverages(nn.Linear(1, 1), [0.05, 0.05])


def test_what_is_frozen_and_shared_stays_as_it_is_bit_for_bit():
    class Shared(nn.Linear):
        def __deepcopy__(self, memo):
            return self

    network = nn.Sequential(Shared(3, 3).requires_grad_(False), nn.Linear(3, 1))
    averages, before = PowerAverages(network, [0.05, 0.1]), network[0].weight.clone()
    averages.update(network, images=10, images_seen=1_000)
    averages.of_length(0.07)
    assert network[0].weight.equal(before)


def test_before_a_network_begins_to_learn_its_average_is_the_network():
    averages, network = averaged(steps=30, start_images=300)
    assert averages.network.weight.equal(network.weight)
    later, _ = averaged(steps=60, start_images=300)
    fresh, _ = averaged(steps=30, rate=lambda step: step + 30)
    assert later.network.weight.item() == pytest.approx(fresh.network.weight.item(), rel=1e-6)


def test_buffers_are_those_of_now_and_nothing_is_trained():
    norm = nn.BatchNorm1d(2)
    averages = PowerAverages(norm, [0.05, 0.1])
    norm(torch.randn(8, 2))
    averages.train()
    averages.update(norm, images=8, images_seen=800)
    assert averages.copies[1].running_mean.equal(norm.running_mean)
    assert not averages.copies[0].training
    assert not any(parameter.requires_grad for parameter in averages.parameters())
