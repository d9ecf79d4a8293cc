from torch import nn

from diptych.systems.parameter_counts import parameter_counts


def test_what_learns_counts_once_and_frozen_copies_do_not():
    system = nn.Module()
    system.generator = nn.Linear(3, 2)
    system.critic = nn.Sequential(system.generator, nn.Linear(2, 1, bias=False))
    system.generator_average = nn.Linear(3, 2).requires_grad_(False)
    assert parameter_counts(system) == {"generator": 8, "critic": 2}
