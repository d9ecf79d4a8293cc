"""The policy gradient of sampled captions is, in expectation, the gradient of their expected reward."""

from itertools import product

import pytest
import torch
from torch import Tensor

from diptych.losses.policy_gradient import leave_one_out, policy_gradient_loss

WORDS, LENGTH, END = 3, 3, 0


def every_caption() -> list[tuple[int, ...]]:
    """All captions of at most `LENGTH` words, the last of which is `END` or cut off."""
    cut = [c for c in product(range(WORDS), repeat=LENGTH) if END not in c[:-1]]
    return cut + [(*c, END) for n in range(LENGTH - 1) for c in product(range(1, WORDS), repeat=n)]


def token_log_probs(table: Tensor, caption: tuple[int, ...]) -> Tensor:
    """By a policy with a row of logits for each place and word before; 0 after the end."""
    before = (WORDS, *caption[:-1])
    log_probs = [table[t, before[t]].log_softmax(0)[word] for t, word in enumerate(caption)]
    return torch.stack([*log_probs, *[table.new_zeros(())] * (LENGTH - len(caption))])


@pytest.fixture
def policy():
    generator = torch.Generator().manual_seed(0)
    table = torch.randn(LENGTH, WORDS + 1, WORDS, dtype=torch.float64, generator=generator).requires_grad_()
    captions = every_caption()
    rewards = torch.rand(len(captions), dtype=torch.float64, generator=generator)
    return table, torch.stack([token_log_probs(table, caption) for caption in captions]), rewards


def test_all_captions_together_have_probability_one(policy):
    _, log_probs, _ = policy
    assert log_probs.sum(1).exp().sum().item() == pytest.approx(1)


@pytest.mark.parametrize("number", [2, 3])
def test_with_a_leave_one_out_baseline_the_expected_gradient_is_exact(policy, number):
    """By enumeration of every set of samples that an image may get."""
    table, log_probs, rewards = policy
    probs = log_probs.sum(1).exp()
    (exact,) = torch.autograd.grad(-(probs * rewards).sum(), table, retain_graph=True)
    draws = torch.tensor(list(product(range(len(rewards)), repeat=number)))
    drawn = rewards[draws]
    advantages = drawn - leave_one_out(drawn)
    losses = policy_gradient_loss(log_probs[draws.flatten()], advantages.flatten()).view_as(drawn).mean(1)
    weights = probs.detach()[draws].prod(1)
    (estimated,) = torch.autograd.grad((weights * losses).sum(), table)
    torch.testing.assert_close(estimated, exact, rtol=1e-9, atol=1e-12)
    assert exact.abs().max() > 1e-3


def test_a_baseline_leaves_its_own_sample_out():
    rewards = torch.tensor([[1.0, 2.0, 6.0], [0.0, 0.0, 3.0]])
    torch.testing.assert_close(leave_one_out(rewards), torch.tensor([[4.0, 3.5, 1.5], [1.5, 1.5, 0.0]]))
    changed = rewards.clone()
    changed[:, 1] = 100
    assert torch.equal(leave_one_out(changed)[:, 1], leave_one_out(rewards)[:, 1])


def test_equal_captions_teach_nothing():
    rewards = torch.full((2, 4), 0.7)
    assert not (rewards - leave_one_out(rewards)).any()


def test_one_sample_has_nothing_to_be_compared_with():
    with pytest.raises(ValueError, match="at least 2 samples"):
        leave_one_out(torch.zeros(3, 1))


def test_rewards_take_no_gradient():
    advantages, log_probs = torch.ones(2, requires_grad=True), torch.zeros(2, 3, requires_grad=True)
    policy_gradient_loss(log_probs, advantages).sum().backward()
    assert advantages.grad is None
    assert torch.equal(log_probs.grad, -torch.ones(2, 3))
