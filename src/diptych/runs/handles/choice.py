"""Which handle a system has."""

from typing import Any

from diptych.runs.handles.autoencoder import ImageAutoencoder
from diptych.runs.handles.base import Handle
from diptych.runs.handles.captioner import ImageCaptioner
from diptych.runs.handles.classifier import ImageClassifier
from diptych.runs.handles.embedder import PairEmbedder
from diptych.runs.handles.generator import ImageGenerator
from diptych.runs.handles.latent_captions import LatentCaptions
from diptych.runs.handles.rule_captioner import RuleCaptioner

HANDLES: tuple[type[Handle], ...] = (
    ImageGenerator,
    ImageCaptioner,
    RuleCaptioner,
    LatentCaptions,
    ImageClassifier,
    PairEmbedder,
    ImageAutoencoder,
)


def handle_for(system: Any) -> type[Handle]:
    """The handle of a system: the plain one where it can do none of these things, one of its own for several."""
    fitting = tuple(handle for handle in HANDLES if handle.fits(system))
    if len(fitting) < 2:
        return fitting[0] if fitting else Handle
    return type("LoadedRun", fitting, {"__doc__": " ".join(handle.__doc__ or "" for handle in fitting)})
