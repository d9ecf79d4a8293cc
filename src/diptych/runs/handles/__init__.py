"""What people hold of a trained run: it generates, captions, classifies or embeds, with PIL images and strings.

A handle offers what its system can do, whatever its class: a family of one's own that has `generate` is an image
generator. All use the run's best checkpoint, unless another is asked for, and, where the run keeps them, averaged
weights.
"""

from diptych.runs.handles.autoencoder import ImageAutoencoder
from diptych.runs.handles.base import Handle
from diptych.runs.handles.captioner import ImageCaptioner, check_beam
from diptych.runs.handles.choice import HANDLES, handle_for
from diptych.runs.handles.classifier import ImageClassifier
from diptych.runs.handles.embedder import PairEmbedder
from diptych.runs.handles.generator import ImageGenerator
from diptych.runs.handles.latent_captions import LatentCaptions
from diptych.runs.handles.rule_captioner import RuleCaptioner

__all__ = [
    "HANDLES",
    "Handle",
    "ImageAutoencoder",
    "ImageCaptioner",
    "ImageClassifier",
    "ImageGenerator",
    "LatentCaptions",
    "PairEmbedder",
    "RuleCaptioner",
    "check_beam",
    "handle_for",
]
