"""The path length of images whose derivative by styles is known."""

import pytest
import torch
from tinyparts import Nothing
from torch import nn

from diptych.models.gan.stylegan2.generator import StyleGAN2Generator
from diptych.systems.gan.steps import GenerationStep, Networks
from diptych.systems.gan.terms.path_length import PathLength

SHAPE = (2, 3, 3)


class Linear(nn.Module):
    """Two layers of styles of four numbers; the image is linear in each of them."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.maps = nn.Parameter(torch.randn(2, 4, *SHAPE, generator=torch.Generator().manual_seed(5)))

    def styles(self, latents, text):
        return (self.scale * latents)[:, None].expand(-1, 2, -1)

    def noise(self, latents):
        return []

    def from_styles(self, styles, noise):
        return torch.einsum("bld,ldchw->bchw", styles, self.maps)


def step_of(generator, number=5, latent_dim=4, shape=SHAPE) -> GenerationStep:
    rng = torch.Generator().manual_seed(0)
    latents = torch.randn(number, latent_dim, generator=rng)
    images = torch.zeros(number, *shape)
    return GenerationStep(
        networks=Networks(generator, None, Nothing()),
        real=images,
        fake=images,
        prompts=None,
        text=None,
        rng=torch.Generator().manual_seed(3),
        turn=4,
        latents=latents,
    )


def lengths_by_hand(generator):
    directions = torch.randn(5, *SHAPE, generator=torch.Generator().manual_seed(3)) / 3
    back = torch.einsum("bchw,ldchw->bld", directions, generator.maps)
    return back.pow(2).sum(2).mean(1).sqrt()


def test_the_penalty_is_the_squared_distance_from_the_running_mean_of_lengths():
    generator, term = Linear(), PathLength(momentum=0.25)
    lengths = lengths_by_hand(generator).detach()
    mean = torch.zeros(())
    for _ in range(3):
        mean = mean + 0.25 * (lengths.mean() - mean)
        penalty = term.generation_losses(step_of(generator))["path_length_penalty"]
        torch.testing.assert_close(penalty, (lengths - mean).square())
    assert "mean_length" in term.state_dict()


def test_a_generator_with_styles_needs_no_noise():
    class WithoutNoise(Linear):
        noise = None
        num_styles = 2

        def from_styles(self, styles):
            return super().from_styles(styles, [])

    plain, noisy = (
        PathLength().generation_losses(step_of(generator))["path_length_penalty"]
        for generator in (WithoutNoise(), Linear())
    )
    torch.testing.assert_close(plain, noisy)


def test_the_penalty_teaches_the_generator_and_not_the_mean():
    generator, term = Linear(), PathLength()
    term.generation_losses(step_of(generator))["path_length_penalty"].mean().backward()
    mean = 0.01 * lengths_by_hand(generator).mean().detach()
    (expected,) = torch.autograd.grad((lengths_by_hand(generator) - mean).square().mean(), generator.maps)
    torch.testing.assert_close(generator.maps.grad, expected)


def test_images_that_no_style_moves_give_no_gradient_and_not_nan():
    generator = Linear()
    nn.init.zeros_(generator.maps)
    PathLength().generation_losses(step_of(generator))["path_length_penalty"].sum().backward()
    assert generator.maps.grad is None or not generator.maps.grad.any()


def test_all_layers_of_a_real_generator_learn_from_it_in_full_precision():
    torch.manual_seed(0)
    generator = StyleGAN2Generator(image_size=8, latent_dim=4, style_dim=6, widths=(4, 4))
    full = PathLength().generation_losses(step_of(generator, shape=(3, 8, 8)))["path_length_penalty"]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = PathLength().generation_losses(step_of(generator, shape=(3, 8, 8)))["path_length_penalty"]
    torch.testing.assert_close(half, full)
    full.sum().backward()
    weights = [(n, p) for n, p in generator.named_parameters() if not n.endswith(("bias", "strength"))]
    silent = [n for n, p in weights if (p.grad is None or not p.grad.any())]
    assert not silent


def test_it_is_lazy_and_makes_up_for_it():
    term = PathLength()
    assert [turn for turn in range(1, 9) if term.counts(turn)] == [4, 8]
    assert term.weight_of("path_length_penalty") == 8
    assert term.couples_examples


def test_a_generator_without_styles_is_refused(make_gan):
    with pytest.raises(ValueError, match=r"terms\.mine needs a generator with from_styles\(\)"):
        make_gan(terms={"mine": PathLength()})
