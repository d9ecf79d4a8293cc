import copy
import dataclasses

import pytest
import torch
from letters import make_batch
from letters import train_once as train
from torch import nn

from diptych.config import UserError
from diptych.config.composition import compose
from diptych.diffusion.predictions import Image, Noise, V, Velocity
from diptych.diffusion.processes import CosineAlpha, RectifiedFlow
from diptych.diffusion.solvers import SOLVERS
from diptych.runs.choice import check_components
from diptych.systems.diffusion.compatibility import check_settings
from diptych.systems.diffusion.options import DiffusionOptions
from diptych.systems.diffusion.system import Diffusion
from diptych.systems.image_rngs import ImageRngs
from diptych.systems.terms.base import Term
from diptych.systems.walk import Stop
from diptych.types import TextFeatures


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


def test_an_image_depends_on_its_seed_and_sentence_alone(make_lively):
    flow = make_lively()
    sentences = ["a b c", "d e", "f"]
    together = flow.generate(sentences, num_images=2, seed=3, batch_size=6)
    alone = torch.cat([flow.generate([said], num_images=2, seed=3, batch_size=1) for said in sentences])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)
    assert not torch.allclose(flow.generate(sentences[:1], seed=4), together[:1], atol=1e-3)
    same_noise = flow.generate(sentences, noise_keys=[""] * 3)
    assert not torch.allclose(same_noise[0], same_noise[1], atol=1e-3)
    guided = DiffusionOptions(guidance_scale=3.0, solver="ddpm", steps=4)
    one = flow.generate(sentences, seed=3, options=guided, batch_size=3)
    other = flow.generate(sentences, seed=3, options=guided, batch_size=1)
    torch.testing.assert_close(one, other, atol=1e-4, rtol=0)


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
    std = torch.cat([each.images for each in batches[:1]]).square().mean().sqrt()
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


def test_guidance_of_scale_zero_is_without_the_sentence(make_lively):
    flow = make_lively(average_lengths=())
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


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"text_dropout": 1.0}, "is a share of sentences"),
        ({"text_dropout": -0.1}, "is a share of sentences"),
        ({"terms_until": 1.5}, "is a share of noise"),
        ({"terms_until": 0.0}, "is a share of noise"),
        ({"max_loss_weight": 0.0}, "positive weight"),
        ({"validation_steps": 0}, "one step or more"),
        ({"average_lengths": [0.1, 0.1]}, "each length once"),
    ],
)
def test_settings_that_no_step_could_follow_are_refused(settings, reason):
    with pytest.raises(ValueError, match=rf"system\.{next(iter(settings))}=.*{reason}"):
        check_settings(**settings)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["model=flow", "prediction=noise"], "prediction Noise says nothing .* RectifiedFlow leaves nothing"),
        (["model=flow", "prediction@loss_prediction=noise"], "prediction Noise says nothing"),
        (["model=edm", "process=cosine"], r"times LogNormal draws a sigma, .* choose times=uniform or logit_normal"),
        (["model=flow", "process=edm"], r"times LogitNormal draws a share, .* choose times=log_normal"),
        (["model=flow", "system.validation_steps=0"], r"system\.validation_steps=0"),
        (["model=flow", "data.image_size=36"], "cannot be divided by 8"),
    ],
)
def test_what_does_not_go_together_is_refused_before_data_are_loaded(words, reason):

    data = ["data=digits", "data.image_size=32"] if "data.image_size" not in str(words) else ["data=digits"]
    with pytest.raises(UserError, match=reason):
        check_components(compose([*data, *words]))


def test_a_denoiser_that_knows_no_sentence_left_out_is_refused(make_flow):
    plain = nn.Conv2d(1, 1, 3, 1, 1)
    with pytest.raises(ValueError, match="denoiser Conv2d has no null condition"):
        make_flow(denoiser=plain)


class Witness(Term):
    """Which guessed images counted, and how noisy each was."""

    def image_losses(self, step):
        self.share = step.level.noise_share.flatten()
        return {"witness_loss": torch.ones(len(step.fake)) + 0 * step.fake.mean((1, 2, 3))}


def test_terms_count_where_little_noise_is_left(make_flow, batches):
    witness = Witness()
    flow = make_flow(terms={"witness": witness}, terms_until=0.4, text_dropout=0.0)
    (row,) = train(flow, batches[:1])
    counted = (witness.share < 0.4).float().mean().item()
    assert 0 < counted < 1
    assert row["witness_loss"] == pytest.approx(counted / flow.counted_share)
    assert flow.counted_share == pytest.approx(0.3426, abs=1e-3)  # of a logistic normal variable below 0.4


class Joint(Term):
    """A loss that couples the images of a batch; remembers what it saw."""

    couples_examples = True

    def image_losses(self, step):
        step.fake.register_hook(self.remember)
        self.seen = step
        return {"joint_loss": step.fake.mean().square().expand(len(step.fake))}

    def remember(self, gradient):
        self.gradient = gradient


@pytest.mark.parametrize("needs", [(), ("text",)])
def test_a_term_that_couples_images_reaches_those_that_count_alone(make_flow, batches, needs):
    class Needing(Joint):
        pass

    Needing.needs = needs
    term = Needing()
    flow = make_flow(terms={"joint": term}, terms_until=0.5, text_dropout=0.5)
    drawn = flow._draw(batches[0].images, flow_prompts(flow, batches[0]))
    flow.image_std.fill_(0.6)
    drawn = drawn._replace(dropped=torch.tensor([True, False, True, False]), shares=torch.tensor([0.1, 0.2, 0.9, 0.95]))
    flow.turn = 1
    losses, _, _ = flow._losses(drawn)
    losses["joint_loss"].sum().backward()
    counted = [False, True, False, False] if needs else [True, True, False, False]
    reached = [not image.equal(real) for image, real in zip(term.seen.fake, drawn.images, strict=True)]
    assert reached == counted
    assert losses["joint_loss"].ne(0).tolist() == counted


def flow_prompts(flow, batch):
    flow.eval()
    return flow.draw_prompts(batch)


def test_without_sentences_no_image_is_left_out_of_terms(make_flow, batches):
    flow = make_flow(conditional=False, text_dropout=0.9)
    assert not flow._draw(batches[0].images, None).dropped.any()


def test_a_picture_without_captions_teaches_what_images_without_a_sentence_are(make_lively, batches):
    """Its sentence is read by nothing: another one gives the same loss and the same gradients."""
    kept = [said.replace(" ", "") for (said,) in batches[0].sentences[2:]]
    other = make_batch(0, sentences=["hgf", "edc", *kept])
    losses, gradients = [], []
    for batch in (batches[0], dataclasses.replace(other, images=batches[0].images, keys=batches[0].keys)):
        flow = make_lively(text_dropout=0.0, average_lengths=())
        partly = dataclasses.replace(batch, captioned=torch.tensor([False, False, True, True]))
        prompts = flow_prompts(flow, partly)
        assert prompts.compatible[:, :2].all()
        flow.image_std.fill_(0.6)
        drawn = flow._draw(partly.images, prompts)
        assert drawn.dropped.tolist() == [True, True, False, False]
        loss = flow._losses(drawn)[0]["loss"]
        loss.sum().backward()
        losses.append(loss.tolist())
        gradients.append(flow.denoiser.null.sentence.grad)
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert gradients[0].any()
    torch.testing.assert_close(*gradients)


def test_a_term_that_reads_is_a_mean_over_the_pictures_that_have_captions(make_flow, batches):
    class Reader(Witness):
        needs = ("text",)

    flow = make_flow(terms={"reader": Reader()}, terms_until=1.0, text_dropout=0.0)
    partly = dataclasses.replace(batches[0], captioned=torch.tensor([False, False, False, True]))
    flow.turn = 1
    flow.image_std.fill_(0.6)
    losses, _, _ = flow._losses(flow._draw(partly.images, flow_prompts(flow, partly)))
    assert losses["witness_loss"].mean().item() == pytest.approx(1.0, rel=0.02)
    none = dataclasses.replace(batches[0], captioned=torch.zeros(4, dtype=torch.bool))
    losses, _, _ = flow._losses(flow._draw(none.images, flow_prompts(flow, none)))
    assert losses["witness_loss"].tolist() == [0.0] * 4


def test_pictures_without_captions_may_be_computed_in_parts(make_flow, batches):
    rows = []
    partly = [dataclasses.replace(batch, captioned=torch.tensor([True, False, True, False])) for batch in batches]
    for size in (None, 1, 2):
        rows.append([row["loss"] for row in train(make_flow(micro_batch_size=size, text_dropout=0.0), partly)])
    assert rows[0] == pytest.approx(rows[1], rel=1e-4)
    assert rows[0] == pytest.approx(rows[2], rel=1e-4)


def test_losses_of_one_name_are_refused(make_flow, batches):
    class Rival(Term):
        def image_losses(self, step):
            return {"loss": step.fake.mean((1, 2, 3))}

    with pytest.raises(ValueError, match=r"two losses are logged as train/loss"):
        train(make_flow(terms={"rival": Rival()}), batches[:1])


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
    flow = make_flow(
        denoiser=Perfect(torch.full((1, 1, 28, 28), 2.0)), conditional=False, terms={"bright": term}, terms_until=1.0
    )
    train(flow, batches[:1])
    fake, real, _ = term.seen
    torch.testing.assert_close(fake, torch.full_like(fake, 2.0) * flow.image_std)
    assert real.equal(batches[0].images)


def validate(flow, batch):
    with torch.no_grad():
        flow.validation_step(batch, 0)


def test_the_validation_loss_is_the_same_for_every_size_of_batch(make_lively):
    flow = make_lively()
    sentences = ["abc", "de", "fgh", "a"]
    figures = []
    for size in (1, 2, 4):
        whole = make_batch(7, sentences=sentences)
        for start in range(0, 4, size):
            validate(flow, whole.rows(slice(start, start + size)))
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
    flow.image_std.copy_(batch.images.square().mean().sqrt())
    validate(flow, batch)
    drawn = flow._draw(batch.images, None)
    losses, _, _ = flow._losses(drawn)
    assert flow.validation_loss.compute()["loss"] == pytest.approx(losses["loss"].mean().item(), rel=0.03)


def test_the_spread_of_images_is_measured_once_on_the_first_of_them(make_flow, batches):
    flow = make_flow()
    train(flow, batches)
    whole = torch.cat([batch.images for batch in batches]).square().mean().sqrt()
    assert flow.image_std == pytest.approx(whole.item(), rel=1e-6)
    resumed = make_flow()
    resumed.load_state_dict(flow.state_dict())
    train(resumed, batches[:1])
    assert resumed.image_std.equal(flow.image_std)


def test_walks_end_at_what_generate_gives(make_lively):

    flow = make_lively()
    images = flow.walk([Stop("a b", ""), Stop("c d", "")], frames=3)
    torch.testing.assert_close(images[:1], flow.generate(["a b"], noise_keys=[""]))
    torch.testing.assert_close(images[2:], flow.generate(["c d"], noise_keys=[""]))
    assert not torch.allclose(images[0], images[2], atol=1e-3)


def test_a_term_of_a_discriminator_is_refused_before_data_are_loaded():

    words = ["model=flow", "data=scenes_small", "text_encoder=gru"]
    check_components(compose(words))
    with pytest.raises(UserError, match=r"terms\.contrastive: Contrastive learns at .* with ~terms\.contrastive"):
        check_components(compose([*words, "term=contrastive"]))
    with pytest.raises(UserError, match="perceptual needs a frozen image encoder"):
        check_components(compose([*words, "term=perceptual"]))


def test_noise_is_a_function_of_the_image_alone(make_lively):
    flow = make_lively(conditional=False)
    rngs = ImageRngs([("", 0)], seed=0)
    networks = flow.generating_networks(flow.options())
    assert isinstance(flow, Diffusion)
    one = flow.sample(networks, None, rngs, DiffusionOptions(steps=2))
    torch.testing.assert_close(one, flow.generate(options=DiffusionOptions(steps=2)))


def test_padding_never_changes_what_a_denoiser_says(make_lively):
    flow = make_lively()
    text = flow.text_encoder(flow._tokenized(["a b", "c"]))
    longer = TextFeatures(
        text.sentence, nn.functional.pad(text.words, (0, 0, 0, 3)), nn.functional.pad(text.mask, (0, 3))
    )
    noisy, times = torch.randn(2, 1, 28, 28), torch.tensor([0.3, 0.8])
    flow.eval()
    one, other = (flow.guess(flow.denoiser, noisy, times, said)[0] for said in (text, longer))
    torch.testing.assert_close(one, other)


def test_averages_of_another_length_generate_other_images(make_flow, batches):
    flow = make_flow()
    train(flow, batches * 4)
    made = [flow.generate(["a b c"], options=DiffusionOptions(ema=length)) for length in (None, 0.05, 0.07, 0.1, 0)]
    assert made[0].equal(made[1])
    assert len({image.sum().item() for image in made}) == 4
    assert made[4].equal(flow.generate(["a b c"], use_ema=False))


def test_half_precision_teaches_what_full_precision_does(make_flow, batches):
    full, half = make_flow(), make_flow()
    one, other = train(full, batches), train(half, batches, precision="bf16-mixed")
    assert [row["loss"] for row in other] == pytest.approx([row["loss"] for row in one], rel=0.02)
    assert all(parameter.dtype == torch.float32 for parameter in half.parameters())
