"""Adversarial objectives on logits, one value per example.

A logit `l` means D(x) = sigmoid(l); no discriminator here ends in a sigmoid, so that nothing overflows. Both losses of
an objective are minimised. An objective is a class with `discriminator(real_logits, fake_logits)` and
`generator(fake_logits, real_logits)`; all have the same signature and differ only in the formula.
"""

from collections.abc import Callable
from typing import Protocol

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from diptych.types import Logits


class Objective(Protocol):
    """The interface of an objective."""

    def discriminator(self, real_logits: Logits, fake_logits: Logits) -> Logits:
        """The discriminator's loss; example i of the real logits is paired with example i of the fake ones."""
        ...

    def generator(self, fake_logits: Logits, real_logits: Logits) -> Logits:
        """The generator's loss; the real logits are those of the discriminator's step, without gradient."""
        ...


def cross_entropy_discriminator_loss(real_logits: Logits, fake_logits: Logits) -> Logits:
    """-log D(x) - log(1 - D(G(z))), Goodfellow et al. 2014 (arXiv:1406.2661). 2 log 2 when D knows nothing."""
    return F.softplus(-real_logits) + F.softplus(fake_logits)


def minimax_generator_loss(fake_logits: Logits) -> Logits:
    """log(1 - D(G(z))), the generator's side of V(D, G). Its gradient vanishes where D is sure of a fake."""
    return -F.softplus(fake_logits)


def non_saturating_generator_loss(fake_logits: Logits) -> Logits:
    """-log D(G(z)): the same fixed point as minimax, with the strongest gradient where D is sure of a fake."""
    return F.softplus(-fake_logits)


def hinge_discriminator_loss(real_logits: Logits, fake_logits: Logits) -> Logits:
    """Hinge loss, Lim & Ye 2017 (arXiv:1705.02894). Zero once real >= 1 and fake <= -1."""
    return F.relu(1 - real_logits) + F.relu(1 + fake_logits)


def hinge_generator_loss(fake_logits: Logits) -> Logits:
    """Minus the discriminator's score, not bounded below."""
    return -fake_logits


def of_patches(loss: Callable[..., Logits], *logits: Float[Tensor, "batch patches"]) -> Float[Tensor, " batch"]:
    """Either loss of an objective for every patch, averaged over the patches of each picture."""
    losses = loss(*(patches.float().flatten() for patches in logits))
    return losses.unflatten(0, logits[0].shape).mean(1)


class Minimax:
    """min over G, max over D of V(D, G) = E log D(x) + E log(1 - D(G(z)))."""

    def discriminator(self, real_logits: Logits, fake_logits: Logits) -> Logits:
        return cross_entropy_discriminator_loss(real_logits, fake_logits)

    def generator(self, fake_logits: Logits, real_logits: Logits) -> Logits:
        return minimax_generator_loss(fake_logits)


class NonSaturating:
    """Minimax's discriminator with a generator that maximises log D(G(z)), as DCGAN uses it."""

    def discriminator(self, real_logits: Logits, fake_logits: Logits) -> Logits:
        return cross_entropy_discriminator_loss(real_logits, fake_logits)

    def generator(self, fake_logits: Logits, real_logits: Logits) -> Logits:
        return non_saturating_generator_loss(fake_logits)


class Hinge:
    """A discriminator with a margin, as spectrally normalised and projection GANs use it."""

    def discriminator(self, real_logits: Logits, fake_logits: Logits) -> Logits:
        return hinge_discriminator_loss(real_logits, fake_logits)

    def generator(self, fake_logits: Logits, real_logits: Logits) -> Logits:
        return hinge_generator_loss(fake_logits)
