"""Captions of images by a captioner, in their order."""

from collections.abc import Mapping
from typing import Any

from diptych.runs.capabilities import CaptionsImages
from diptych.systems.captioning.captions import Caption
from diptych.types import Images, Track


def captions_of(
    captioner: CaptionsImages, images: Images, options: Mapping[str, Any], *, track: Track, description: str
) -> list[Caption]:
    """A caption of each image, by these options of captions."""
    return list(track(captioner.captions(list(images), **options), description=description, total=len(images)))
