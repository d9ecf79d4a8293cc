"""Where a GAN's discriminator sees images through augmentations, and where terms see them as they are."""

import pytest
import torch
from critics import Bilinear, only, reading, step_of

from diptych.losses.adversarial import NonSaturating
from diptych.losses.gradient_penalties import input_gradients, unit_norm_penalty, zero_centred_penalty
from diptych.models.gan.mlp import MLPDiscriminator
from diptych.systems.gan.augmentations.base import Augmentation
from diptych.systems.gan.augmentations.diffaugment import DiffAugment
from diptych.systems.gan.augmentations.views import Augmentations, View, Views
from diptych.systems.gan.steps import DiscriminatorStep
from diptych.systems.gan.terms.base import GANTerm
from diptych.systems.gan.terms.gradient_penalty import GradientPenalty
from diptych.systems.gan.terms.matching_gradient_penalty import MatchingGradientPenalty
from diptych.systems.gan.terms.zero_centred import R1, R2


class Scaled(Augmentation):
    """Images times a number of their own."""

    def num_numbers(self, shape):
        return 1

    def forward(self, images, numbers, images_seen=0):
        return (1 + numbers[:, :, None, None]) * images


class Watched(MLPDiscriminator):
    """A discriminator that remembers what it was shown."""

    def __init__(self) -> None:
        super().__init__(image_size=28, image_channels=1, condition_dim=6)
        self.shown: list[torch.Tensor] = []

    def encode(self, images):
        self.shown.append(images)
        return super().encode(images)


class Listening(GANTerm):
    """A term that remembers the steps, and wants real images scored again."""

    needs = ("fresh_reals",)

    def __init__(self) -> None:
        super().__init__()
        self.steps = []

    def discriminator_losses(self, step):
        self.steps.append(step)
        return {"nothing_loss": 0 * step.real_logits}

    def generator_losses(self, step):
        self.steps.append(step)
        return {"nothing_again_loss": 0 * step.fake_logits}


def test_every_image_that_the_discriminator_encodes_is_seen_through_a_view_of_its_own(make_gan, train, batches):
    discriminator, listening = Watched(), Listening()
    gan = make_gan(discriminator=discriminator, terms={"listening": listening}, augmentations={"scaled": Scaled()})
    discriminator.shown.clear()
    train(gan, batches[:1])
    judging, answering = listening.steps
    raw = [judging.real, judging.fake, answering.fake, answering.real]
    by = lambda one, other: (one * other).sum((1, 2, 3))  # noqa: E731
    scales = [by(shown, image) / by(image, image) for shown, image in zip(discriminator.shown, raw, strict=True)]
    for shown, image, scale in zip(discriminator.shown, raw, scales, strict=True):
        assert scale.min() > 0.999
        torch.testing.assert_close(shown, scale[:, None, None, None] * image)
    for i, scale in enumerate(scales):
        assert all(not torch.allclose(scale, other) for other in scales[:i])
    assert torch.equal(judging.real, batches[0].images)  # terms see images as they are
    assert torch.equal(judging.views.real(judging.real), discriminator.shown[0])
    assert torch.equal(answering.views.fake(answering.fake), discriminator.shown[2])


def test_the_generator_learns_through_the_augmentation(make_gan, train, batches):
    """A view that hides everything teaches nothing."""

    class Hidden(Scaled):
        def forward(self, images, numbers, images_seen=0):
            return 0 * images

    learned = []
    for augmentation in (Hidden(), Scaled()):
        gan = make_gan(augmentations={"mine": augmentation})
        before = [p.detach().clone() for p in gan.generator.parameters()]
        (row,) = train(gan, batches[:1])
        learned.append(
            (
                row["g_grad_norm"],
                any(not torch.equal(*pair) for pair in zip(before, gan.generator.parameters(), strict=True)),
            )
        )
    assert learned[0][0] == 0
    assert learned[1][0] > 0
    assert learned[1][1]


def test_a_schedule_is_told_the_images_seen(make_gan, train, batches):
    class Counting(Scaled):
        told: list[int] = []  # noqa: RUF012

        def forward(self, images, numbers, images_seen=0):
            self.told.append(images_seen)
            return images

    train(make_gan(augmentations={"mine": Counting()}), batches[:2])
    assert Counting.told == [4, 4, 4, 8, 8, 8]


@pytest.mark.parametrize("size", [1, 3])
def test_views_do_not_depend_on_how_a_batch_is_cut(size):
    images = torch.rand(8, 3, 8, 8)
    views = Augmentations({"mine": DiffAugment(translation=0.25)}).views(
        images, rng=torch.Generator().manual_seed(0), images_seen=0
    )
    parts = [slice(start, start + size) for start in range(0, 8, size)]
    assert torch.equal(torch.cat([views.real.rows(part)(images[part]) for part in parts]), views.real(images))


def scaled_views(number=4):
    numbers = torch.rand(2, number, 1, generator=torch.Generator().manual_seed(9))
    return Views(View(Scaled(), numbers[0]), View(Scaled(), numbers[1]))


def augmented_step(text=None):
    """A step of `Bilinear`, which sees images through their scales."""
    step, views = step_of(Bilinear(), text), scaled_views()
    critic = step.networks.discriminator
    seen = {"real_logits": critic.score(critic.encode(views.real(step.real)), text)}
    seen["fake_logits"] = critic.score(critic.encode(views.fake(step.fake)), text)
    return DiscriminatorStep(**{**vars(step), "views": views, **seen})


@pytest.mark.parametrize("is_half", [False, True])
@pytest.mark.parametrize("text", [None, reading()], ids=["latents alone", "sentences"])
def test_r1_and_r2_are_at_the_images_through_the_augmentation(text, is_half):
    step = augmented_step(text)
    for term, images, view in ((R1(), step.real, step.views.real), (R2(), step.fake, step.views.fake)):
        scale = 1 + view.numbers
        gradients = scale * by_hand(scale[:, :, None, None] * images, text)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=is_half):
            penalty = only(term.discriminator_losses(step))
        torch.testing.assert_close(penalty, gradients.square().sum(1) / 2)


def test_the_matching_penalty_is_at_the_image_through_the_augmentation():
    text = reading()
    step = augmented_step(text)
    scale = 1 + step.views.real.numbers
    seen = scale[:, :, None, None] * step.real.detach()
    gradients = torch.cat([scale * by_hand(seen, text), seen.flatten(1)[:, :6]], dim=1)
    term = MatchingGradientPenalty(exponent=2.0)
    torch.testing.assert_close(only(term.discriminator_losses(step)), gradients.square().sum(1))


def test_the_gradient_penalty_is_between_what_is_seen():
    step = augmented_step()
    seen = step.views.real(step.real.detach()), step.views.fake(step.fake.detach())
    shares = torch.rand(4, generator=torch.Generator().manual_seed(3))[:, None, None, None]
    gradients = by_hand(shares * seen[0] + (1 - shares) * seen[1], None)
    torch.testing.assert_close(only(GradientPenalty().discriminator_losses(step)), unit_norm_penalty(gradients))


def by_hand(seen, text):
    """Gradients of `Bilinear` at what it sees."""
    gradients = 0.05 * seen.detach().flatten(1)
    if text is not None:
        gradients[:, : text.sentence.shape[1]] += text.sentence
    return gradients


@pytest.mark.parametrize("key", ["r1", "r2", "gp"])
def test_penalties_go_through_shipped_augmentations(make_gan, train, batches, key):
    """All of them can be derived twice."""
    term = {"r1": R1(), "r2": R2(), "gp": GradientPenalty()}[key]
    plain = MLPDiscriminator(image_size=28, image_channels=1, condition_dim=6)
    gan = make_gan(discriminator=plain, terms={"mine": term}, augmentations={"diffaugment": DiffAugment()})
    rows = train(gan, batches[:2])
    assert all(row["d_grad_norm"] > 0 for row in rows)


def test_sign_fraction_and_gap_are_logged_of_what_the_discriminator_says_before_its_step(make_gan, train, batches):
    class Watching(NonSaturating):
        def discriminator(self, real_logits, fake_logits):
            self.seen = real_logits.detach(), fake_logits.detach()
            return super().discriminator(real_logits, fake_logits)

    gan = make_gan(objective=Watching())
    (row,) = train(gan, batches[:1])
    real, fake = gan.objective.seen
    assert row["d_sign_fraction"] == pytest.approx(float((real > 0).float().mean()))
    assert row["d_gap"] == pytest.approx(float((real - fake).mean()), abs=1e-6)


def test_zero_centred_penalties_of_unchanged_images_are_as_they_were():
    step = step_of(Bilinear())
    expected = zero_centred_penalty(input_gradients(step.real_logits, step.real))
    assert torch.equal(only(R1().discriminator_losses(step)), expected)
