"""Processes, predictions and solvers against closed forms, in double precision."""

from math import log2

import pytest
import torch

from diptych.diffusion.guidance import guided, is_within
from diptych.diffusion.losses import denoising_loss
from diptych.diffusion.predictions import Image, Noise, Preconditioned, V, Velocity
from diptych.diffusion.processes import CosineAlpha, LinearBeta, RectifiedFlow, VarianceExploding
from diptych.diffusion.solvers import ddim, ddpm, dpm_solver, euler, heun, inverted, start_of
from diptych.diffusion.times import LogitNormal, LogNormal, Uniform, stratified

PROCESSES = [RectifiedFlow(), RectifiedFlow(shift=3.0), LinearBeta(), CosineAlpha(), VarianceExploding(sigma_max=20.0)]
PREDICTIONS = [Image(), Noise(), V(), Velocity(), Preconditioned(sigma_data=0.7)]
MEAN, STD = 0.4, 0.6
"""Of the Gaussian images whose denoiser is known."""


def named(things):
    return [type(thing).__name__ for thing in things]


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def inner_times(process, number=7):
    return process.first + (process.last - process.first) * torch.linspace(0.05, 0.9, number, dtype=torch.float64)


def never():
    raise AssertionError("this solver draws nothing")


@pytest.mark.parametrize("process", PROCESSES, ids=named(PROCESSES))
def test_slopes_are_derivatives_by_time(process):
    times = inner_times(process).requires_grad_()
    level = process.at(times)
    for value, slope in ((level.alpha, level.alpha_slope), (level.sigma, level.sigma_slope)):
        (by_autograd,) = torch.autograd.grad((value + 0 * times).sum(), times, retain_graph=True)
        torch.testing.assert_close(slope, by_autograd)


@pytest.mark.parametrize("process", PROCESSES, ids=named(PROCESSES))
def test_noise_grows_with_time_from_none_and_little_is_left_at_the_end(process):
    shares = process.at(process.grid(40)).noise_share
    assert (shares.diff() < 0).all()
    assert shares[-1] == 0
    assert shares[0] > 0.95


@pytest.mark.parametrize("process", [LinearBeta(), CosineAlpha()], ids=["linear", "cosine"])
def test_variance_is_preserved(process):
    level = process.at(inner_times(process))
    torch.testing.assert_close(level.alpha.square() + level.sigma.square(), torch.ones(7, dtype=torch.float64))


def test_the_linear_process_is_ddpms_of_many_steps():
    steps = 200_000
    betas = torch.linspace(0.1 / steps, 20.0 / steps, steps, dtype=torch.float64)
    kept = (1 - betas).log().cumsum(0).div(2).exp()
    times = torch.arange(1, steps + 1, dtype=torch.float64) / steps
    torch.testing.assert_close(LinearBeta().at(times).alpha, kept, atol=1e-4, rtol=1e-3)


def test_a_shift_spaces_stops_towards_noise():
    even, shifted = RectifiedFlow().grid(8), RectifiedFlow(shift=3.0).grid(8)
    torch.testing.assert_close(shifted, 3 * even / (1 + 2 * even))
    assert (shifted[1:-1] > even[1:-1]).all()


def test_edms_stops_have_even_roots():
    stops = VarianceExploding(sigma_min=0.002, sigma_max=80, rho=7).grid(18)
    roots = stops[:-1] ** (1 / 7)
    torch.testing.assert_close(roots.diff(), roots.diff()[:1].expand(17))
    assert stops[0] == pytest.approx(80)
    assert stops[-2] == pytest.approx(0.002)


@pytest.mark.parametrize("prediction", PREDICTIONS, ids=named(PREDICTIONS))
@pytest.mark.parametrize("process", PROCESSES, ids=named(PROCESSES))
def test_every_prediction_means_the_image_that_it_was_made_of(process, prediction):
    images, noise = draw(7, 1, 2, 2), draw(7, 1, 2, 2, seed=1)
    level = process.at(inner_times(process)).over(images)
    target = prediction.target(images, noise, level)
    torch.testing.assert_close(prediction.image(target, level.noisy(images, noise), level), images)


@pytest.mark.parametrize("prediction", PREDICTIONS, ids=named(PREDICTIONS))
@pytest.mark.parametrize("process", PROCESSES, ids=named(PROCESSES))
def test_a_prediction_is_linear_in_the_image_with_its_slope(process, prediction):
    images, noise = draw(7, 1, 2, 2), draw(7, 1, 2, 2, seed=1)
    level = process.at(inner_times(process)).over(images)
    noisy = level.noisy(images, noise)
    by_parts = prediction.slope(level) * images + prediction.offset(noisy, level)
    torch.testing.assert_close(by_parts, prediction.target(images, noise, level))
    output = draw(7, 1, 2, 2, seed=2)
    wrong = prediction.image(output, noisy, level)
    own = denoising_loss(output, wrong, prediction.target(images, noise, level), level)
    of_image = denoising_loss(output, wrong, images, level, prediction)
    torch.testing.assert_close(own, of_image)


def test_predictions_are_what_the_articles_say():
    images, noise = draw(7, 1, 2, 2), draw(7, 1, 2, 2, seed=1)
    flow, cosine = (p.at(inner_times(p)).over(images) for p in (RectifiedFlow(), CosineAlpha()))
    torch.testing.assert_close(Velocity().target(images, noise, flow), noise - images)
    torch.testing.assert_close(V().target(images, noise, cosine), cosine.alpha * noise - cosine.sigma * images)
    torch.testing.assert_close(Noise().target(images, noise, cosine), noise)
    assert Image().target(images, noise, cosine).equal(images)


def test_weights_of_images_are_bounded_where_it_is_asked():
    image, level = torch.ones(2, 1, 1, 1, dtype=torch.float64), RectifiedFlow().at(torch.tensor([0.01, 0.5]).double())
    zero, level = torch.zeros_like(image), level.over(image)
    loss = denoising_loss(zero, zero, image, level, Velocity(), max_weight=100)
    torch.testing.assert_close(loss, torch.tensor([100.0, 4.0], dtype=torch.float64))


def test_edms_preconditioning_is_the_articles():
    sigma, data = torch.tensor([0.01, 0.5, 3.0, 70.0], dtype=torch.float64), 0.5
    level, network = VarianceExploding().at(sigma), Preconditioned(sigma_data=data)
    skip, out = data**2 / (sigma**2 + data**2), sigma * data / (sigma**2 + data**2).sqrt()
    noisy, output = draw(4), draw(4, seed=1)
    torch.testing.assert_close(network.input_scale(level), 1 / (sigma**2 + data**2).sqrt())
    torch.testing.assert_close(network.image(output, noisy, level), skip * noisy + out * output)
    torch.testing.assert_close(network.slope(level).square(), (sigma**2 + data**2) / (sigma * data) ** 2)


@pytest.mark.parametrize(
    "process", [VarianceExploding(), CosineAlpha(), RectifiedFlow()], ids=["edm", "cosine", "flow"]
)
def test_preconditioned_inputs_and_targets_have_variance_one(process):
    level, data = process.at(inner_times(process)[:, None]), 0.5
    images, noise = data * draw(7, 200_000), draw(7, 200_000, seed=1)
    network = Preconditioned(sigma_data=data)
    for values in (network.input_scale(level) * level.noisy(images, noise), network.target(images, noise, level)):
        torch.testing.assert_close(values.square().mean(1), torch.ones(7, dtype=torch.float64), atol=0.02, rtol=0)


def gaussian(process):
    """The best denoiser of images whose pixels are independent and normal."""

    def denoise(noisy, time):
        level = process.at(time)
        gain = level.alpha * STD**2 / (level.alpha**2 * STD**2 + level.sigma**2)
        return MEAN + gain * (noisy - level.alpha * MEAN)

    return denoise


def carried(process, start, stops):
    """Where the flow of those images takes its start: a pixel's place in the normal distribution stays."""
    levels = [process.at(time) for time in (stops[0], stops[-1])]
    (first, last), (wide, narrow) = levels, [(v.alpha**2 * STD**2 + v.sigma**2).sqrt() for v in levels]
    return last.alpha * MEAN + (start - first.alpha * MEAN) * narrow / wide


@pytest.mark.parametrize(("solver", "order"), [(ddim, 1), (euler, 1), (heun, 2), (dpm_solver, 2)])
@pytest.mark.parametrize("process", PROCESSES, ids=named(PROCESSES))
def test_solvers_have_their_order_of_convergence(process, solver, order):
    end = process.first + 0.02 * (process.last - process.first)

    def error(steps):
        stops = torch.linspace(process.last, end, steps + 1, dtype=torch.float64)
        start = start_of(draw(64), process, stops)
        made = solver(gaussian(process), process, start, stops, never)
        return (made - carried(process, start, stops)).abs().mean()

    few, many = error(400), error(800)
    assert many < 0.02
    assert log2(few / many) == pytest.approx(order, abs=0.25)


@pytest.mark.parametrize("solver", [ddim, euler, heun, dpm_solver])
@pytest.mark.parametrize("process", PROCESSES, ids=named(PROCESSES))
def test_all_solvers_come_to_the_same_images(process, solver):
    stops = process.grid(200)
    start = start_of(draw(64), process, stops)
    made = solver(gaussian(process), process, start, stops, never)
    torch.testing.assert_close(made, carried(process, start, stops), atol=0.03, rtol=0)


@pytest.mark.parametrize("solver", [ddim, ddpm, dpm_solver])
@pytest.mark.parametrize("process", PROCESSES, ids=named(PROCESSES))
def test_one_step_is_the_guess(process, solver):
    stops, start = process.grid(1), draw(3, 1, 2, 2)
    image = solver(lambda noisy, time: 0.1 * noisy, process, start, stops, never)
    torch.testing.assert_close(image, 0.1 * start)


@pytest.mark.parametrize("process", [RectifiedFlow(), LinearBeta(), CosineAlpha()], ids=["flow", "linear", "cosine"])
def test_ancestral_samples_have_the_images_distribution(process):
    rng = torch.Generator().manual_seed(0)
    stops = process.grid(200)
    fresh = lambda: torch.randn(40_000, generator=rng, dtype=torch.float64)  # noqa: E731
    made = ddpm(gaussian(process), process, start_of(fresh(), process, stops), stops, fresh)
    assert made.mean() == pytest.approx(MEAN, abs=0.02)
    assert made.std() == pytest.approx(STD, abs=0.02)


@pytest.mark.parametrize("process", [RectifiedFlow(), LinearBeta(), CosineAlpha()], ids=["flow", "linear", "cosine"])
def test_a_known_image_keeps_the_noise_of_every_level_on_the_ancestral_way(process):
    """With the clean image known, noise and image are mixed as the process does, at every stop."""
    rng = torch.Generator().manual_seed(0)
    stops = process.grid(5)[:3]
    fresh = lambda: torch.randn(200_000, generator=rng, dtype=torch.float64)  # noqa: E731
    here, there = process.at(stops[0]), process.at(stops[2])
    start = here.noisy(torch.full((200_000,), 0.7, dtype=torch.float64), fresh())
    made = ddpm(lambda noisy, time: torch.full_like(noisy, 0.7), process, start, stops, fresh)
    assert made.mean() == pytest.approx(float(there.alpha) * 0.7, abs=0.01)
    assert made.std() == pytest.approx(float(there.sigma), abs=0.01)


@pytest.mark.parametrize("process", [RectifiedFlow(), LinearBeta()], ids=["flow", "linear"])
def test_inverted_images_come_back(process):
    images, stops = MEAN + STD * draw(5, 1, 3, 3), process.grid(30)
    drawn = lambda: draw(5, 1, 3, 3, seed=1)  # noqa: E731
    noise = inverted(gaussian(process), process, images, stops, drawn, least_noise=0.0)
    again = ddim(gaussian(process), process, start_of(noise, process, stops), stops, never)
    torch.testing.assert_close(again, images, atol=5e-3, rtol=0)


@pytest.mark.parametrize("process", PROCESSES, ids=named(PROCESSES))
def test_the_way_back_passes_through_the_image_with_a_little_noise(process):
    """`ddim` of the noise comes by what was mixed, and so ends near the image."""
    images, stops = MEAN + STD * draw(50, 1, 3, 3), process.grid(40)
    mixed = draw(50, 1, 3, 3, seed=1)
    noise = inverted(gaussian(process), process, images, stops, lambda: mixed, least_noise=0.2, iterations=20)
    passed = []

    def spying(noisy, time):
        passed.append((time, noisy))
        return gaussian(process)(noisy, time)

    again = ddim(spying, process, start_of(noise, process, stops), stops, never)
    share, noisy = min(
        ((process.at(time).noise_share.item(), noisy) for time, noisy in passed if process.at(time).noise_share >= 0.2),
        key=lambda pair: pair[0],
    )
    time = next(time for time, _ in passed if process.at(time).noise_share.item() == share)
    torch.testing.assert_close(noisy, process.at(time).noisy(images, mixed), atol=1e-3, rtol=0)
    assert 0.05 < (again - images).abs().mean() < 0.35
    assert (noise.std() - 1).abs() < 0.15


def test_guidance_of_scale_one_is_the_sentence_and_of_zero_is_none():
    with_sentence, without = draw(3), draw(3, seed=1)
    torch.testing.assert_close(guided(with_sentence, without, 1.0), with_sentence)
    assert guided(with_sentence, without, 0.0).equal(without)
    torch.testing.assert_close(guided(with_sentence, without, 3.0), 3 * with_sentence - 2 * without)


def test_guidance_counts_within_its_interval_of_noise():
    level = RectifiedFlow().at(torch.tensor(0.4))
    assert is_within(level, (0.3, 0.5))
    assert not is_within(level, (0.5, 1.0))


def test_times_in_strata_have_one_of_each_slice_in_random_order():
    shares = stratified(100, torch.Generator().manual_seed(0))
    assert sorted((shares * 100).long().tolist()) == list(range(100))
    assert shares.diff().lt(0).any()


def test_quantiles_are_those_of_the_distributions():
    shares = stratified(20_000, torch.Generator().manual_seed(0)).double()
    flow, edm = RectifiedFlow(), VarianceExploding(sigma_min=1e-4, sigma_max=1e4)
    assert Uniform().quantile(shares, flow).std() == pytest.approx(12**-0.5, abs=1e-3)
    assert LogitNormal(mean=0.5, std=0.8).quantile(shares, flow).logit().mean() == pytest.approx(0.5, abs=1e-2)
    logs = LogNormal(mean=-1.2, std=1.2).quantile(shares, edm).log()
    assert logs.mean() == pytest.approx(-1.2, abs=1e-2)
    assert logs.std() == pytest.approx(1.2, abs=1e-2)
