"""Runs that caption images by rules, which give no sentence a likelihood."""

from dataclasses import dataclass
from typing import Any

from diptych.runs.handles.captioner import ImageCaptioner


@dataclass
class RuleCaptioner(ImageCaptioner):
    """A captioner that can caption, and cannot say what another sentence would cost."""

    abilities = ("caption",)
    nats_per_token = None  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]
    sentence_nats = None  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]
    own_sentence_scores = None  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    @classmethod
    def fits(cls, system: Any) -> bool:
        return super().fits(system) and not ImageCaptioner.fits(system)
