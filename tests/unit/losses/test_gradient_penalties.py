"""Penalties of critics whose gradients are known: a linear one, w x + b, and a quadratic one, x A x / 2 + w x."""

import pytest
import torch
from torch.autograd import gradcheck

from diptych.losses.gradient_penalties import input_gradients, power_penalty, unit_norm_penalty, zero_centred_penalty

RNG = torch.Generator().manual_seed(0)
W = torch.randn(2, 3, 3, generator=RNG, dtype=torch.float64)
HALF = torch.randn(18, 18, generator=RNG, dtype=torch.float64)
A = HALF + HALF.T
IMAGES = torch.randn(5, 2, 3, 3, generator=RNG, dtype=torch.float64)
POWER_6 = lambda gradients: power_penalty(gradients, exponent=6.0)  # noqa: E731
ONE_SIDED = lambda gradients: unit_norm_penalty(gradients, one_sided=True)  # noqa: E731
PENALTIES = {
    "zero-centred": (zero_centred_penalty, lambda norm: norm**2 / 2),
    "unit norm": (unit_norm_penalty, lambda norm: (norm - 1) ** 2),
    "norms of at most one": (ONE_SIDED, lambda norm: (norm - 1).clamp(min=0) ** 2),
    "to the sixth": (POWER_6, lambda norm: norm**6),
}
each_penalty = pytest.mark.parametrize(("penalty", "of_norm"), PENALTIES.values(), ids=PENALTIES)


def linear(images, w=W):
    return (images * w).flatten(1).sum(1) + 3


def quadratic(images, a=A):
    flat = images.flatten(1)
    return (flat @ a * flat).sum(1) / 2 + linear(images)


@each_penalty
@pytest.mark.parametrize("scale", [0.05, 1.0])
def test_a_linear_critic_is_penalised_by_the_norm_of_its_weights(penalty, of_norm, scale):
    images = IMAGES.clone().requires_grad_()
    penalties = penalty(input_gradients(linear(images, scale * W), images))
    torch.testing.assert_close(penalties, of_norm(scale * W.norm()).expand(5))


@each_penalty
def test_a_quadratic_critic_is_penalised_at_each_image_by_itself(penalty, of_norm):
    images = IMAGES.clone().requires_grad_()
    norms = (IMAGES.flatten(1) @ A + W.flatten()).norm(dim=1)
    torch.testing.assert_close(penalty(input_gradients(quadratic(images), images)), of_norm(norms))


def test_one_sided_penalties_let_small_slopes_be():
    gradients = torch.tensor([[0.3, 0.4], [3.0, 4.0]])
    assert unit_norm_penalty(gradients, one_sided=True).tolist() == [0.0, 16.0]
    assert unit_norm_penalty(gradients).tolist() == [0.25, 16.0]


@each_penalty
def test_what_penalties_teach_the_critic_is_their_finite_difference(penalty, of_norm):
    def of_weights(w, half):
        images = IMAGES.clone().requires_grad_()
        return penalty(input_gradients(0.1 * (quadratic(images, half + half.T) + linear(images, w)), images))

    assert gradcheck(of_weights, (W.clone().requires_grad_(), HALF.clone().requires_grad_()))


@each_penalty
def test_a_flat_critic_has_finite_gradients(penalty, of_norm):
    w, images = torch.zeros_like(W, requires_grad=True), IMAGES.clone().requires_grad_()
    penalties = penalty(input_gradients(linear(images, w), images))
    torch.testing.assert_close(penalties, of_norm(torch.zeros(5, dtype=torch.float64)))
    penalties.sum().backward()
    assert w.grad is not None
    assert w.grad.isfinite().all()


def test_the_norm_is_over_all_inputs_together():
    images, sentences = IMAGES.clone().requires_grad_(), torch.zeros(5, 4, dtype=torch.float64, requires_grad=True)
    u = torch.arange(4, dtype=torch.float64)
    gradients = input_gradients(linear(images) + sentences @ u, images, sentences)
    torch.testing.assert_close(gradients, torch.cat([W.flatten(), u]).expand(5, -1))
