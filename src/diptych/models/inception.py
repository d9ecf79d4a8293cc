"""The Inception network of the published FID (weights of 5 December 2015), from torch-fidelity.

torchvision's Inception is another network with other weights: its figures compare with no published ones.
"""

import hashlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from diptych.models.features import FeatureNetwork, Features, in_colour
from diptych.types import Images

WEIGHTS = "weights-inception-2015-12-05-6726825d.pth"
SHA256_BEGINS = "6726825d"
SOURCE = f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{WEIGHTS}"
VECTORS, LOGITS = "2048", "logits_unbiased"


class InceptionFeatures(FeatureNetwork):
    """Vectors of 2,048 dimensions. Images are rounded to bytes and resized as in TensorFlow 1, without anti-aliasing.

    `weights` is the file; None looks in torch's download folder. Nothing is downloaded.
    """

    def __init__(self, *, weights: str | None = None) -> None:
        super().__init__(
            name="inception-2015-12-05", resize="bilinear as in TensorFlow 1, to 299 px", pixel_range="bytes 0..255"
        )
        self.network = _network(_weights_file(weights))
        self.freeze()

    def forward(self, images: Images) -> Features:
        return self._vectors_and_logits(images)[0].float()

    def class_logits(self, images: Images) -> Tensor:
        """Logits of 1,008 classes without biases, as the Inception Score uses them."""
        return self._vectors_and_logits(images)[1].float()

    def _vectors_and_logits(self, images: Images) -> tuple[Tensor, Tensor]:
        pixels = ((in_colour(images) + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
        return self.network(pixels)


def _weights_file(weights: str | None) -> Path:
    path = Path(weights) if weights else Path(torch.hub.get_dir()) / "checkpoints" / WEIGHTS
    if not path.is_file():
        raise ValueError(
            f"features=inception needs the file {path}, which does not exist: fetch {SOURCE}, name it in "
            "features.weights, or choose features=random"
        )
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if not digest.startswith(SHA256_BEGINS):  # torch-fidelity unpickles whatever is in the file
        raise ValueError(f"features.weights={path} is not {WEIGHTS}: its SHA-256 begins with {digest[:8]}")
    return path


def _network(path: Path) -> Any:
    try:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    except ModuleNotFoundError:
        raise ValueError("features=inception runs torch-fidelity's network: pip install torch-fidelity") from None
    return FeatureExtractorInceptionV3("inception", [VECTORS, LOGITS], str(path))
