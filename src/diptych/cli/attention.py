"""Sheets of attention maps that `diptych caption --attention` writes, one an image."""

import argparse
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from diptych.cli.output import Output, short

if TYPE_CHECKING:
    from diptych.runs.handles import ImageCaptioner
    from diptych.runs.images.names import FileNames
    from diptych.systems.captioning.captions import Caption


class Sheets:
    """Writes the sheets of one request into a folder."""

    def __init__(self, names: "FileNames", side: int, request: Mapping[str, Any], output: Output) -> None:
        self.names, self.side, self.request, self.output = names, side, request, output

    @classmethod
    def of(
        cls, args: argparse.Namespace, captioner: "ImageCaptioner", output: Output, options: Mapping[str, Any]
    ) -> Self | None:
        """The sheets of a command; None where none are asked for."""
        from diptych.runs.images.names import FileNames

        if not args.attention:
            return None
        names = FileNames(args.out.parent if args.out else captioner.run.attention)
        request = {"beam": args.beam, **options, "checkpoint": captioner.digest}
        return cls(names, captioner.image_size, request, output)

    def write(self, file: Path, caption: "Caption") -> str | None:
        """Write one sheet with a map per word; None, with a warning, if the model has no attention."""
        from diptych.callbacks.grids import to_pil
        from diptych.runs.images.attention_sheets import word_sheet
        from diptych.runs.images.files import named_file
        from diptych.runs.images.pictures import to_pixels
        from diptych.runs.images.record import save_png

        if caption.attention is None:
            self.output.warning(f"{file}: this model has no attention, so there is no attention map")
            return None
        picture = to_pil(to_pixels(file, self.side, 3)[None])[0]
        sheet = word_sheet(picture, caption.words, list(caption.attention.numpy()))
        self.names.folder.mkdir(parents=True, exist_ok=True)
        told = {"picture": hashlib.sha256(file.read_bytes()).hexdigest(), "caption": caption.text, **self.request}
        target = named_file(sheet, file.stem, told, self.names)
        save_png(sheet, target)
        self.output.line(short(target))
        return short(target)
