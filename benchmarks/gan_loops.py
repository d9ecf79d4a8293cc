"""Plain PyTorch loops of GAN recipes, one batch each, to compare the house's steps with."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.parametrize import cached

from diptych.types import Batch, Sentences, TextFeatures

Losses = dict[str, Tensor]


class Game(NamedTuple):
    """The networks, their optimisers, the numbers that are drawn, and who reads sentences for either network."""

    generator: Any
    discriminator: Any
    of_generator: torch.optim.Optimizer
    of_discriminator: torch.optim.Optimizer
    rng: torch.Generator
    reads: Callable[[Sentences], TextFeatures]
    discriminator_reads: Callable[[Sentences], TextFeatures]

    def caption(self, batch: Batch) -> Sentences:
        """One caption of each image."""
        return batch.pick(torch.randint(batch.tokens.shape[1], (len(batch),), generator=self.rng))

    def latents(self, number: int) -> Tensor:
        return torch.randn(number, self.generator.latent_dim, generator=self.rng)


class Bundle(NamedTuple):
    """A configuration, one batch of its plain loop, and after how many batches the loop does the same again."""

    overrides: tuple[str, ...]
    batch: Callable[[Game, Batch, int], Losses]
    cycle: int = 1


def dcgan(game: Game, batch: Batch, number: int) -> Losses:
    """Radford et al. 2016: cross-entropy, non-saturating."""
    real = batch.images
    fake = game.generator(game.latents(len(real)))
    d_loss = F.softplus(-game.discriminator(real)).mean() + F.softplus(game.discriminator(fake.detach())).mean()
    descend(game.of_discriminator, d_loss)
    g_loss = F.softplus(-game.discriminator(fake)).mean()
    descend(game.of_generator, g_loss)
    return {"d_loss": d_loss, "g_loss": g_loss}


def wgan_gp(game: Game, batch: Batch, number: int) -> Losses:
    """Gulrajani et al. 2017, algorithm 1: five steps of the critic to one of the generator."""
    real = batch.images
    generates = number % 5 == 0
    latents = game.latents(len(real))
    with torch.set_grad_enabled(generates):
        fake = game.generator(latents)
    shares = torch.rand(len(real), 1, 1, 1, generator=game.rng)
    mixtures = torch.lerp(fake.detach(), real, shares).requires_grad_()
    (slopes,) = torch.autograd.grad(game.discriminator(mixtures).sum(), mixtures, create_graph=True)
    penalty = (slopes.flatten(1).norm(dim=1) - 1).square().mean()
    d_loss = (game.discriminator(fake.detach()) - game.discriminator(real)).mean()
    descend(game.of_discriminator, d_loss + 10 * penalty)
    if not generates:
        return {"d_loss": d_loss}
    g_loss = -game.discriminator(fake).mean()
    descend(game.of_generator, g_loss)
    return {"d_loss": d_loss, "g_loss": g_loss}


def r3gan(game: Game, batch: Batch, number: int) -> Losses:
    """Huang et al. 2024: relativistic pairs, R1 and R2 at every step, gamma 0.05."""
    real = batch.images
    fake = game.generator(game.latents(len(real)))
    real_leaf, fake_leaf = (images.detach().requires_grad_() for images in (real, fake))
    real_logits, fake_logits = game.discriminator(real_leaf), game.discriminator(fake_leaf)
    r1, r2 = (squared_slope(*pair) for pair in ((real_logits, real_leaf), (fake_logits, fake_leaf)))
    d_loss = F.softplus(fake_logits - real_logits).mean()
    descend(game.of_discriminator, d_loss + 0.05 / 2 * (r1 + r2))
    with torch.no_grad():
        real_logits = game.discriminator(real)
    g_loss = F.softplus(real_logits - game.discriminator(fake)).mean()
    descend(game.of_generator, g_loss)
    return {"d_loss": d_loss, "g_loss": g_loss}


def biggan(game: Game, batch: Batch, number: int) -> Losses:
    """Brock et al. 2019: hinge, two steps of the discriminator to one of the generator."""
    real = batch.images
    generates = number % 2 == 0
    with torch.set_grad_enabled(generates):
        fake = game.generator(game.latents(len(real)))
    with cached():
        real_logits, fake_logits = game.discriminator(real), game.discriminator(fake.detach())
    d_loss = F.relu(1 - real_logits).mean() + F.relu(1 + fake_logits).mean()
    descend(game.of_discriminator, d_loss)
    if not generates:
        return {"d_loss": d_loss}
    game.discriminator.eval()
    g_loss = -game.discriminator(fake).mean()
    game.discriminator.train()
    descend(game.of_generator, g_loss)
    return {"d_loss": d_loss, "g_loss": g_loss}


def stylegan2(game: Game, batch: Batch, number: int) -> Losses:
    """Karras et al. 2020: cross-entropy, non-saturating, R1 with gamma 0.01 at every sixteenth step."""
    real = batch.images
    fake = game.generator(game.latents(len(real)))
    real = real.detach().requires_grad_(number % 16 == 0)
    real_logits = game.discriminator(real)
    loss = d_loss = F.softplus(-real_logits).mean() + F.softplus(game.discriminator(fake.detach())).mean()
    if number % 16 == 0:
        loss = d_loss + 16 * 0.01 / 2 * squared_slope(real_logits, real)
    descend(game.of_discriminator, loss)
    g_loss = F.softplus(-game.discriminator(fake)).mean()
    descend(game.of_generator, g_loss)
    return {"d_loss": d_loss, "g_loss": g_loss}


def dfgan(game: Game, batch: Batch, number: int) -> Losses:
    """Tao et al. 2022 without wrong sentences: hinge, and a critic that is flat at real pairs (k = 2, p = 6)."""
    real, said = batch.images, game.caption(batch)
    fake, text = game.generator(game.latents(len(real)), game.reads(said)), game.discriminator_reads(said)
    real_logits, fake_logits = game.discriminator(real, text), game.discriminator(fake.detach(), text)
    images, sentences = real.detach().requires_grad_(), text.sentence.detach().requires_grad_()
    logits = game.discriminator(images, text._replace(sentence=sentences))
    slopes = torch.autograd.grad(logits.sum(), (images, sentences), create_graph=True)
    penalty = sum(slope.flatten(1).square().sum(1) for slope in slopes).pow(3).mean()
    d_loss = (F.relu(1 - real_logits) + F.relu(1 + fake_logits)).mean()
    descend(game.of_discriminator, d_loss + 2 * penalty)
    with torch.no_grad():
        text = game.discriminator_reads(said)
    g_loss = -game.discriminator(fake, text).mean()
    descend(game.of_generator, g_loss)
    return {"d_loss": d_loss, "g_loss": g_loss}


def attngan(game: Game, batch: Batch, number: int) -> Losses:
    """Xu et al. 2018 without DAMSM and wrong sentences: at each of three stages, images alone and with sentences."""
    said, critics = game.caption(batch), game.discriminator.stages()
    text, own = game.reads(said), game.discriminator_reads(said)
    fakes = game.generator.stages(game.latents(len(batch)), text)
    real_features = [
        critic.encode(F.interpolate(batch.images, fake.shape[-2:], mode="area"))
        for critic, fake in zip(critics, fakes, strict=True)
    ]
    fake_features = [critic.encode(fake.detach()) for critic, fake in zip(critics, fakes, strict=True)]
    losses = {}
    for name, scores in {"pairs": with_sentence(own), "alone": without_sentence}.items():
        real, fake = ([scores(*pair) for pair in zip(critics, f, strict=True)] for f in (real_features, fake_features))
        losses[name] = [(F.softplus(-a) + F.softplus(b)).mean() for a, b in zip(real, fake, strict=True)]
    descend(game.of_discriminator, sum(losses["pairs"]) + sum(losses["alone"]))
    with torch.no_grad():
        own = game.discriminator_reads(said)
    features = [critic.encode(fake) for critic, fake in zip(critics, fakes, strict=True)]
    pairs, alone = (
        [F.softplus(-score(*pair)).mean() for pair in zip(critics, features, strict=True)]
        for score in (with_sentence(own), without_sentence)
    )
    mean, log_variance = game.generator.conditioning(text)
    divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean()
    descend(game.of_generator, sum(pairs) + sum(alone) + 0.01 * divergence)
    return {"d_loss": losses["pairs"][-1], "g_loss": pairs[-1]}


def with_sentence(text: TextFeatures) -> Callable[[Any, Tensor], Tensor]:
    """What a stage's critic says of images with these sentences."""
    return lambda critic, features: critic.score(features, text)


def without_sentence(critic: Any, features: Tensor) -> Tensor:
    """What a stage's critic says of images alone."""
    return critic.score_alone(features)


def squared_slope(logits: Tensor, images: Tensor) -> Tensor:
    """The mean of each image's squared gradient."""
    (gradients,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradients.square().sum(dim=(1, 2, 3)).mean()


def descend(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """One step; only the optimiser's own weights get gradients."""
    optimizer.zero_grad()
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    loss.backward(inputs=weights)
    optimizer.step()


BUNDLES = {
    "dcgan": Bundle(("model=dcgan", "generator.width=32", "discriminator.width=32"), dcgan),
    "wgan_gp": Bundle(("model=wgan_gp",), wgan_gp, cycle=5),
    "r3gan": Bundle(("model=r3gan",), r3gan),
    "biggan": Bundle(("model=biggan",), biggan, cycle=2),
    "stylegan2": Bundle(("model=stylegan2",), stylegan2, cycle=16),
    "dfgan": Bundle(("model=dfgan", "system.mismatch_weight=0"), dfgan),
    "attngan": Bundle(("model=attngan", "system.mismatch_weight=0"), attngan),
}
