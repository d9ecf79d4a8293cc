import math

import pytest
import torch
from torch.nn import functional as F

from diptych.losses.adversarial import (
    Hinge,
    LeastSquares,
    Minimax,
    NonSaturating,
    Relativistic,
    Wasserstein,
    of_patches,
)

LOGITS = torch.linspace(-8, 8, 33, dtype=torch.float64)
CROSS_ENTROPIES = [Minimax(), NonSaturating()]
OBJECTIVES = [*CROSS_ENTROPIES, Hinge(), LeastSquares(), Wasserstein(), Relativistic()]
P = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
Q = torch.tensor([0.1, 0.3, 0.6], dtype=torch.float64)
"""Real and generated data of three values."""


@pytest.mark.parametrize("objective", CROSS_ENTROPIES)
def test_an_uninformed_discriminator_has_loss_two_log_two(objective):
    assert objective.discriminator(torch.zeros(3), torch.zeros(3)).tolist() == pytest.approx([2 * math.log(2)] * 3)


@pytest.mark.parametrize("objective", CROSS_ENTROPIES)
def test_the_optimal_discriminator_has_loss_two_log_two_minus_twice_the_jensen_shannon_divergence(objective):
    """Goodfellow et al. 2014, theorem 1, on three-valued data: D* = p / (p + q)."""
    p, q = P, Q
    optimal_logits = (p / q).log()
    real_part = objective.discriminator(optimal_logits, torch.full((3,), -1e9, dtype=torch.float64))
    fake_part = objective.discriminator(torch.full((3,), 1e9, dtype=torch.float64), optimal_logits)
    middle = (p + q) / 2
    divergence = (p * (p / middle).log() + q * (q / middle).log()).sum() / 2
    assert (p * real_part + q * fake_part).sum() == pytest.approx(2 * math.log(2) - 2 * float(divergence))


@pytest.mark.parametrize("objective", CROSS_ENTROPIES)
def test_the_discriminator_loss_is_binary_cross_entropy_of_both_sides(objective):
    real, fake = LOGITS, LOGITS.flip(0) / 3
    ones, zeros = torch.ones_like(real), torch.zeros_like(real)
    expected = F.binary_cross_entropy(real.sigmoid(), ones, reduction="none")
    expected = expected + F.binary_cross_entropy(fake.sigmoid(), zeros, reduction="none")
    torch.testing.assert_close(objective.discriminator(real, fake), expected)


def test_minimax_generator_minimises_the_log_of_one_minus_d_exactly():
    torch.testing.assert_close(Minimax().generator(LOGITS, LOGITS), (1 - LOGITS.sigmoid()).log())


def test_minimax_is_one_value_function_played_from_both_sides():
    """With the real side settled, what D loses is what G gains."""
    settled = torch.full_like(LOGITS, 1e9)
    torch.testing.assert_close(Minimax().generator(LOGITS, LOGITS), -Minimax().discriminator(settled, LOGITS))


def test_non_saturating_generator_minimises_minus_log_d_exactly():
    torch.testing.assert_close(NonSaturating().generator(LOGITS, LOGITS), -LOGITS.sigmoid().log())


def test_the_two_cross_entropy_generators_differ_by_the_logit():
    """log(1 - D) - (-log D) = log D(1 - D), and -log D = softplus(-l) = softplus(l) - l."""
    torch.testing.assert_close(NonSaturating().generator(LOGITS, LOGITS), -Minimax().generator(LOGITS, LOGITS) - LOGITS)


def test_only_the_non_saturating_gradient_survives_a_sure_discriminator():
    logits = torch.tensor([-20.0], requires_grad=True)
    (saturated,) = torch.autograd.grad(Minimax().generator(logits, logits).sum(), logits)
    (strong,) = torch.autograd.grad(NonSaturating().generator(logits, logits).sum(), logits)
    assert abs(float(saturated)) < 1e-8
    assert float(strong) == pytest.approx(-1)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_no_loss_and_no_gradient_overflows(objective):
    logits = torch.tensor([-1e4, -100.0, 100.0, 1e4], requires_grad=True)
    loss = objective.discriminator(logits, logits.flip(0)) + objective.generator(logits, logits)
    loss.sum().backward()
    assert loss.isfinite().all()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_hinge_discriminator_loss_is_zero_beyond_both_margins():
    assert Hinge().discriminator(torch.tensor([1.0, 3.0]), torch.tensor([-1.0, -3.0])).tolist() == [0, 0]
    assert Hinge().discriminator(torch.tensor([0.5]), torch.tensor([0.5])).tolist() == [2.0]


def test_hinge_generator_climbs_the_score_at_unit_slope():
    logits = torch.randn(5, requires_grad=True)
    (gradient,) = torch.autograd.grad(Hinge().generator(logits, logits).sum(), logits)
    assert gradient.tolist() == [-1] * 5


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_losses_come_one_per_example(objective):
    real, fake = torch.randn(4), torch.randn(4)
    whole = objective.discriminator(real, fake)
    assert whole.shape == (4,)
    torch.testing.assert_close(whole[2:3], objective.discriminator(real[2:3], fake[2:3]))
    torch.testing.assert_close(objective.generator(fake, real)[1:2], objective.generator(fake[1:2], real[1:2]))


def test_the_loss_of_patches_is_the_mean_over_patches():
    real, fake = LOGITS[:32].unflatten(0, (8, 4)).float(), LOGITS[1:].flip(0).unflatten(0, (8, 4)).float()
    by_patch = [Hinge().discriminator(real[:, i], fake[:, i]) for i in range(4)]
    torch.testing.assert_close(of_patches(Hinge().discriminator, real, fake), torch.stack(by_patch).mean(0))
    torch.testing.assert_close(of_patches(Hinge().generator, fake, real), -fake.mean(1))


def expected_loss(objective, logits: torch.Tensor) -> torch.Tensor:
    """Mean discriminator loss where value i is real with probability P_i and generated with probability Q_i."""
    real, fake = logits[:, None].expand(3, 3), logits[None, :].expand(3, 3)
    pairs = objective.discriminator(real.flatten(), fake.flatten()).unflatten(0, (3, 3))
    return (P[:, None] * Q[None, :] * pairs).sum()


@pytest.mark.parametrize(("fake", "real"), [(0.0, 1.0), (-1.0, 1.0), (2.0, -3.0)])
def test_the_optimal_least_squares_score_is_the_mean_target(fake, real):
    """Mao et al. 2017, equation 5: D* = (b p + a q) / (p + q)."""
    logits = ((real * P + fake * Q) / (P + Q)).requires_grad_()
    loss = expected_loss(LeastSquares(fake_target=fake, real_target=real), logits)
    (gradient,) = torch.autograd.grad(loss, logits)
    torch.testing.assert_close(gradient, torch.zeros_like(gradient))


def test_the_least_squares_generator_minimises_the_chi_squared_divergence():
    """Mao et al. 2017, theorem 1, where b - c = 1 and b - a = 2."""
    objective = LeastSquares(fake_target=-1.0, real_target=1.0, generator_target=0.0)
    logits = (P - Q) / (P + Q)
    of_generator = objective.generator(logits, logits)
    divergence = ((2 * Q - (P + Q)).square() / (P + Q)).sum()
    torch.testing.assert_close(((P + Q) * of_generator).sum(), divergence / 2)


def test_the_least_squares_generator_rests_at_its_target():
    logits = torch.tensor([1.0, 0.0, 3.0], requires_grad=True)
    (gradient,) = torch.autograd.grad(LeastSquares().generator(logits, logits).sum(), logits)
    assert gradient.tolist() == [0.0, -1.0, 2.0]


def test_least_squares_with_one_target_for_both_is_refused():
    with pytest.raises(ValueError, match=r"objective\.fake_target=1.0 is real_target"):
        LeastSquares(fake_target=1.0)


@pytest.mark.parametrize("shift", [-2.5, 0.0, 0.75])
def test_the_best_critic_of_shifted_points_loses_minus_the_distance_and_pulls_at_unit_slope(shift):
    """W1 of points and the same points moved by s is |s|; the best critics of slope 1 fall in the direction of s."""
    points = torch.randn(16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    offset = torch.tensor(shift, dtype=torch.float64, requires_grad=True)
    slopes = torch.linspace(-1, 1, 41, dtype=torch.float64)
    losses = [Wasserstein().discriminator(a * points, a * (points + shift)).mean() for a in slopes]
    assert float(min(losses)) == pytest.approx(-abs(shift))
    best = -math.copysign(1.0, shift)
    moved = best * (points + offset)
    (gradient,) = torch.autograd.grad(Wasserstein().generator(moved, best * points).mean(), offset)
    assert float(gradient) == math.copysign(1.0, shift)


def test_wasserstein_is_one_value_function_played_from_both_sides():
    zeros = torch.zeros_like(LOGITS)
    torch.testing.assert_close(Wasserstein().generator(LOGITS, LOGITS), -Wasserstein().discriminator(zeros, LOGITS))


def test_relativistic_losses_at_equality_are_log_two_with_slope_one_half():
    fake = torch.zeros(3, requires_grad=True)
    real = torch.zeros(3, requires_grad=True)
    for loss, sign in (
        (Relativistic().discriminator(real, fake), 1),
        (Relativistic().generator(fake, real), -1),
    ):
        assert loss.tolist() == pytest.approx([math.log(2)] * 3)
        gradients = torch.autograd.grad(loss.sum(), (fake, real))
        assert [gradient.tolist() for gradient in gradients] == [[0.5 * sign] * 3, [-0.5 * sign] * 3]


def test_relativistic_losses_know_differences_alone_and_are_mirrored():
    real, fake = LOGITS, LOGITS.flip(0) / 3
    loss = Relativistic().discriminator(real, fake)
    torch.testing.assert_close(loss, -(real - fake).sigmoid().log())
    torch.testing.assert_close(loss, Relativistic().discriminator(real + 5, fake + 5))
    torch.testing.assert_close(loss, Relativistic().generator(real, fake))


def test_the_relativistic_optimum_of_equal_distributions_is_a_constant_score():
    """With q = p the expected loss is convex in differences and symmetric, so it is least where there are none."""
    objective, weights = Relativistic(), P[:, None] * P[None, :]
    rng = torch.Generator().manual_seed(0)
    for _ in range(20):
        logits = torch.randn(3, generator=rng, dtype=torch.float64)
        pairs = objective.discriminator(logits.repeat_interleave(3), logits.repeat(3)).unflatten(0, (3, 3))
        assert float((weights * pairs).sum()) > math.log(2)
