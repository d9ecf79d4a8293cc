"""Contact sheets: a grid of pictures with captions; small pictures are enlarged without smoothing."""

import math
from collections.abc import Iterator, Sequence
from itertools import islice

import torch
from PIL import Image, ImageDraw
from torch import Tensor

from diptych.callbacks.fonts import Font, shown

CAPTIONED_TILE = 160  # minimum side in pixels; a line has about 25 letters
TILE = 96
GAP = 10
TEXT_SIZE = 12
LINE_HEIGHT = 15
MOST_LINES = 8
BACKGROUND, INK = "white", "#222222"


def to_pil(images: Tensor) -> list[Image.Image]:
    """[-1, 1] to 8 bits: clamp, then round, so that no value wraps around."""
    pixels = ((images.detach().float().cpu().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    if pixels.shape[1] == 1:
        return [Image.fromarray(picture[0].numpy()) for picture in pixels]
    return [Image.fromarray(picture.permute(1, 2, 0).contiguous().numpy()) for picture in pixels]


def contact_sheet(pictures: Sequence[Image.Image], captions: Sequence[str]) -> Image.Image:
    """Every picture above its own caption, in a roughly square sheet."""
    columns = math.ceil(math.sqrt(len(pictures)))
    tiles = [_enlarged(picture, CAPTIONED_TILE) for picture in pictures]
    tile_width, tile_height = tiles[0].size
    texts = [_wrapped(caption, tile_width) for caption in captions]
    row_height = tile_height + LINE_HEIGHT * max(map(len, texts)) + GAP
    sheet = _blank(columns, math.ceil(len(tiles) / columns), tile_width + GAP, row_height)
    for index, (tile, lines) in enumerate(zip(tiles, texts, strict=True)):
        corner = (GAP + index % columns * (tile_width + GAP), GAP + index // columns * row_height)
        sheet.paste(tile, corner)
        _write(sheet, lines, corner[0], corner[1] + tile_height)
    return sheet


def rows_sheet(rows: Sequence[tuple[str, Sequence[Image.Image]]]) -> Image.Image:
    """A row of pictures below each caption; an empty caption takes no space."""
    tiles = [[_enlarged(picture, TILE) for picture in pictures] for _, pictures in rows]
    tile_width, tile_height = tiles[0][0].size
    columns = max(map(len, tiles))
    texts = [_wrapped(caption, columns * (tile_width + GAP) - GAP) for caption, _ in rows]
    row_height = tile_height + LINE_HEIGHT * max(map(len, texts)) + GAP
    sheet = _blank(columns, len(rows), tile_width + GAP, row_height)
    for number, (row, lines) in enumerate(zip(tiles, texts, strict=True)):
        top = GAP + number * row_height
        _write(sheet, lines, GAP, top - LINE_HEIGHT // 3)
        for column, tile in enumerate(row):
            sheet.paste(tile, (GAP + column * (tile_width + GAP), top + row_height - tile_height - GAP))
    return sheet


def _blank(columns: int, rows: int, width: int, height: int) -> Image.Image:
    return Image.new("RGB", (columns * width + GAP, rows * height + GAP), BACKGROUND)


def _write(sheet: Image.Image, lines: Sequence[tuple[str, Font]], left: int, top: int) -> None:
    draw = ImageDraw.Draw(sheet)
    for number, (line, font) in enumerate(lines):
        draw.text((left, top + 2 + number * LINE_HEIGHT), line, fill=INK, font=font)


def _enlarged(picture: Image.Image, least: int) -> Image.Image:
    factor = max(1, math.ceil(least / max(picture.size)))
    size = (picture.width * factor, picture.height * factor)
    return picture.convert("RGB").resize(size, Image.Resampling.NEAREST)


def _wrapped(caption: str, width: int) -> list[tuple[str, Font]]:
    """The caption's lines, broken at spaces, or anywhere in a language without spaces; extra lines are cut off."""
    paragraphs = (paragraph.strip() for paragraph in caption.split("\n"))
    lines = list(islice((line for paragraph in paragraphs for line in _broken(paragraph, width)), MOST_LINES + 1))
    if len(lines) > MOST_LINES:
        last, font = lines[MOST_LINES - 1]
        lines = [*lines[: MOST_LINES - 1], (last[:-1] + "…", font)]
    return lines


def _broken(text: str, width: int) -> Iterator[tuple[str, Font]]:
    rest, font = shown(text, TEXT_SIZE)
    while rest:
        length = _fitting_length(rest, font, width)
        yield rest[:length].rstrip(), font
        rest = rest[length:].lstrip()


def _fitting_length(text: str, font: Font, width: int) -> int:
    """How many characters fit on the first line; at least one."""
    length = min(len(text), width)  # most have a pixel each, and a caption may have a million of them
    while length > 1 and font.getlength(text[:length]) > width:
        length -= 1
    if length == len(text) or text[length] == " ":
        return length
    space = text.rfind(" ", 0, length)
    return space if space > 0 else length
