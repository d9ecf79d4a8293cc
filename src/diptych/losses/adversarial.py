"""Adversarial objectives on logits, one value per example.

A logit `l` means D(x) = sigmoid(l) to the cross-entropies; to the others it is a score. No discriminator here ends in
a sigmoid, so that nothing overflows. Both losses of an objective are minimised. An objective is a class with
`discriminator(real_logits, fake_logits)` and `generator(fake_logits, real_logits)`; all have the same signature and
differ only in the formula.
"""

from collections.abc import Callable
from typing import Any, ClassVar, Protocol

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from diptych.types import Logits


class Objective(Protocol):
    """The interface of an objective.

    One whose generator's loss compares with real logits must say `needs = ("fresh_reals",)`: the same real images are
    then scored once more, by the discriminator that scores the generated ones. One that is bounded only where the
    discriminator's slope is says `needs = ("bounded_critic",)`. `boundary` is the logit of an image that is as likely
    real as generated: 0 where an objective does not say, None where only differences of logits mean anything.
    """

    def discriminator(self, real_logits: Logits, fake_logits: Logits) -> Logits:
        """The discriminator's loss; example i of the real logits is paired with example i of the fake ones."""
        ...

    def generator(self, fake_logits: Logits, real_logits: Logits) -> Logits:
        """The generator's loss; real logits carry no gradient. Without "fresh_reals" it leaves them aside."""
        ...


def boundary_of(objective: Any) -> float | None:
    """The logit of an image that is as likely real as generated; None where logits have no such point."""
    return getattr(objective, "boundary", 0.0)


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


def least_squares_discriminator_loss(
    real_logits: Logits, fake_logits: Logits, real_target: float = 1.0, fake_target: float = 0.0
) -> Logits:
    """Half the squared distances to two targets, Mao et al. 2017 (arXiv:1611.04076, equation 2)."""
    return ((real_logits - real_target).square() + (fake_logits - fake_target).square()) / 2


def least_squares_generator_loss(fake_logits: Logits, target: float = 1.0) -> Logits:
    """Half the squared distance to what the generator wants the discriminator to say."""
    return (fake_logits - target).square() / 2


def wasserstein_discriminator_loss(real_logits: Logits, fake_logits: Logits) -> Logits:
    """Arjovsky et al. 2017 (arXiv:1701.07875). Its mean is minus the distance for the best critic of slope 1."""
    return fake_logits - real_logits


def relativistic_loss(better_logits: Logits, worse_logits: Logits) -> Logits:
    """-log sigmoid of a paired difference, Jolicoeur-Martineau 2018 (arXiv:1807.00734); log 2 at equality."""
    return F.softplus(worse_logits - better_logits)


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


class LeastSquares:
    """A discriminator that regresses to a target for each kind of image.

    Targets 0, 1, 1 are the article's equation 9. With -1, 1, 0 the generator minimises Pearson's chi-squared divergence
    of the sum of both densities from twice its own.
    """

    def __init__(self, *, fake_target: float = 0.0, real_target: float = 1.0, generator_target: float = 1.0) -> None:
        if fake_target == real_target:
            raise ValueError(f"objective.fake_target={fake_target} is real_target: nothing would be told apart")
        self.fake_target, self.real_target, self.generator_target = fake_target, real_target, generator_target

    @property
    def boundary(self) -> float:
        """Half-way between the two targets of the discriminator."""
        return (self.fake_target + self.real_target) / 2

    def discriminator(self, real_logits: Logits, fake_logits: Logits) -> Logits:
        return least_squares_discriminator_loss(real_logits, fake_logits, self.real_target, self.fake_target)

    def generator(self, fake_logits: Logits, real_logits: Logits) -> Logits:
        return least_squares_generator_loss(fake_logits, self.generator_target)


class Wasserstein:
    """A critic whose score is the distance's potential; something else has to bound its slope."""

    needs: ClassVar[tuple[str, ...]] = ("bounded_critic",)
    boundary: ClassVar[None] = None

    def discriminator(self, real_logits: Logits, fake_logits: Logits) -> Logits:
        return wasserstein_discriminator_loss(real_logits, fake_logits)

    def generator(self, fake_logits: Logits, real_logits: Logits) -> Logits:
        return -fake_logits


class Relativistic:
    """Real image i should score above generated image i; the generator wants the reverse (RpGAN, arXiv:1807.00734).

    Huang et al. 2024 (R3GAN, arXiv:2501.05441) add R1 and R2. Both steps compare with the same batch of real images.
    The generator's step scores them again, so that both sides of a difference are of one discriminator; a batch counts
    once in the budget.
    """

    needs: ClassVar[tuple[str, ...]] = ("fresh_reals",)
    boundary: ClassVar[None] = None

    def discriminator(self, real_logits: Logits, fake_logits: Logits) -> Logits:
        return relativistic_loss(real_logits, fake_logits)

    def generator(self, fake_logits: Logits, real_logits: Logits) -> Logits:
        return relativistic_loss(fake_logits, real_logits)
