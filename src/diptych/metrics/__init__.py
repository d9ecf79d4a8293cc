"""Figures that can be trusted: pure functions with thin torchmetrics wrappers."""

from diptych.metrics.truth import CAPTION_SCORES, PAINTING_SCORES, CaptionTruth, PaintingTruth

__all__ = ["CAPTION_SCORES", "PAINTING_SCORES", "CaptionTruth", "PaintingTruth"]
