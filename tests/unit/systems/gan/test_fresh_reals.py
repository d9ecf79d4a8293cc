"""An objective or a term that compares with real images in the generator's step is told what is now said of them."""

from typing import ClassVar

import pytest
import torch

from diptych.losses.adversarial import NonSaturating, Relativistic
from diptych.models.gan.mlp import MLPDiscriminator
from diptych.systems.gan.terms.base import GANTerm


class Watching(NonSaturating):
    """An objective that remembers which real logits its generator's loss was given."""

    def __init__(self) -> None:
        self.seen: list[torch.Tensor] = []

    def generator(self, fake_logits, real_logits):
        self.seen.append(real_logits)
        return super().generator(fake_logits, real_logits)


class Comparing(Watching):
    """The same, with fresh real logits."""

    needs: ClassVar[tuple[str, ...]] = ("fresh_reals",)


class AskingTerm(GANTerm):
    """A term that asks for fresh real logits, every second step."""

    needs = ("fresh_reals",)

    def generator_losses(self, step):
        return {"nothing_loss": 0 * step.fake_logits}


def trained(make_gan, train, batches, objective, **settings):
    plain = MLPDiscriminator(image_size=28, image_channels=1, condition_dim=6)
    gan = make_gan(discriminator=plain, objective=objective, **settings)
    train(gan, batches)
    return gan


def said_now(gan, batch):
    """What the trained discriminator says of a batch's real images with its one sentence each."""
    with torch.no_grad():
        return gan.discriminator(batch.images, gan.discriminator_text_encoder(batch.pick(0)))


@pytest.mark.parametrize("settings", [{}, {"micro_batch_size": 3}])
def test_fresh_real_logits_are_those_of_the_discriminator_that_scores_the_fakes(make_gan, train, batches, settings):
    objective = Comparing()
    gan = trained(make_gan, train, batches[:1], objective, **settings)
    torch.testing.assert_close(torch.cat(objective.seen), said_now(gan, batches[0]))
    assert not objective.seen[0].requires_grad


def test_other_objectives_are_given_those_of_the_discriminators_step(make_gan, train, batches):
    objective = Watching()
    gan = trained(make_gan, train, batches[:1], objective)
    assert not torch.allclose(objective.seen[0], said_now(gan, batches[0]), atol=1e-4)


def test_a_lazy_term_asks_only_where_it_counts(make_gan, train, batches):
    objective = Watching()
    gan = trained(make_gan, train, batches[:1], objective, terms={"asking": AskingTerm(every=2)})
    assert not torch.allclose(objective.seen[0], said_now(gan, batches[0]), atol=1e-4)
    gan = trained(make_gan, train, batches[:2], objective, terms={"asking": AskingTerm(every=2)})
    torch.testing.assert_close(objective.seen[-1], said_now(gan, batches[1]))


def test_scoring_real_images_again_leaves_no_second_trace_in_batch_statistics(make_gan, train, batches):
    gans = [make_gan(objective=objective) for objective in (Watching(), Comparing())]
    for gan in gans:
        train(gan, batches)
    plain, comparing = (dict(gan.discriminator.named_buffers()) for gan in gans)
    assert plain
    assert all(torch.equal(value, comparing[name]) for name, value in plain.items())


def test_a_batch_counts_once_in_the_budget(make_gan, train, batches):
    gan = make_gan(objective=Relativistic())
    train(gan, batches)
    assert gan.images_seen == sum(len(batch) for batch in batches)
