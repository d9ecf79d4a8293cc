"""One-step flow: its identity in closed forms, its derivative by finite differences, and where it is flow matching."""

import copy

import pytest
import torch
from letters import make_batch, train_once
from torch import nn

from diptych.config import UserError
from diptych.config.composition import compose
from diptych.diffusion.losses import adaptive_weight
from diptych.diffusion.predictions import Image, Velocity
from diptych.diffusion.processes import CosineAlpha, RectifiedFlow
from diptych.diffusion.times import LogitNormal, LogitNormalPairs, Uniform
from diptych.models.denoisers.dit import DiT
from diptych.models.denoisers.unet import UNet
from diptych.runs.choice import check_components
from diptych.systems.diffusion.mean_flow import MeanFlow
from diptych.systems.diffusion.mean_flow_sampling import MeanFlowOptions

UNET = {"widths": [8, 16], "attention_levels": 1, "embedding_dim": 16, "head_dim": 8}
SIZES = {"sample_size": 28, "sample_channels": 1, "condition_dim": 6, "word_dim": 6, "num_levels": 2}


@pytest.fixture
def make_mean_flow(make_flow):
    def make(kind=MeanFlow, denoiser=None, **settings):
        flow = make_flow()
        parts = {name: getattr(flow, name) for name in ("data_spec", "text_encoder", "process")}
        own = {"prediction": Image(), "times": LogitNormalPairs(), "optimizer": flow.make_optimizer}
        torch.manual_seed(0)
        built = denoiser if denoiser is not None else UNet(**SIZES, **UNET)
        return kind(**{**parts, **own, "denoiser": built, **settings})

    return make


def lively(system):
    """Layers that are zero at first get weights, so that images differ."""
    rng = torch.Generator().manual_seed(3)
    for parameter in system.denoiser.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.1, generator=rng)
    system.image_std.fill_(0.6)
    system.keep_averages()
    return system.eval()


def drawn_by(system, batch):
    return system._draw(batch.images, system.draw_prompts(batch))


class OneImage(nn.Module):
    """Says one image of everything, and reads no sentence."""

    null = None
    num_levels = 2

    def __init__(self, image) -> None:
        super().__init__()
        self.image = nn.Parameter(image)

    def forward(self, noisy, levels, text=None):
        return self.image.expand_as(noisy)


def test_where_there_is_one_image_the_identity_holds_and_one_step_is_the_image(make_mean_flow):
    image = torch.linspace(-1, 1, 784).view(1, 1, 28, 28)
    flow = make_mean_flow(denoiser=OneImage(image), text_encoder=None, average_lengths=())
    flow.image_std.fill_(1.0)
    batch = make_batch(0)
    drawn = flow._draw(image.expand(4, -1, -1, -1), None)
    learned = flow._learned(drawn, image.expand(4, -1, -1, -1), None)
    torch.testing.assert_close(learned.loss, torch.zeros(4), atol=1e-6, rtol=0)
    torch.testing.assert_close(learned.image, image.expand(4, -1, -1, -1), atol=1e-4, rtol=0)
    for steps in (1, 4):
        made = flow.generate(num_images=2, options=MeanFlowOptions(steps=steps))
        torch.testing.assert_close(made, image.expand(2, -1, -1, -1), atol=1e-4, rtol=0)
    assert len(batch) == 4


@pytest.mark.parametrize("kind", ["unet", "dit"])
@pytest.mark.parametrize("prediction", [Image(), Velocity()])
def test_the_derivative_along_the_flow_is_that_of_finite_differences(make_mean_flow, kind, prediction):
    small = UNet(**SIZES, **UNET) if kind == "unet" else DiT(**SIZES, dim=16, depth=2, num_heads=2)
    flow = lively(make_mean_flow(denoiser=small, prediction=prediction, average_lengths=())).double()
    rng = torch.Generator().manual_seed(0)
    noisy, velocity = (torch.randn(3, 1, 28, 28, generator=rng).double() for _ in range(2))
    times, ends = torch.tensor([0.3, 0.6, 0.9]).double(), torch.tensor([0.1, 0.6, 0.2]).double()
    text = flow.text_encoder(make_batch(1, size=3).pick(0))
    text = type(text)(text.sentence.double(), text.words.double(), text.mask)
    step = 1e-5
    none = torch.zeros(3).double()
    _, slope = flow._with_slope(noisy, velocity, times, ends, none, text)
    ahead, behind = (
        flow.velocity(flow.denoiser, noisy + sign * step * velocity, times + sign * step, ends, none, text)
        for sign in (1, -1)
    )
    difference = (ahead - behind) / (2 * step)
    assert (slope - difference).norm() / difference.norm() < 1e-5


def test_of_equal_times_it_is_flow_matching(make_mean_flow):
    """The same losses and gradients as a flow whose errors are those of the velocity."""
    mean = make_mean_flow(times=LogitNormalPairs(equal_share=0.999), average_lengths=(), text_dropout=0.0)
    lively(mean)
    batch = make_batch(0)
    drawn = drawn_by(mean, batch)
    drawn = drawn._replace(more=torch.tensor([[0.5, 0.0]] * 4), shares=torch.tensor([0.2, 0.4, 0.6, 0.8]))
    real, text = batch.images / mean.image_std, mean.text_encoder(batch.pick(0))
    learned = mean._learned(drawn, real, text)
    times = torch.sigmoid(torch.special.ndtri(drawn.shares))
    noisy = torch.lerp(real, drawn.noise, times.view(-1, 1, 1, 1))
    image = mean.denoiser(noisy, [times, torch.zeros(4)], text)
    errors = ((noisy - image) / times.view(-1, 1, 1, 1) - (drawn.noise - real)).square().mean((1, 2, 3))
    torch.testing.assert_close(learned.loss, errors, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(learned.image, image, rtol=1e-3, atol=1e-4)
    assert learned.counts.all()


def test_no_gradient_goes_through_the_target(make_mean_flow):
    flow = lively(make_mean_flow(average_lengths=(), text_dropout=0.0))
    batch = make_batch(0)
    drawn = drawn_by(flow, batch)._replace(more=torch.tensor([[0.3, 0.99]] * 4))
    real, text = batch.images / flow.image_std, flow.text_encoder(batch.pick(0))
    weights = list(flow.denoiser.parameters())
    own = torch.autograd.grad(flow._learned(drawn, real, text).loss.sum(), weights, allow_unused=True)
    times, ends, _ = flow.times.pairs(drawn.shares, drawn.more, flow.process)
    noisy = torch.lerp(real, drawn.noise, times.view(-1, 1, 1, 1))
    velocity = drawn.noise - real
    none = torch.zeros(4)
    _, slope = flow._with_slope(noisy, velocity, times, ends, none, text)
    target = (velocity - (times - ends).view(-1, 1, 1, 1) * slope).detach()
    again = flow.velocity(flow.denoiser, noisy, times, ends, none, text)
    by_hand = torch.autograd.grad((again - target).square().mean((1, 2, 3)).sum(), weights, allow_unused=True)
    for one, other in zip(own, by_hand, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("loss_power", [0.0, 0.75])
def test_it_learns_and_its_images_depend_on_their_sentences(make_mean_flow, loss_power):
    flow = make_mean_flow(loss_power=loss_power)
    losses = [row["loss"] for row in train_once(flow, [make_batch(seed) for seed in range(4)] * 10)]
    assert sum(losses[-8:]) < sum(losses[:8])
    images = flow.generate(["a b c", "d e f"], noise_keys=["", ""])
    assert torch.isfinite(images).all()
    assert not torch.allclose(images[0], images[1], atol=1e-4)


def test_parts_of_a_batch_teach_what_the_whole_does(make_mean_flow):
    rows = []
    for size in (None, 2):
        flow = make_mean_flow(micro_batch_size=size)
        rows.append([row["loss"] for row in train_once(flow, [make_batch(0), make_batch(1)])])
    assert rows[0] == pytest.approx(rows[1], rel=1e-4)


def test_pairs_are_two_times_of_one_distribution_in_order():
    shares = (torch.arange(20_000) + 0.5) / 20_000
    more = torch.rand(20_000, 2, generator=torch.Generator().manual_seed(0))
    begins, ends, equal = LogitNormalPairs(equal_share=0.3).pairs(shares, more, RectifiedFlow())
    assert (begins >= ends).all()
    assert (begins == ends)[equal].all()
    assert equal.float().mean() == pytest.approx(0.3, abs=0.01)
    assert begins.equal(LogitNormal().quantile(shares, RectifiedFlow()))
    of_all = torch.special.ndtr(ends.logit()) / torch.special.ndtr(begins.logit())  # below a beginning all are alike
    assert of_all[~equal].mean() == pytest.approx(0.5, abs=0.01)
    assert of_all[~equal].std() == pytest.approx(12**-0.5, abs=0.01)


def test_errors_divided_by_a_power_of_themselves():
    errors = torch.tensor([0.0, 1.0, 4.0], requires_grad=True)
    weighted = errors * adaptive_weight(errors, 0.5)
    torch.testing.assert_close(weighted, torch.tensor([0.0, 1.0, 2.0]), atol=1e-3, rtol=0)
    weighted.sum().backward()
    torch.testing.assert_close(errors.grad[1:], torch.tensor([1.0, 0.5]), atol=1e-3, rtol=0)
    assert adaptive_weight(errors, 0.0).equal(torch.ones(3))


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"process": CosineAlpha(), "prediction": Velocity()}, "choose process=rectified_flow"),
        ({"times": LogitNormal()}, "not of LogitNormal's one: choose times=logit_normal_pairs"),
        ({"times": Uniform()}, "choose times=logit_normal_pairs"),
        ({"loss_prediction": Velocity()}, "squares errors of the velocity"),
        ({"denoiser": UNet(**{**SIZES, "num_levels": 1}, **UNET)}, r"set denoiser\.num_levels=2"),
        ({"times": LogitNormalPairs(max_guidance_scale=4.0)}, r"and a guidance scale, so set denoiser\.num_levels=3"),
    ],
)
def test_what_does_not_go_with_it_is_refused(make_mean_flow, settings, reason):
    with pytest.raises(ValueError, match=reason):
        make_mean_flow(**settings)


def test_it_is_refused_before_data_are_loaded():
    words = ["model=mean_flow", "data=digits", "data.image_size=32"]
    check_components(compose(words))
    for more, reason in (
        ("times=logit_normal", "choose times=logit_normal_pairs"),
        ("process=cosine", "choose process=rectified_flow"),
        ("denoiser.num_levels=1", r"set denoiser\.num_levels=2"),
        ("prediction@loss_prediction=velocity", "drop it with ~prediction@loss_prediction"),
        ("times.max_guidance_scale=4", r"so set denoiser\.num_levels=3"),
        ("times.max_guidance_scale=0.5", r"times\.max_guidance_scale=0\.5: give 1"),
    ):
        with pytest.raises(UserError, match=reason):
            check_components(compose([*words, more]))


def test_errors_near_the_clean_image_weigh_as_much_as_the_images_may(make_mean_flow):
    flow = make_mean_flow(denoiser=OneImage(torch.zeros(1, 1, 28, 28)), text_encoder=None, max_loss_weight=25.0)
    real = torch.ones(4, 1, 28, 28)
    drawn = flow._draw(real, None)._replace(more=torch.tensor([[0.5, 0.0]] * 4))
    learned = flow._learned(drawn, real, None)
    torch.testing.assert_close(learned.loss, (1 / learned.times.square()).clamp(max=25.0), rtol=1e-3, atol=1e-4)


def test_options_that_it_does_not_have_are_refused(make_mean_flow):
    with pytest.raises(ValueError, match="steps=0: take one step or more"):
        MeanFlowOptions(steps=0)
    with pytest.raises(ValueError, match=r"ema=0\.3: this run keeps averages"):
        make_mean_flow().generate(["a"], options=MeanFlowOptions(ema=0.3))


def test_a_copy_generates_the_same(make_mean_flow):
    flow = lively(make_mean_flow())
    assert copy.deepcopy(flow).generate(["a b"], seed=1).equal(flow.generate(["a b"], seed=1))


GUIDED = {"times": LogitNormalPairs(max_guidance_scale=5.0, equal_share=0.5)}
THREE = {**SIZES, "num_levels": 3}


def test_a_guided_step_learns_the_guided_velocity_and_is_told_how_strong_it_is(make_mean_flow):
    """Of equal times, so that there is no slope; w v + (1 - w) u without the sentence."""
    flow = lively(make_mean_flow(denoiser=UNet(**THREE, **UNET), average_lengths=(), **GUIDED))
    batch = make_batch(0)
    drawn = drawn_by(flow, batch)
    more = torch.tensor([[0.5, 0.0, share] for share in (0.3, 0.75, 0.95, 0.95)])
    drawn = drawn._replace(more=more, shares=torch.tensor([0.3, 0.5, 0.7, 0.9]), dropped=torch.arange(4) == 3)
    real = batch.images / flow.image_std
    text = flow.denoiser.null.in_place_of(flow.text_encoder(batch.pick(0)), drawn.dropped)
    learned = flow._learned(drawn, real, text)
    told = torch.tensor([0.0, 0.4, 0.72, 0.0])
    scales, zeros = 1 / (1 - told).view(-1, 1, 1, 1), torch.zeros(4)
    times = torch.sigmoid(torch.special.ndtri(drawn.shares))
    share = times.view(-1, 1, 1, 1)
    noisy = torch.lerp(real, drawn.noise, share)
    without = (noisy - flow.denoiser(noisy, [times, zeros, zeros], flow.denoiser.null(4))) / share
    target = scales * (drawn.noise - real) + (1 - scales) * without
    said = (noisy - flow.denoiser(noisy, [times, zeros, told], text)) / share
    torch.testing.assert_close(learned.loss, (said - target).square().mean((1, 2, 3)), rtol=1e-3, atol=1e-4)
    assert scales.flatten().tolist() == pytest.approx([1.0, 1 / 0.6, 1 / 0.28, 1.0])
    assert learned.counts.tolist() == [True, False, False, False]  # a guided step means no clean image
    assert learned.share == 0.25


def test_guidance_is_an_option_up_to_what_was_learned(make_mean_flow):
    flow = lively(make_mean_flow(denoiser=UNet(**THREE, **UNET), **GUIDED))
    plain, guided = (flow.generate(["a b"], options=MeanFlowOptions(guidance_scale=scale)) for scale in (1.0, 3.0))
    assert not torch.allclose(plain, guided, atol=1e-3)
    assert plain.equal(flow.generate(["a b"]))
    with pytest.raises(ValueError, match=r"guidance_scale=6: this network learned with guidance up to 5"):
        flow.generate(["a b"], options=MeanFlowOptions(guidance_scale=6.0))
    with pytest.raises(ValueError, match=r"guidance_scale=0\.5: give 1"):
        MeanFlowOptions(guidance_scale=0.5)
    with pytest.raises(ValueError, match="this network learned with guidance up to 1"):
        make_mean_flow().generate(["a b"], options=MeanFlowOptions(guidance_scale=2.0))
    losses = [row["loss"] for row in train_once(flow, [make_batch(seed) for seed in range(4)] * 3)]
    assert all(loss < float("inf") for loss in losses)


def test_weak_guidance_is_drawn_more_often():
    times = LogitNormalPairs(max_guidance_scale=5.0)
    more = torch.rand(20_000, times.num_more, generator=torch.Generator().manual_seed(0))
    scales = 1 / (1 - times.guidance(more))
    assert scales.min() >= 1
    assert scales.max() <= 5
    assert (scales == 1).float().mean() == pytest.approx(0.5, abs=0.01)
    assert (scales[scales > 1] < 2).float().mean() == pytest.approx(0.5 / 0.8, abs=0.015)
    assert times.is_unguided(more).equal(scales == 1)
    assert LogitNormalPairs().num_more == 2
    with pytest.raises(ValueError, match=r"times\.equal_share=0: guidance moves away .* give more than 0"):
        LogitNormalPairs(max_guidance_scale=5.0, equal_share=0.0)


def test_guidance_without_what_it_moves_away_from_is_refused(make_mean_flow):
    words = ["model=mean_flow", "data=digits", "data.image_size=32", "times.max_guidance_scale=4"]
    words += ["denoiser.num_levels=3"]
    with pytest.raises(UserError, match="guidance is towards a sentence: choose a text_encoder"):
        check_components(compose(words))
    check_components(compose([*words, "text_encoder=gru"]))
    with pytest.raises(UserError, match=r"without a sentence: set system\.text_dropout"):
        check_components(compose([*words, "text_encoder=gru", "system.text_dropout=0"]))
    flow = make_mean_flow(denoiser=UNet(**THREE, **UNET), text_dropout=0.0, **GUIDED)
    with pytest.raises(ValueError, match=r"set system\.text_dropout"):
        train_once(flow, [make_batch(0)])


def test_it_does_not_go_back_from_images(make_flow):
    assert make_flow().inverts
    assert not MeanFlow.inverts
