"""A sheet of images with their captions, as a network reads both."""

import argparse
import hashlib
import json
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from diptych.cli.data.opening import opened
from diptych.cli.output import Output, check_writable, short

if TYPE_CHECKING:
    from PIL.Image import Image

    from diptych.data import DataModule

PREVIEWS = "previews"
"""The folder of the outputs for sheets that nobody has named a file for."""


def run(args: argparse.Namespace, output: Output) -> int:
    """Write a sheet of a split's first images."""
    from diptych.callbacks.grids import contact_sheet
    from diptych.runs.images.record import save_png

    if args.out:
        check_writable(args.out, "--out")
    pictures, captions = as_received(opened(args), args.split, args.num)
    sheet = contact_sheet(pictures, captions)
    file = args.out or _preview_file(sheet, args)
    save_png(sheet, file)
    output.line(short(file))
    output.result({"file": str(file), "captions": captions})
    return 0


def as_received(data: "DataModule", split: str, num: int) -> tuple[list["Image"], list[str]]:
    """The first images of a split with their captions, as networks receive both."""
    from diptych.callbacks.grids import to_pil
    from diptych.text import tokenizer_of

    tokenizer = tokenizer_of(data.spec)
    loader = data.train_dataloader() if split == "train" else data.evaluation_dataloader(split)
    pictures, captions = [], []
    for batch in islice(loader, -(-num // data.batch_size)):
        pictures += to_pil(batch.images)
        captions += ["\n".join(tokenizer.decode(row) for row in rows) for rows in batch.tokens.tolist()]
    return pictures[:num], captions[:num]


def _preview_file(sheet: "Image", args: argparse.Namespace) -> Path:
    """A file among the outputs, named by the data and a digest of what was asked for."""
    from diptych.config.datasets import names_folder
    from diptych.runs.folder.files import outputs_explained
    from diptych.runs.folder.find import default_outputs
    from diptych.runs.images.files import named_file
    from diptych.runs.images.names import FileNames

    place = Path(args.data).resolve()
    asked = json.dumps([str(place) if names_folder(args.data) else args.data, args.split, args.num, *args.overrides])
    request = {"preview": hashlib.sha256(asked.encode()).hexdigest()}
    folder = default_outputs() / PREVIEWS
    with outputs_explained():
        folder.mkdir(parents=True, exist_ok=True)
    return named_file(sheet, f"preview {place.name}", request, FileNames(folder))
