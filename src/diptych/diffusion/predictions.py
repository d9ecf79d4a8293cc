"""What a network predicts of a noisy image, and what that says of the image.

At a level with x_t = alpha x + sigma e, each prediction is a linear function of the image x and of x_t, so that each
can be turned into any other. `slope` is how much the prediction changes with the image at the same x_t: a squared error
of the prediction is that of the image, times the slope's square.
"""

from abc import ABC, abstractmethod

from torch import Tensor

from diptych.diffusion.processes import Level


class Prediction(ABC):
    """A network's output as a linear function of the clean image and of the noisy one."""

    @abstractmethod
    def slope(self, level: Level) -> Tensor:
        """D output / d image at the same noisy image."""

    @abstractmethod
    def offset(self, noisy: Tensor, level: Level) -> Tensor:
        """What the output would be if the image were zero."""

    def target(self, images: Tensor, noise: Tensor, level: Level) -> Tensor:
        """What the network should say of these images with this noise."""
        return self.slope(level) * images + self.offset(level.noisy(images, noise), level)

    def image(self, output: Tensor, noisy: Tensor, level: Level) -> Tensor:
        """The clean image that the output means."""
        return (output - self.offset(noisy, level)) / self.slope(level)

    def input_scale(self, level: Level) -> Tensor:
        """What the noisy image is multiplied by before the network sees it, so that its variance is at most about 1."""
        return (level.alpha.square() + level.sigma.square()).clamp_min(1).rsqrt()


class Image(Prediction):
    """The clean image itself (Li & He 2025, arXiv:2511.13720, for large patches)."""

    def slope(self, level: Level) -> Tensor:
        return level.alpha.new_ones(level.alpha.shape)

    def offset(self, noisy: Tensor, level: Level) -> Tensor:
        return noisy.new_zeros(())

    def image(self, output: Tensor, noisy: Tensor, level: Level) -> Tensor:
        return output


class Noise(Prediction):
    """The noise (DDPM, Ho et al. 2020, arXiv:2006.11239); says nothing of the image where alpha is 0."""

    def slope(self, level: Level) -> Tensor:
        return -level.alpha / level.sigma

    def offset(self, noisy: Tensor, level: Level) -> Tensor:
        return noisy / level.sigma

    def target(self, images: Tensor, noise: Tensor, level: Level) -> Tensor:
        return noise

    def image(self, output: Tensor, noisy: Tensor, level: Level) -> Tensor:
        return (noisy - level.sigma * output) / level.alpha


class V(Prediction):
    """alpha e - sigma x (Salimans & Ho 2022, arXiv:2202.00512), of use at all levels."""

    def slope(self, level: Level) -> Tensor:
        return -(level.alpha.square() + level.sigma.square()) / level.sigma

    def offset(self, noisy: Tensor, level: Level) -> Tensor:
        return level.alpha / level.sigma * noisy

    def target(self, images: Tensor, noise: Tensor, level: Level) -> Tensor:
        return level.alpha * noise - level.sigma * images

    def image(self, output: Tensor, noisy: Tensor, level: Level) -> Tensor:
        length = level.alpha.square() + level.sigma.square()
        return (level.alpha * noisy - level.sigma * output) / length


class Velocity(Prediction):
    """dx_t / dt, which is e - x on a straight line (flow matching, Lipman et al. 2022, arXiv:2210.02747)."""

    def slope(self, level: Level) -> Tensor:
        return level.alpha_slope - level.sigma_slope * level.alpha / level.sigma

    def offset(self, noisy: Tensor, level: Level) -> Tensor:
        return level.sigma_slope / level.sigma * noisy

    def target(self, images: Tensor, noise: Tensor, level: Level) -> Tensor:
        return level.alpha_slope * images + level.sigma_slope * noise

    def image(self, output: Tensor, noisy: Tensor, level: Level) -> Tensor:
        determinant = level.alpha * level.sigma_slope - level.alpha_slope * level.sigma
        return (level.sigma_slope * noisy - level.sigma * output) / determinant


class Preconditioned(Prediction):
    """EDM's (Karras et al. 2022, arXiv:2206.00364, table 1): input, output and target have variance 1 at every level.

    `sigma_data` is the standard deviation of the images as the process sees them.
    """

    def __init__(self, *, sigma_data: float = 1.0) -> None:
        if sigma_data <= 0:
            raise ValueError(f"prediction.sigma_data={sigma_data:g}: give the images' standard deviation")
        self.sigma_data = sigma_data

    def input_scale(self, level: Level) -> Tensor:
        return (level.sigma.square() + (level.alpha * self.sigma_data).square()).rsqrt()

    def slope(self, level: Level) -> Tensor:
        return 1 / self._output_scale(level)

    def offset(self, noisy: Tensor, level: Level) -> Tensor:
        return -self._skip(level) * noisy / self._output_scale(level)

    def image(self, output: Tensor, noisy: Tensor, level: Level) -> Tensor:
        return self._skip(level) * noisy + self._output_scale(level) * output

    def _skip(self, level: Level) -> Tensor:
        """The share of the noisy image in the best linear guess of the image."""
        variance = self.sigma_data**2
        return level.alpha * variance / (level.sigma.square() + level.alpha.square() * variance)

    def _output_scale(self, level: Level) -> Tensor:
        """The standard deviation of what that guess leaves."""
        return level.sigma * self.sigma_data * self.input_scale(level)
