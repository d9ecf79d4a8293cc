import pytest
import torch

from diptych.losses.mode_seeking import LEAST_RATIO, mode_seeking_loss

RNG = torch.Generator().manual_seed(0)
LATENTS, OTHERS = torch.randn(2, 3, 16, generator=RNG)


def as_images(latents: torch.Tensor) -> torch.Tensor:
    return latents.unflatten(1, (1, 4, 4))


@pytest.mark.parametrize("contrast", [0.1, 1.0, 3.0])
def test_images_that_differ_so_many_times_as_much_as_latents_cost_one_over_it(contrast):
    images, others_images = (contrast * as_images(latents) + 5 for latents in (LATENTS, OTHERS))
    loss = mode_seeking_loss(LATENTS, OTHERS, images, others_images)
    assert loss.tolist() == pytest.approx([1 / contrast] * 3, rel=1e-3)


def test_equal_images_have_the_largest_loss_and_it_has_no_gradient_that_is_no_number():
    images = torch.zeros(3, 1, 4, 4, requires_grad=True)
    loss = mode_seeking_loss(LATENTS, OTHERS, images, images.detach().clone())
    assert loss.tolist() == pytest.approx([1 / LEAST_RATIO] * 3)
    (gradient,) = torch.autograd.grad(loss.sum(), images)
    assert gradient.isfinite().all()


def test_each_pair_has_a_loss_of_its_own():
    images, others_images = as_images(torch.randn(3, 16, generator=RNG)), as_images(torch.randn(3, 16, generator=RNG))
    together = mode_seeking_loss(LATENTS, OTHERS, images, others_images)
    alone = [
        mode_seeking_loss(*(part[i : i + 1] for part in (LATENTS, OTHERS, images, others_images))) for i in range(3)
    ]
    torch.testing.assert_close(together, torch.cat(alone))


def test_the_loss_is_the_ratio_of_mean_absolute_differences():
    images, others_images = as_images(torch.randn(3, 16, generator=RNG)), as_images(torch.randn(3, 16, generator=RNG))
    by_hand = sum(abs(a - b) for a, b in zip(LATENTS[1].tolist(), OTHERS[1].tolist(), strict=True))
    by_hand /= sum(
        abs(a - b) for a, b in zip(images[1].flatten().tolist(), others_images[1].flatten().tolist(), strict=True)
    )
    assert mode_seeking_loss(LATENTS, OTHERS, images, others_images)[1].item() == pytest.approx(by_hand, rel=1e-4)
