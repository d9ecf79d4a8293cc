"""Captions of images by a captioner, in their order."""

from diptych.runs.capabilities import CaptionsImages
from diptych.systems.captioning.system import Caption
from diptych.types import Images, Track


def captions_of(
    captioner: CaptionsImages, images: Images, *, beam: int, track: Track, description: str
) -> list[Caption]:
    """A caption of each image."""
    return list(track(captioner.captions(list(images), beam=beam), description=description, total=len(images)))
