"""Terms on the discriminator's gradient, on a step of a critic whose gradients are known."""

from functools import partial

import pytest
import torch
from critics import Bilinear, only, reading, step_of
from tinyparts import Nothing

from diptych.losses.adversarial import Wasserstein
from diptych.models.gan.mlp import MLPDiscriminator
from diptych.systems.gan.steps import DiscriminatorStep
from diptych.systems.gan.terms.gradient_penalty import GradientPenalty
from diptych.systems.gan.terms.matching_gradient_penalty import MatchingGradientPenalty
from diptych.systems.gan.terms.zero_centred import R1, R2
from diptych.types import TextFeatures

TERMS = {"gp": GradientPenalty(), "r1": R1(), "r2": R2(), "ma_gp": MatchingGradientPenalty()}
each_term = pytest.mark.parametrize("key", TERMS)


def image_gradients(images, text):
    """Of `Bilinear`, by hand."""
    gradients = 0.05 * images.detach().flatten(1)
    if text is not None:
        gradients[:, : text.sentence.shape[1]] += text.sentence
    return gradients


@pytest.mark.parametrize("text", [None, reading()], ids=["latents alone", "sentences"])
def test_r1_and_r2_are_half_the_squared_gradient_at_real_and_at_generated_images(text):
    step = step_of(Bilinear(), text)
    for term, images in ((R1(), step.real), (R2(), step.fake)):
        expected = image_gradients(images, text).square().sum(1) / 2
        torch.testing.assert_close(only(term.discriminator_losses(step)), expected)


@pytest.mark.parametrize("one_sided", [False, True])
@pytest.mark.parametrize("text", [None, reading()], ids=["latents alone", "sentences"])
def test_the_gradient_penalty_is_at_mixtures_by_one_number_an_image(text, one_sided):
    step = step_of(Bilinear(), text)
    shares = torch.rand(4, generator=torch.Generator().manual_seed(3))[:, None, None, None]
    mixtures = shares * step.real + (1 - shares) * step.fake
    excess = image_gradients(mixtures, text).norm(dim=1) - 1
    expected = (excess.clamp(min=0) if one_sided else excess).square()
    torch.testing.assert_close(only(GradientPenalty(one_sided=one_sided).discriminator_losses(step)), expected)


@pytest.mark.parametrize("exponent", [2.0, 6.0])
def test_the_matching_penalty_is_over_the_real_image_and_its_sentence(exponent):
    text = reading()
    step = step_of(Bilinear(), text)
    by_sentence = step.real.detach().flatten(1)[:, :6]
    gradients = torch.cat([image_gradients(step.real, text), by_sentence], dim=1)
    term = MatchingGradientPenalty(exponent=exponent)
    torch.testing.assert_close(only(term.discriminator_losses(step)), gradients.norm(dim=1) ** exponent)


def test_the_matching_penalty_does_not_teach_the_text_encoder():
    sentence = reading().sentence.requires_grad_()
    text = TextFeatures(sentence, sentence[:, None], torch.ones(4, 1, dtype=torch.bool))
    critic = Bilinear()
    only(MatchingGradientPenalty().discriminator_losses(step_of(critic, text))).sum().backward()
    assert sentence.grad is None
    assert critic.scale.grad is not None
    assert critic.scale.grad != 0


def test_a_matching_penalty_of_a_norm_without_a_slope_at_zero_is_refused():
    with pytest.raises(ValueError, match=r"matching_gradient_penalty\.exponent=1\.5: give 2 or more"):
        MatchingGradientPenalty(exponent=1.5)


def mlp():
    torch.manual_seed(0)
    return MLPDiscriminator(image_size=28, image_channels=1, condition_dim=6)


@each_term
def test_penalties_are_computed_in_full_precision_under_autocast(key):
    """The half-precision step has other logits, and the same penalty, with the same gradients, as the step in full."""
    outcomes = []
    for is_half in (False, True):
        critic = mlp()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=is_half):
            step = step_of(critic, reading())
            loss = only(TERMS[key].discriminator_losses(step))
        loss.sum().backward()
        gradients = [p.grad for p in critic.parameters() if p.grad is not None]
        outcomes.append((step.real_logits, loss, gradients))
    (full_logits, full, full_gradients), (half_logits, half, half_gradients) = outcomes
    assert not torch.equal(full_logits, half_logits)
    torch.testing.assert_close(half, full)
    torch.testing.assert_close(half_gradients, full_gradients)


@each_term
def test_half_precision_images_are_penalised_in_full(key):
    critic = mlp()
    step = step_of(critic, reading())
    halved = step.fake.detach().bfloat16().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half_step = DiscriminatorStep(**{**vars(step), "fake": halved, "fake_logits": critic(halved, step.text)})
        loss = only(TERMS[key].discriminator_losses(half_step))
    assert loss.dtype == torch.float32


@each_term
def test_a_penalty_is_refused_beside_batch_normalisation(make_gan, key):
    with pytest.raises(ValueError, match=r"terms\.mine penalises .*DCGANDiscriminator has batch normalisation"):
        make_gan(terms={"mine": TERMS[key]})


def test_the_matching_penalty_wants_sentences(make_gan):
    plain = MLPDiscriminator(image_size=28, image_channels=1)
    with pytest.raises(ValueError, match=r"terms\.mine needs sentences: choose a text_encoder"):
        make_gan(conditional=False, discriminator=plain, terms={"mine": TERMS["ma_gp"]})


def test_in_a_half_precision_run_a_penalty_teaches_in_full(make_gan, fit, batches):
    """All the way back to the weights; with nothing else to learn from, the step is that of a run in full precision."""
    descent = partial(torch.optim.SGD, lr=1.0)
    settings = {"generator_optimizer": descent, "discriminator_optimizer": descent, "terms": {"r1": R1(weight=10.0)}}
    steps = []
    for precision in ("32-true", "bf16-mixed"):
        gan = make_gan(discriminator=mlp(), objective=Nothing(), **settings)
        before = [p.detach().clone() for p in gan.discriminator.parameters()]
        fit(gan, batches[:1], precision=precision)
        steps.append([(a - b).detach() for a, b in zip(gan.discriminator.parameters(), before, strict=True)])
    full, half = steps
    assert max(float(step.abs().max()) for step in full) > 1e-3
    for step, other in zip(full, half, strict=True):
        torch.testing.assert_close(other, step, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(("key", "logged"), [("gp", "gradient_penalty"), ("r1", "r1_penalty"), ("r2", "r2_penalty")])
def test_a_heavy_penalty_holds_the_discriminators_slope(make_gan, train, batch_of, key, logged):
    """Towards 1 for the gradient penalty, towards 0 for the others."""
    last = {}
    for weight in (100.0, 0.0):
        term = type(TERMS[key])(weight=weight)
        settings = {"discriminator": mlp(), "objective": Wasserstein(), "terms": {"mine": term}}
        last[weight] = train(make_gan(**settings), [batch_of(0)] * 40)[-1][logged]
    assert last[100.0] < 0.1 * last[0.0]
