"""A critic whose gradients are known, and a discriminator's step of it."""

import torch
from torch import nn

from diptych.losses.adversarial import Wasserstein
from diptych.systems.gan.steps import DiscriminatorStep, Networks
from diptych.types import TextFeatures

SHAPE = (1, 28, 28)


class Bilinear(nn.Module):
    """Squared pixels, and the first two of the image's pixels times the sentence: a critic with known gradients."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(0.05))

    def encode(self, images):
        return images.flatten(1)

    def score(self, features, text):
        pairs = 0 if text is None else (features[:, : text.sentence.shape[1]] * text.sentence).sum(1)
        return self.scale * features.square().sum(1) / 2 + pairs


def step_of(discriminator, text=None, seed=3) -> DiscriminatorStep:
    """A discriminator's step with noise for images."""
    rng = torch.Generator().manual_seed(0)
    real, fake = (torch.randn(4, *SHAPE, generator=rng).requires_grad_() for _ in range(2))
    real_features, fake_features = discriminator.encode(real), discriminator.encode(fake)
    networks = Networks(None, discriminator, Wasserstein())
    return DiscriminatorStep(
        networks=networks,
        real=real,
        fake=fake,
        prompts=None,
        text=text,
        rng=torch.Generator().manual_seed(seed),
        turn=1,
        real_features=real_features,
        fake_features=fake_features,
        real_logits=networks.score(real_features, text),
        fake_logits=networks.score(fake_features, text),
    )


def reading(dim=6) -> TextFeatures:
    sentence = torch.randn(4, dim, generator=torch.Generator().manual_seed(1))
    return TextFeatures(sentence, sentence[:, None], torch.ones(4, 1, dtype=torch.bool))


def only(losses):
    (values,) = losses.values()
    return values
