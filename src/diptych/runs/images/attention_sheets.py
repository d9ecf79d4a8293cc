"""Sheets of a captioner's attention: the picture once per word, dark where the attention is low."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from diptych.callbacks.fonts import shown

GAP, MARGIN = 6, 12
TEXT_SIZE, LINE_HEIGHT = 13, 22
LEAST_SIDE = 96
DARKEST = 0.8
PAPER, INK = "white", "#222222"


def word_sheet(picture: Image.Image, words: Sequence[str], maps: Sequence[np.ndarray]) -> Image.Image:
    """The picture above each word, lit by its attention map of shape [rows, columns]."""
    picture = _enlarged(picture)
    texts = [shown(word, TEXT_SIZE) for word in words]
    cell = max([picture.width, *(round(font.getlength(text)) for text, font in texts)])
    size = (2 * MARGIN + len(words) * (cell + GAP) - GAP, 2 * MARGIN + picture.height + LINE_HEIGHT)
    sheet = Image.new("RGB", size, PAPER)
    for place, ((text, font), weights) in enumerate(zip(texts, maps, strict=True)):
        left = MARGIN + place * (cell + GAP)
        sheet.paste(spotlit(picture, weights), (left + (cell - picture.width) // 2, MARGIN))
        below = (left + cell / 2, MARGIN + picture.height + 4)
        ImageDraw.Draw(sheet).text(below, text, fill=INK, font=font, anchor="ma")
    return sheet


def spotlit(picture: Image.Image, weights: np.ndarray) -> Image.Image:
    """The picture darkened by attention: unchanged at the highest weight, darkest at zero."""
    relative = weights / max(float(weights.max()), 1e-12)
    light = Image.fromarray(np.rint(255 * (1 - DARKEST * (1 - relative))).astype(np.uint8))
    black = Image.new("RGB", picture.size)
    return Image.composite(picture, black, light.resize(picture.size, Image.Resampling.BICUBIC))


def _enlarged(picture: Image.Image) -> Image.Image:
    times = -(-LEAST_SIDE // picture.width)
    size = (times * picture.width, times * picture.height)
    return picture.convert("RGB").resize(size, Image.Resampling.NEAREST)
