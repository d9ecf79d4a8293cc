"""Codes, their gradients, and what a codebook learns."""

import pytest
import torch
from torch.nn import functional as F

from diptych.systems.autoencoding.bottlenecks.finite_scalar import FiniteScalarBottleneck
from diptych.systems.autoencoding.bottlenecks.gaussian import GaussianBottleneck
from diptych.systems.autoencoding.bottlenecks.usage import CodeUsage
from diptych.systems.autoencoding.bottlenecks.vector_quantizer import VectorQuantizer, centres

CHANNELS, SIDE = 6, 4


def features(seed: int, number: int = 8) -> torch.Tensor:
    return torch.randn(number, CHANNELS, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))


def none(number: int = 8) -> torch.Tensor:
    return torch.empty(number, 0, SIDE, SIDE)


def quantizer(**settings) -> VectorQuantizer:
    torch.manual_seed(0)
    return VectorQuantizer(feature_channels=CHANNELS, num_codes=12, code_dim=4, **settings)


BOTTLENECKS = {
    "vq": quantizer,
    "fsq": lambda: FiniteScalarBottleneck(feature_channels=CHANNELS, levels=(5, 4, 3)),
}


@pytest.mark.parametrize("kind", BOTTLENECKS)
def test_codes_and_latents_say_the_same(kind):
    bottleneck = BOTTLENECKS[kind]()
    latents = bottleneck.encode(features(1))
    codes = bottleneck.indices(latents)
    assert codes.min() >= 0
    assert codes.max() < bottleneck.num_codes
    torch.testing.assert_close(bottleneck.latents(codes), latents)


@pytest.mark.parametrize("levels", [(5, 4, 3), (3, 3), (8, 5, 5, 5)])
def test_every_rounded_code_has_its_own_number(levels):
    bottleneck = FiniteScalarBottleneck(feature_channels=CHANNELS, levels=levels)
    codes = torch.arange(bottleneck.num_codes).reshape(-1, 1, 1)
    latents = bottleneck.latents(codes)
    assert len(latents.flatten(1).unique(dim=0)) == bottleneck.num_codes
    assert latents.abs().max() <= 1
    assert torch.equal(bottleneck.indices(latents), codes)


def test_rounded_numbers_reach_all_of_their_levels():
    bottleneck = FiniteScalarBottleneck(feature_channels=1, levels=(8,))
    torch.nn.init.ones_(bottleneck.project.weight)
    torch.nn.init.zeros_(bottleneck.project.bias)
    latents = bottleneck.encode(torch.linspace(-9, 9, 999).reshape(1, 1, 1, -1))
    assert len(latents.unique()) == 8


@pytest.mark.parametrize("kind", BOTTLENECKS)
def test_gradients_pass_the_choice_of_a_code_as_if_it_were_not_there(kind):
    bottleneck = BOTTLENECKS[kind]()
    seen = features(2).requires_grad_()
    weights = torch.randn(8, bottleneck.latent_channels, SIDE, SIDE)
    squeezed = bottleneck(seen, none())
    ((squeezed.latents * weights).sum() + 0 * sum(loss.sum() for loss in squeezed.losses.values())).backward()
    assert seen.grad is not None
    passed = seen.grad.clone()
    seen.grad = None
    numbers = bottleneck.project(seen)
    smooth = F.normalize(numbers, dim=1) if kind == "vq" else bottleneck._bounded(numbers) / bottleneck._halves(numbers)
    (smooth * weights).sum().backward()
    torch.testing.assert_close(passed, seen.grad)


def test_commitment_pulls_places_to_their_codes():
    bottleneck = quantizer()
    book, before = bottleneck.codebook.clone(), bottleneck(features(3), none()).losses["commitment_loss"].mean()
    before.backward()
    with torch.no_grad():
        for weight in bottleneck.project.parameters():
            weight -= 0.1 * weight.grad
    after = bottleneck(features(3), none()).losses["commitment_loss"].mean()
    assert float(after.detach()) < float(before.detach())
    assert torch.equal(bottleneck.codebook, book)


def test_codes_stay_where_the_bottleneck_is_frozen():
    bottleneck, rng = quantizer(decay=0.5, restart_below=0.3), torch.Generator().manual_seed(0)
    bottleneck.begin(features(0), rng)
    bottleneck.requires_grad_(False)
    book = bottleneck.codebook.clone()
    for step in range(4):
        bottleneck(features(step), none())
        bottleneck.after_step(rng)
    assert torch.equal(bottleneck.codebook, book)


def test_codes_are_those_of_full_precision_whatever_the_precision_of_training():
    bottleneck, seen = quantizer(), F.normalize(torch.randn(64, 4, SIDE, SIDE), dim=1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        low = bottleneck.indices(seen)
    assert torch.equal(low, bottleneck.indices(seen))


def test_a_codebook_is_the_moving_average_of_a_plain_loop():
    bottleneck, rng = quantizer(restart_below=0.0, decay=0.9), torch.Generator().manual_seed(0)
    bottleneck.begin(features(0), rng)
    counts, sums = bottleneck.code_counts.clone(), bottleneck.code_sums.clone()
    book = bottleneck.codebook.clone()
    for step in range(1, 6):
        bottleneck(features(step), none())
        bottleneck.after_step(rng)
        places = F.normalize(bottleneck.project(features(step)).detach(), dim=1).permute(0, 2, 3, 1).reshape(-1, 4)
        nearest = (places @ book.T).argmax(1)
        for code in range(12):
            mine = places[nearest == code]
            counts[code] = 0.9 * counts[code] + 0.1 * len(mine)
            sums[code] = 0.9 * sums[code] + 0.1 * mine.sum(0)
        book = sums / sums.norm(dim=1, keepdim=True)
        torch.testing.assert_close(bottleneck.codebook, book)


def test_parts_of_a_batch_teach_a_codebook_what_the_whole_teaches():
    whole, split = quantizer(restart_below=0.0), quantizer(restart_below=0.0)
    for bottleneck, sizes in ((whole, [8]), (split, [3, 5])):
        bottleneck.begin(features(0), torch.Generator().manual_seed(0))
        for part in features(1).split(sizes):
            bottleneck(part, none(len(part)))
        bottleneck.after_step(torch.Generator().manual_seed(1))
    torch.testing.assert_close(whole.codebook, split.codebook)


def test_unused_codes_begin_again_where_places_are_badly_met():
    bottleneck, rng = quantizer(decay=0.0), torch.Generator().manual_seed(0)
    bottleneck.begin(features(0), rng)
    bottleneck.codebook[1:] = -bottleneck.codebook[:1]
    bottleneck(features(0), none())
    bottleneck.after_step(rng)
    places = F.normalize(bottleneck.project(features(0)).detach(), dim=1).permute(0, 2, 3, 1).reshape(-1, 4)
    nearest = (bottleneck.codebook @ places.T).max(dim=1).values
    assert (nearest > 1 - 1e-5).sum() >= 10  # all but those in use are places of the batch
    assert len(bottleneck.codebook.unique(dim=0)) == 12


def test_training_with_restarts_uses_more_codes_than_without():
    used = {}
    for restart in (0.0, 0.1):
        bottleneck, rng = quantizer(restart_below=restart, decay=0.5), torch.Generator().manual_seed(0)
        bottleneck.begin(features(0), rng)
        bottleneck.codebook[1:] = -bottleneck.codebook[:1]
        bottleneck.code_sums[:] = bottleneck.codebook
        bottleneck.code_counts[:] = 1
        for step in range(20):
            bottleneck(features(step), none())
            figures = bottleneck.after_step(rng)
        used[restart] = float(figures["code_perplexity"])
    assert used[0.1] > 1.3 * used[0.0]


def test_k_means_finds_separate_bundles():
    rng = torch.Generator().manual_seed(0)
    true = F.normalize(torch.eye(4), dim=1)
    places = F.normalize(true.repeat(50, 1) + 0.05 * torch.randn(200, 4, generator=rng), dim=1)
    found = centres(places, 8, rng)
    assert ((found @ true.T).max(dim=0).values > 0.99).all()


def test_perplexity_is_the_number_of_codes_used_alike():
    usage = CodeUsage(10)
    usage.observe(torch.tensor([[[0, 1], [2, 3]]]))
    figures = usage.figures()
    assert float(figures["code_perplexity"]) == pytest.approx(4)
    assert float(figures["codes_used"]) == pytest.approx(0.4)
    usage.observe(torch.zeros(1, 2, 2, dtype=torch.long))
    assert float(usage.figures()["code_perplexity"]) == pytest.approx(1)


def test_gaussian_latents_vary_as_the_encoder_says():
    bottleneck = GaussianBottleneck(feature_channels=CHANNELS, latent_channels=2)
    seen = features(4, 1)
    noise = torch.randn(4000, 2, SIDE, SIDE)
    latents = bottleneck(seen.expand(4000, -1, -1, -1), noise).latents
    mean, log_variance = bottleneck.moments(seen).chunk(2, dim=1)
    torch.testing.assert_close(bottleneck.encode(seen), mean)
    assert (latents.mean(0) - mean[0]).abs().max() < 0.15
    assert (latents.var(0) / log_variance[0].exp()).log().abs().max() < 0.2


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: quantizer(decay=1.0), r"bottleneck\.decay=1"),
        (lambda: FiniteScalarBottleneck(levels=(2, 4)), r"bottleneck\.levels=\[2, 4\]: give 3 levels"),
        (lambda: GaussianBottleneck(kl_weight=-1.0), r"bottleneck\.kl_weight=-1"),
    ],
)
def test_impossible_settings_are_refused_by_name(make, words):
    with pytest.raises(ValueError, match=words):
        make()
