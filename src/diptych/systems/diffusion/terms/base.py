"""The base of the terms that only a denoiser has: they look at every guess, however strong the noise."""

from typing import Any

from diptych.systems.diffusion.steps import DenoisingStep
from diptych.systems.terms.base import Losses, Term, says_nothing

MOMENTS = ("denoising_losses", "image_losses")
"""The methods in which a term says what a denoiser learns from it."""


class DenoisingTerm(Term):
    """Losses of all that a denoiser says, one value an image, while `image_losses` are of guesses at little noise."""

    def fit_to(self, denoiser: Any) -> None:
        """Called once when the system is built: take the denoiser's sizes, or listen to what it says within."""

    @says_nothing
    def denoising_losses(self, step: DenoisingStep) -> Losses:
        """Losses of what the denoiser says at any time."""
        return {}
