"""Files of a walk: a GIF, which plays it there and back, and a strip of all its frames as a PNG.

The strip's pixels are those of the images. A GIF has at most 256 colours a frame.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from diptych.runs.images.files import answers_the_same, named_file
from diptych.runs.images.names import FileNames
from diptych.runs.images.record import KEY, save_png

MILLISECONDS = 80
"""Of each frame."""
REST_MILLISECONDS = 480
"""Of a frame at either end."""


def save_walk(frames: Sequence[Image.Image], names: FileNames) -> tuple[Path, Path]:
    """Write the GIF and the strip of one walk, each with the walk's record; the files."""
    told = json.loads(frames[0].info[KEY])
    record = {key: value for key, value in told.items() if key != "frame"}
    text = " to ".join(dict.fromkeys(sentence for sentence, *_ in record["stops"]))
    sheet = strip(frames)
    strip_file = named_file(sheet, text, record, names)
    save_png(sheet, strip_file)
    gif_file = names.free(
        strip_file.stem, ".gif", lambda file: answers_the_same(file, frames[0].size, str(sheet.info[KEY]))
    )
    save_gif(frames, gif_file, str(sheet.info[KEY]))
    return gif_file, strip_file


def strip(frames: Sequence[Image.Image]) -> Image.Image:
    """The frames side by side."""
    width, height = frames[0].size
    sheet = Image.new(frames[0].mode, (width * len(frames), height))
    for place, frame in enumerate(frames):
        sheet.paste(frame, (place * width, 0))
    return sheet


def save_gif(frames: Sequence[Image.Image], file: Path, record: str) -> None:
    """There and back, for ever; the record is the file's comment."""
    there_and_back = [*frames, *reversed(frames[1:-1])]
    ends = (0, len(frames) - 1)
    durations = [REST_MILLISECONDS if place in ends else MILLISECONDS for place in range(len(there_and_back))]
    first, *others = there_and_back
    options = {"duration": durations, "loop": 0, "comment": record.encode()}
    first.save(file, save_all=True, append_images=others, **options)
