import copy

import pytest
import torch
from letters import make_batch, run_fit
from torch import nn

from diptych.diffusion.predictions import Image, Noise, V, Velocity
from diptych.diffusion.processes import CosineAlpha, RectifiedFlow
from diptych.diffusion.solvers import SOLVERS
from diptych.systems.diffusion.options import DiffusionOptions
from diptych.systems.diffusion.system import Diffusion, check_settings
from diptych.systems.image_rngs import ImageRngs
from diptych.systems.terms.base import Term


def train(system, batches, **settings):
    from letters import Figures

    figures = Figures()
    run_fit(system, batches, callbacks=[figures], **settings)
    return figures.rows


class Perfect(nn.Module):
    """Knows the one image that there is, and says so of anything; reads no sentence."""

    null = None

    def __init__(self, image) -> None:
        super().__init__()
        self.image = nn.Parameter(image)

    def forward(self, noisy, levels, text=None):
        return self.image.expand_as(noisy)


@pytest.mark.parametrize("solver", list(SOLVERS))
@pytest.mark.parametrize("steps", [1, 3, 20])
def test_a_network_that_knows_the_image_generates_it_by_every_solver(make_flow, solver, steps):
    image = torch.linspace(-1, 1, 784).view(1, 1, 28, 28)
    flow = make_flow(conditional=False, denoiser=Perfect(image / 0.5), average_lengths=())
    flow.image_std.fill_(0.5)
    made = flow.generate(num_images=2, options=DiffusionOptions(steps=steps, solver=solver))
    torch.testing.assert_close(made, image.expand(2, -1, -1, -1), atol=1e-5, rtol=0)


def test_an_image_depends_on_its_seed_and_sentence_alone(make_flow):
    flow = make_flow()
    flow.image_std.fill_(0.6)
    nn.init.normal_(flow.denoiser.last[-1].weight, std=0.1)
    flow.keep_averages()
    sentences = ["a b c", "d e", "f"]
    together = flow.generate(sentences, num_images=2, seed=3, batch_size=6)
    alone = torch.cat([flow.generate([said], num_images=2, seed=3, batch_size=1) for said in sentences])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)
    assert not torch.allclose(flow.generate(sentences[:1], seed=4), together[:1])
    guided = DiffusionOptions(guidance_scale=3.0, solver="ddpm", steps=4)
    one = flow.generate(sentences, seed=3, options=guided, batch_size=3)
    other = flow.generate(sentences, seed=3, options=guided, batch_size=1)
    torch.testing.assert_close(one, other, atol=1e-5, rtol=0)


def test_a_step_is_the_mean_weighted_error_of_what_was_drawn(make_flow, batches):
    """An independent computation of the loss, from the same random numbers."""
    flow = make_flow(text_dropout=0.0, average_lengths=())
    start = copy.deepcopy(flow)
    (row,) = train(flow, batches[:1])
    batch, rng = batches[0], torch.Generator().manual_seed(0)
    torch.randint(1, (4,), generator=rng)  # which caption
    noise = torch.randn(4, 1, 28, 28, generator=rng)
    order, places = torch.randperm(4, generator=rng), torch.rand(4, generator=rng)
    times = torch.sigmoid(torch.special.ndtri((order + places) / 4))
    std = batch.images.square().mean().sqrt()
    noisy = (1 - times.view(-1, 1, 1, 1)) * batch.images / std + times.view(-1, 1, 1, 1) * noise
    image = start.denoiser(noisy, [times], start.text_encoder(batch.pick(0)))
    errors = (image - batch.images / std).square().mean((1, 2, 3)) / times.square()
    assert row["loss"] == pytest.approx(errors.mean().item(), rel=1e-5)
    assert row["loss"] == pytest.approx(sum(row[f"loss_quarter_{i}"] for i in range(1, 5)) / 4, rel=1e-5)
    assert flow.image_std == pytest.approx(std.item(), rel=1e-6)


@pytest.mark.parametrize("prediction", [Noise(), V(), Velocity(), Image()])
def test_every_prediction_learns(make_flow, batches, prediction):
    flow = make_flow(process=CosineAlpha(), prediction=prediction, loss_prediction=None)
    rows = train(flow, batches * 8)
    assert sum(r["loss"] for r in rows[-4:]) < sum(r["loss"] for r in rows[:4])
    assert torch.isfinite(flow.generate(["a b c"])).all()


def test_parts_of_a_batch_teach_what_the_whole_does(make_flow, batches):
    whole, parts = make_flow(), make_flow(micro_batch_size=2)
    one, other = train(whole, batches[:2]), train(parts, batches[:2])
    for name in one[0]:
        assert [row[name] for row in one] == pytest.approx([row[name] for row in other], rel=1e-4), name
    for a, b in zip(whole.denoiser.parameters(), parts.denoiser.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)


def test_sentences_are_left_out_for_the_null_condition(make_flow, batches):
    flow = make_flow(text_dropout=0.999, average_lengths=())
    before = copy.deepcopy(dict(flow.named_parameters()))
    train(flow, batches * 2)
    changed = {name for name, value in flow.named_parameters() if not value.equal(before[name])}
    assert "denoiser.null.sentence" in changed
    assert "text_encoder.embedding.weight" not in changed


def test_no_sentence_is_no_empty_one(make_flow):
    flow = make_flow()
    null, empty = flow.denoiser.null(1), flow.text_encoder(flow._tokenized([""]))
    assert null.mask.all()
    assert not torch.allclose(null.sentence, empty.sentence)
    assert not torch.allclose(null.sentence, torch.zeros(6))


def test_guidance_of_scale_zero_is_without_the_sentence(make_flow):
    flow = make_flow(average_lengths=())
    flow.image_std.fill_(0.6)
    for parameter in flow.denoiser.parameters():
        nn.init.normal_(parameter, std=0.1)
    none = DiffusionOptions(guidance_scale=0.0)
    one = flow.generate(["a b c", "d e f"], noise_keys=["", ""], options=none)
    torch.testing.assert_close(one[0], one[1])
    with_sentences = flow.generate(["a b c", "d e f"], noise_keys=["", ""])
    assert not torch.allclose(with_sentences[0], with_sentences[1])
    beside = DiffusionOptions(guidance_scale=2.0, negative="a b c")
    away = flow.generate(["a b c", "d e f"], noise_keys=["", ""], options=beside)
    torch.testing.assert_close(away[0], with_sentences[0])
    assert not torch.allclose(away[1], with_sentences[1])
    never = DiffusionOptions(guidance_scale=2.0, guidance_interval=(0.0, 1e-6))
    torch.testing.assert_close(flow.generate(["d e f"], options=never), flow.generate(["d e f"]))


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"steps": 0}, "steps=0: take one step or more"),
        ({"solver": "runge"}, "solver=runge: there are ddim, ddpm, euler, heun, dpm_solver"),
        ({"guidance_scale": -1.0}, "guidance_scale=-1.0 must be 0 or more"),
        ({"guidance_scale": 2.0, "guidance_interval": (0.5, 0.2)}, "guidance_interval=.*two shares of noise"),
        ({"negative": "a dog"}, "say nothing at guidance_scale=1"),
    ],
)
def test_options_that_no_sampler_could_follow_are_refused(settings, reason):
    with pytest.raises(ValueError, match=reason):
        DiffusionOptions(**settings)


def test_options_that_this_run_cannot_follow_are_refused(make_flow):
    with pytest.raises(ValueError, match=r"guidance_scale=2: this network learned without sentences"):
        make_flow(conditional=False).generate(options=DiffusionOptions(guidance_scale=2.0))
    with pytest.raises(ValueError, match=r"system\.text_dropout=0\); .* negative sentence"):
        make_flow(text_dropout=0.0).generate(["a"], options=DiffusionOptions(guidance_scale=2.0))
    with pytest.raises(ValueError, match=r"ema=0\.2: this run keeps averages of length 0\.05 to 0\.1"):
        make_flow().generate(["a"], options=DiffusionOptions(ema=0.2))
    with pytest.raises(ValueError, match=r"ema=0\.05: this run keeps no averages"):
        make_flow(average_lengths=()).generate(["a"], options=DiffusionOptions(ema=0.05))


@pytest.mark.parametrize("settings", [{"text_dropout": 1.0}, {"text_dropout": -0.1}, {"terms_until": 1.5}])
def test_settings_that_no_step_could_follow_are_refused(settings):
    with pytest.raises(ValueError, match=rf"system\.{next(iter(settings))}=.* is a share of"):
        check_settings(**settings)


class Witness(Term):
    """Which guessed images counted, and how noisy each was."""

    def image_losses(self, step):
        self.share = step.level.noise_share.flatten()
        return {"witness_loss": torch.ones(len(step.fake)) + 0 * step.fake.mean((1, 2, 3))}


def test_terms_count_where_little_noise_is_left(make_flow, batches):
    witness = Witness()
    (row,) = train(make_flow(terms={"witness": witness}, terms_until=0.4, text_dropout=0.0), batches[:1])
    assert row["witness_loss"] == pytest.approx((witness.share < 0.4).float().mean().item())
    assert 0 < row["witness_loss"] < 1


def test_a_lazy_term_counts_at_some_steps_and_makes_up_for_the_others(make_flow, batches):
    system = make_flow(terms={"witness": Witness(every=2)})
    rows = train(system, batches)
    assert ["witness_loss" in row for row in rows] == [False, True, True, True]  # Lightning repeats the last value
    assert system.turn == 4


def test_the_guessed_image_is_in_the_units_of_images(make_flow, batches):
    class Bright(Term):
        def image_losses(self, step):
            self.seen = step.fake.detach(), step.real, step.noisy
            return {"bright_loss": step.fake.mean((1, 2, 3))}

    term = Bright()
    flow = make_flow(denoiser=Perfect(torch.full((1, 1, 28, 28), 2.0)), conditional=False, terms={"bright": term})
    train(flow, batches[:1])
    fake, real, _ = term.seen
    torch.testing.assert_close(fake, torch.full_like(fake, 2.0) * flow.image_std)
    assert real.equal(batches[0].images)


def test_the_validation_loss_is_the_same_for_every_size_of_batch(make_flow, batches):
    flow = make_flow()
    flow.image_std.fill_(0.6)
    sentences = ["abc", "de", "fgh", "a"]
    figures = []
    for size in (1, 2, 4):
        whole = make_batch(7, sentences=sentences)
        for start in range(0, 4, size):
            flow.validation_loss.update(flow, whole.rows(slice(start, start + size)))
        figures.append(flow.validation_loss.compute())
        flow.validation_loss.reset()
    for other in figures[1:]:
        assert other == pytest.approx(figures[0], rel=1e-5)
    assert figures[0]["loss_low"] < figures[0]["loss"] < figures[0]["loss_high"]


def test_the_validation_loss_comes_near_the_trainings(make_flow):
    """Of a network that always says zero, both are the same integral over times."""
    zero = Perfect(torch.zeros(1, 1, 28, 28))
    flow = make_flow(denoiser=zero, conditional=False, average_lengths=(), process=RectifiedFlow(), max_loss_weight=25)
    batch = make_batch(3, size=512)
    flow._measure(batch.images)
    flow.validation_loss.update(flow, batch)
    drawn = flow._draw(batch.images, None)
    losses, _, _ = flow._losses(drawn)
    assert flow.validation_loss.compute()["loss"] == pytest.approx(losses["loss"].mean().item(), rel=0.03)


def test_what_is_measured_first_stays(make_flow, batches):
    flow = make_flow()
    flow._measure(batches[0].images)
    first = flow.image_std.clone()
    flow._measure(2 * batches[1].images)
    assert flow.image_std.equal(first)


def test_walks_end_at_what_generate_gives(make_flow):
    from diptych.systems.walk import Stop

    flow = make_flow()
    flow.image_std.fill_(0.6)
    images = flow.walk([Stop("a b", ""), Stop("c d", "")], frames=3)
    torch.testing.assert_close(images[:1], flow.generate(["a b"], noise_keys=[""]))
    torch.testing.assert_close(images[2:], flow.generate(["c d"], noise_keys=[""]))


def test_a_term_of_a_discriminator_is_refused_before_data_are_loaded():
    from diptych.config import UserError
    from diptych.config.composition import compose
    from diptych.runs.choice import check_components

    words = ["model=flow", "data=scenes_small", "text_encoder=gru"]
    check_components(compose(words))
    with pytest.raises(UserError, match=r"terms\.contrastive: Contrastive learns at .* with ~terms\.contrastive"):
        check_components(compose([*words, "term=contrastive"]))
    with pytest.raises(UserError, match="perceptual needs a frozen image encoder"):
        check_components(compose([*words, "term=perceptual"]))


def test_noise_is_a_function_of_the_image_alone(make_flow):
    flow = make_flow(conditional=False)
    flow.image_std.fill_(0.6)
    rngs = ImageRngs([("", 0)], seed=0)
    networks = flow.generating_networks(flow.options())
    assert isinstance(flow, Diffusion)
    one = flow.sample(networks, None, rngs, DiffusionOptions(steps=2))
    torch.testing.assert_close(one, flow.generate(options=DiffusionOptions(steps=2)))
