"""Validation metrics of an autoencoder."""

from collections.abc import Sequence

from torch import Tensor
from torchmetrics import MeanMetric

from diptych.metrics.pictures.pairs import psnr, ssim
from diptych.metrics.scene_accuracy import SceneAccuracy
from diptych.types import DataSpec, Images

MOST_PSNR = 100.0
"""dB; of an image that is made again bit for bit it would be infinite."""


class ReconstructionQuality:
    """`psnr` in dB and `ssim`, means over images; with a world, how many still show what their sentence says.

    All is measured on the CPU, in the precision that the judge reads in.
    """

    def __init__(self, data_spec: DataSpec) -> None:
        self.psnr, self.ssim = MeanMetric(), MeanMetric()
        self.truth = SceneAccuracy(data_spec.world, data_spec.languages) if data_spec.world else None

    def update(self, images: Images, made: Images, sentences: Sequence[str]) -> None:
        """Take in a batch of images, of what was made of them again, and of their sentences."""
        made, images = made.float().cpu(), images.float().cpu()
        self.psnr.update(psnr(made, images).clamp(max=MOST_PSNR))
        self.ssim.update(ssim(made, images))
        if self.truth:
            self.truth.update(made, sentences)

    def compute(self) -> dict[str, Tensor | float]:
        """Each figure by its name."""
        return {"psnr": self.psnr.compute(), "ssim": self.ssim.compute()} | (self.truth.compute() if self.truth else {})

    def reset(self) -> None:
        """Forget everything."""
        self.psnr.reset()
        self.ssim.reset()
        if self.truth:
            self.truth.reset()
