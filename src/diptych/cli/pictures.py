"""Generated images on the command line: a bar while they are made, then files and their entries in JSON."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diptych.cli.output import Output, short

if TYPE_CHECKING:
    from PIL.Image import Image

    from diptych.runs.images.names import FileNames
    from diptych.systems.sampling_progress import Watch


@contextmanager
def watched(number: int) -> Iterator["Watch"]:
    """A bar on a terminal for so many images, which steps within an image move, too."""
    with Output().bar("images", number) as advance:
        before = 0.0

        def tell(made: float, total: int) -> None:
            nonlocal before
            advance(made - before)
            before = made

        yield tell


def entries_of(pictures: "Sequence[Image]", names: "FileNames") -> list[dict[str, Any]]:
    """Write images of sentences; what each was made of, and its file."""
    from diptych.runs.images.files import generated_file
    from diptych.runs.images.record import record_of

    entries = []
    for picture in pictures:
        told = record_of(picture)
        entry = {"sentence": told.sentence, "number": told.index, "seed": told.seed}
        entries.append(entry | {"file": saved(picture, generated_file(picture, names))})
    return entries


def saved(picture: "Image", file: Path) -> str:
    """Write the image with its record; the file as it is shown."""
    from diptych.runs.images.record import save_png

    save_png(picture, file)
    return short(file)
