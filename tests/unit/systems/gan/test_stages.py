"""A generator in stages: what its smaller images teach, and whom."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from diptych.config import UserError
from diptych.config.composition import compose
from diptych.losses.adversarial import Hinge, NonSaturating, Relativistic
from diptych.losses.variational import gaussian_kl
from diptych.models.gan.attentional import AttnGANGenerator
from diptych.models.gan.stagewise import AttnGANDiscriminator
from diptych.runs.choice import check_components
from diptych.systems.gan.mismatches import Mismatched
from diptych.systems.gan.stages import generated_in_stages
from diptych.systems.gan.steps import DiscriminatorStep, GenerationStep, GeneratorStep, Networks
from diptych.systems.gan.terms.base import GANTerm
from diptych.systems.gan.terms.conditioning_augmentation import ConditioningAugmentation
from diptych.systems.gan.terms.stages import Stages, resized
from diptych.types import TextFeatures

SIZES = {"image_size": 16, "image_channels": 1, "condition_dim": 6, "num_stages": 2}


def networks_in_stages():
    torch.manual_seed(0)
    generator = AttnGANGenerator(**SIZES, word_dim=6, noise_dim=4, condition_width=3, width=4, num_residual_blocks=1)
    return {"generator": generator, "discriminator": AttnGANDiscriminator(**SIZES, width=2)}


@pytest.fixture
def small(make_gan, batches):
    """`small(**settings)`: a GAN of two stages for images of 16 pixels; and batches of them."""

    def make(**settings):
        spec = replace(make_gan().data_spec, image_size=16)
        terms = {"stages": Stages(), "augmentation": ConditioningAugmentation()}
        return make_gan(data_spec=spec, **({"terms": terms} | networks_in_stages() | settings))

    return make, [replace(batch, images=F.interpolate(batch.images, (16, 16))) for batch in batches]


class Mean(nn.Module):
    """A stage's discriminator with a weight: mean pixel, times the first number of the sentence in pairs."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.encoded = 0

    def encode(self, images):
        self.encoded += 1
        return self.weight * images.mean((1, 2, 3))

    def score(self, features, text):
        return features * text.sentence[:, 0]

    def score_alone(self, features):
        return 3 * features


class Means(nn.Module):
    """One `Mean` a stage."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.of_stages = nn.ModuleList(Mean() for _ in range(number))

    def stages(self):
        return list(self.of_stages)


def text_of(first: torch.Tensor) -> TextFeatures:
    rows = len(first)
    return TextFeatures(first[:, None], torch.zeros(rows, 2, 1), torch.ones(rows, 2, dtype=torch.bool))


def step_of(kind, objective, mismatched=None, earlier=None, number: int = 3, **more):
    """A step of three stages whose generated images are brighter from stage to stage."""
    torch.manual_seed(0)
    real, text = torch.randn(4, 1, 8, 8), text_of(torch.randn(4))
    earlier = earlier or (torch.randn(4, 1, 2, 2) + 1, torch.randn(4, 1, 4, 4) + 2)
    fake, discriminator = torch.randn(4, 1, 8, 8) + 3, Means(number)
    last = discriminator.stages()[-1]
    seen = {"real_features": last.encode(real), "fake_features": last.encode(fake)}
    logits = {"real_logits": torch.zeros(4), "fake_logits": torch.zeros(4)}
    networks = Networks(nn.Identity(), discriminator, objective)
    shared = (real, fake, None, text, torch.Generator(), 1, networks)
    more = {"mismatched": mismatched} if kind is DiscriminatorStep else {"latents": torch.zeros(4, 2)}
    return kind(*shared, **seen, **logits, **more, earlier_stages=earlier)


@pytest.mark.parametrize("objective", [NonSaturating(), Hinge(), Relativistic()])
def test_losses_are_the_objective_at_each_stage_summed(objective):
    wrong = Mismatched(text_of(torch.randn(4)), torch.tensor([0.5, 0.5, 0.0, 0.5]))
    step = step_of(DiscriminatorStep, objective, wrong)
    pairs, alone = torch.zeros(4), torch.zeros(4)
    for fake in (*step.earlier_stages, step.fake):
        seen, made = F.adaptive_avg_pool2d(step.real, fake.shape[-1]).mean((1, 2, 3)), fake.mean((1, 2, 3))
        alone += objective.discriminator(3 * seen, 3 * made)
        if fake is not step.fake:
            said, lie = step.text.sentence[:, 0], wrong.text.sentence[:, 0]
            pairs += (1 - wrong.share) * objective.discriminator(seen * said, made * said)
            pairs += wrong.share * objective.discriminator(seen * said, seen * lie)
    losses = Stages().discriminator_losses(step)
    torch.testing.assert_close(losses["d_stages_loss"], pairs)
    torch.testing.assert_close(losses["d_alone_loss"], alone)


@pytest.mark.parametrize("objective", [NonSaturating(), Hinge(), Relativistic()])
def test_the_generators_losses_are_those_of_each_stage_summed(objective):
    step = step_of(GeneratorStep, objective)
    pairs, alone = torch.zeros(4), torch.zeros(4)
    for fake in (*step.earlier_stages, step.fake):
        seen, made = step.real.mean((1, 2, 3)), fake.mean((1, 2, 3))
        alone += objective.generator(3 * made, 3 * seen)
        if fake is not step.fake:
            said = step.text.sentence[:, 0]
            pairs += objective.generator(made * said, seen * said)
    losses = Stages().generator_losses(step)
    torch.testing.assert_close(losses["g_stages_loss"], pairs)
    torch.testing.assert_close(losses["g_alone_loss"], alone)


class Undeclared(Relativistic):
    """It compares with real images, and does not say so."""

    needs = ()


def test_real_images_are_encoded_for_objectives_that_compare_with_them_alone():
    for objective, times in ((Hinge(), 1), (Relativistic(), 2)):
        step = step_of(GeneratorStep, objective)
        Stages().generator_losses(step)
        assert [stage.encoded for stage in step.networks.discriminator.stages()[:-1]] == [times, times]
    losses = Stages().generator_losses(step_of(GeneratorStep, Undeclared()))
    assert losses["g_stages_loss"].isnan().all()  # so that the run stops and says which loss it was


def test_each_discriminator_learns_from_its_own_stage_only():
    def gradients(earlier):
        step = step_of(DiscriminatorStep, NonSaturating(), earlier=earlier)
        losses = Stages().discriminator_losses(step)
        sum(loss.mean() for loss in losses.values()).backward()
        return [stage.weight.grad for stage in step.networks.discriminator.stages()]

    first, second = torch.randn(4, 1, 2, 2), torch.randn(4, 1, 4, 4)
    before, after = gradients((first, second)), gradients((first, second + 1))
    assert [torch.equal(*pair) for pair in zip(before, after, strict=True)] == [True, False, True]


def test_real_images_shrink_by_the_mean_of_what_a_pixel_stands_for():
    images = torch.randn(2, 3, 8, 8)
    blocks = images.unflatten(3, (4, 2)).unflatten(2, (4, 2))
    torch.testing.assert_close(resized(images, 4), blocks.mean((3, 5)))


def test_other_numbers_of_stages_are_named():
    with pytest.raises(
        ValueError, match=r"generator\.num_stages=3 and discriminator\.num_stages=2: give both the same"
    ):
        Stages().discriminator_losses(step_of(DiscriminatorStep, NonSaturating(), number=2))


def test_a_generator_without_stages_has_the_image_alone():
    assert [len(image) for image in generated_in_stages(lambda latents, text: latents, torch.ones(5, 2), None)] == [5]


def test_every_network_of_every_stage_learns(small, train):
    make, batches = small
    gan = make(mismatch_weight=0.5)
    before = {name: weights.clone() for name, weights in gan.named_parameters()}
    rows = train(gan, batches)
    unchanged = [name for name, weights in gan.named_parameters() if torch.equal(weights, before[name])]
    assert not [name for name in unchanged if not name.startswith("text_encoder.embedding")]
    assert {"d_stages_loss", "d_alone_loss", "g_stages_loss", "g_alone_loss", "conditioning_loss"} <= rows[-1].keys()


def test_without_the_term_earlier_stages_teach_nobody(small, train):
    make, batches = small
    gan = make(terms={})
    before = {name: weights.clone() for name, weights in gan.named_parameters()}
    train(gan, batches)
    unchanged = {name for name, weights in gan.named_parameters() if torch.equal(weights, before[name])}
    assert "generator.to_pixels.0.weight" in unchanged
    assert {name for name, _ in gan.named_parameters() if name.startswith("discriminator.of_sizes.0.")} <= unchanged
    assert "generator.to_pixels.1.weight" not in unchanged


class Witness(GANTerm):
    """Remembers what each step's earlier stages were."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = {}

    def generation_losses(self, step):
        self.seen["generation"] = step
        return {}

    def discriminator_losses(self, step):
        self.seen["discriminator"] = step
        if step.mismatched:
            self.seen["wrong"] = step.networks.score(step.real_features, step.mismatched.text).detach()
        return {}

    def generator_losses(self, step):
        self.seen["generator"] = step
        return {}


@pytest.mark.parametrize("micro_batch_size", [None, 3])
def test_every_step_has_the_earlier_images_and_the_discriminators_have_no_way_back(small, train, micro_batch_size):
    make, batches = small
    witness = Witness()
    train(make(terms={"witness": witness}, micro_batch_size=micro_batch_size, mismatch_weight=0.5), batches[:1])
    for name in ("generation", "discriminator", "generator"):
        step = witness.seen[name]
        (image,) = step.earlier_stages
        assert image.shape == (len(step.fake), 1, 8, 8)
        assert image.requires_grad == (name != "discriminator")
    assert witness.seen["discriminator"].mismatched.text.sentence.shape == (len(step.fake), 6)


def test_wrong_sentences_that_terms_read_are_those_of_the_objective(make_gan, train, batch_of):
    witness = Witness()
    (row,) = train(make_gan(terms={"witness": witness}, mismatch_weight=0.5), [batch_of(0)])
    assert float(witness.seen["wrong"].sigmoid().mean()) == pytest.approx(row["d_mismatched"], rel=1e-5)
    assert witness.seen["generator"].earlier_stages == ()


def test_what_augmentation_costs_is_the_divergence_of_what_is_drawn(small):
    gan = small[0]()
    text, generator = text_of(torch.randn(4)), gan.generator
    text = text._replace(sentence=torch.randn(4, 6))
    networks = Networks(generator, gan.discriminator, gan.objective)
    image = torch.zeros(4, 1, 16, 16)
    step = GenerationStep(image, image, None, text, torch.Generator(), 1, networks, torch.zeros(4, 7))
    numbers = generator.augmentation(F.layer_norm(text.sentence, (6,)))
    mean, log_variance = (numbers[:, :6] * numbers[:, 6:].sigmoid()).chunk(2, dim=1)
    by_hand = 0.5 * (mean**2 + log_variance.exp() - log_variance - 1).sum(1)
    loss = ConditioningAugmentation().generation_losses(step)["conditioning_loss"]
    torch.testing.assert_close(loss, by_hand)
    torch.testing.assert_close(loss, gaussian_kl(mean, log_variance))


def test_augmentation_brings_what_is_drawn_nearer_to_noise(small, train):
    make, batches = small
    terms = {"stages": Stages(), "augmentation": ConditioningAugmentation(weight=10.0)}
    rows = train(make(terms=terms, generator_optimizer=partial(torch.optim.Adam, lr=1e-2)), batches[:1] * 20)
    assert rows[-1]["conditioning_loss"] < 0.8 * rows[0]["conditioning_loss"]


def test_training_goes_on_bit_for_bit(small, fit, tmp_path):
    make, batches = small
    whole, half, rest = (make(mismatch_weight=0.5, ema_half_life_images=8) for _ in range(3))
    fit(whole, batches, max_epochs=2)
    fit(half, batches).save_checkpoint(tmp_path / "half.ckpt")
    fit(rest, batches, max_epochs=2, ckpt_path=tmp_path / "half.ckpt")
    assert rest.images_seen == whole.images_seen
    assert all(torch.equal(value, rest.state_dict()[name]) for name, value in whole.state_dict().items())


def test_a_batch_of_one_trains(small, train, batch_of):
    make, _ = small
    batch = batch_of(0, size=1)
    (row,) = train(make(), [replace(batch, images=F.interpolate(batch.images, (16, 16)))])
    assert row["d_stages_loss"] > 0


def test_bfloat16_stays_close_to_float32(small, train):
    make, batches = small
    (full,), (half,) = (train(make(), batches[:1], precision=precision) for precision in ("32-true", "bf16-mixed"))
    for name in ("d_stages_loss", "d_alone_loss", "g_stages_loss", "g_alone_loss"):
        assert half[name] == pytest.approx(full[name], rel=0.05), name


def test_a_batch_split_changes_no_image(small, train):
    make, batches = small
    gan = make()
    train(gan, batches)
    together, apart = (gan.generate(["a b c", "d e f"], num_images=3, batch_size=size) for size in (6, 1))
    torch.testing.assert_close(together, apart, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("model", ["dfgan", "attngan"])
def test_sentences_are_needed_and_it_is_said_before_data_are_loaded(model):
    overrides = [f"model={model}", "data=digits", "data.image_size=32", "~text_encoder", "term=[]"]
    with pytest.raises(UserError, match=r"GAN\w+ needs sentences: choose a text_encoder=…, or another \w+=…"):
        check_components(compose([*overrides, "system.mismatch_weight=0"]))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["model=dcgan", "text_encoder=gru", "term=stages"], r"terms\.stages needs a generator with stages\(\)"),
        (["model=attngan", "discriminator=dcgan"], r"terms\.stages needs a discriminator with stages\(\)"),
        (
            ["model=dfgan", "term=conditioning_augmentation"],
            r"terms\.conditioning_augmentation needs a generator with conditioning\(\)",
        ),
        (["model=dfgan", "term=contrastive"], r"terms\.contrastive needs a discriminator with embed\(\)"),
    ],
)
def test_terms_of_other_networks_are_refused_before_data_are_loaded(overrides, message):
    with pytest.raises(UserError, match=message):
        check_components(compose([*overrides, "data=digits"]))
