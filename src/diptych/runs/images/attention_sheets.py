"""Sheets of a captioner's attention: the picture as it is, then once per word, faded where the attention is low."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from diptych.callbacks.fonts import Font, shown

GAP, MARGIN = 6, 12
TEXT_SIZE, LINE_HEIGHT = 13, 22
LEAST_SIDE = 112
TILES_A_ROW = 8
VEIL, MOST_VEILED = 128, 0.7
"""Mid-grey, so that dark and bright pictures fade alike; three tenths of the contrast stay everywhere."""
PAPER, INK, SOFT = "white", "#222222", "#6b655b"
PICTURE = "the picture"


def word_sheet(picture: Image.Image, words: Sequence[str], maps: Sequence[np.ndarray]) -> Image.Image:
    """The picture, and again above each word, veiled by its attention map of shape [rows, columns]."""
    picture = _enlarged(picture)
    tiles = [picture, *(spotlit(picture, weights) for weights in maps)]
    texts = [shown(text, TEXT_SIZE) for text in (PICTURE, *words)]
    width = max(picture.width, *(round(font.getlength(text)) for text, font in texts)) + GAP
    height = picture.height + LINE_HEIGHT + GAP
    columns, rows = min(TILES_A_ROW, len(tiles)), -(-len(tiles) // TILES_A_ROW)
    sheet = Image.new("RGB", (2 * MARGIN + columns * width - GAP, 2 * MARGIN + rows * height - GAP), PAPER)
    for place, (tile, text) in enumerate(zip(tiles, texts, strict=True)):
        row, column = divmod(place, TILES_A_ROW)
        corner = (MARGIN + column * width + (width - GAP - picture.width) // 2, MARGIN + row * height)
        sheet.paste(tile, corner)
        _write(sheet, text, (corner[0] + picture.width / 2, corner[1] + picture.height + 4), INK if place else SOFT)
    return sheet


def spotlit(picture: Image.Image, weights: np.ndarray) -> Image.Image:
    """The picture as it is at the highest weight, faded towards grey by `MOST_VEILED` at zero."""
    relative = weights / max(float(weights.max()), 1e-12)
    clear = Image.fromarray(np.rint(255 * (1 - MOST_VEILED * (1 - relative))).astype(np.uint8))
    grey = Image.new("RGB", picture.size, (VEIL, VEIL, VEIL))
    return Image.composite(picture, grey, clear.resize(picture.size, Image.Resampling.BICUBIC))


def _write(sheet: Image.Image, text: tuple[str, Font], below: tuple[float, float], colour: str) -> None:
    ImageDraw.Draw(sheet).text(below, text[0], fill=colour, font=text[1], anchor="ma")


def _enlarged(picture: Image.Image) -> Image.Image:
    times = -(-LEAST_SIDE // picture.width)
    size = (times * picture.width, times * picture.height)
    return picture.convert("RGB").resize(size, Image.Resampling.NEAREST)
