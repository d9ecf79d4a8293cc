"""Pictures inside a page: PNG as data URIs, and attention maps as thin veils over their picture."""

import base64
import io
from collections.abc import Sequence
from html import escape

import numpy as np
from PIL import Image

from diptych.runs.images.attention_sheets import MOST_VEILED, VEIL

PIXELATED_BELOW = 100  # pictures of fewer pixels a side are enlarged as squares, larger ones smoothly


def data_uri(picture: Image.Image) -> str:
    """The picture itself as the address of an <img>."""
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def picture_tag(picture: Image.Image, description: str, *, whole: bool = False) -> str:
    """An <img>, cut to a square unless `whole`."""
    classes = ["picture"]
    if whole:
        classes.append("grid")
    if max(picture.size) < PIXELATED_BELOW:
        classes.append("pixels")
    return f'<img class="{" ".join(classes)}" alt="{escape(description)}" src="{data_uri(picture)}">'


def attention_tiles(picture: Image.Image, words: Sequence[str], maps: Sequence[np.ndarray]) -> str:
    """One small tile a word: the picture, faded where that word did not look. Each map is [rows, columns]."""
    tiles = (
        f'<span><i><img alt="where {escape(word)} looked" src="{data_uri(veil(weights))}"></i>{escape(word)}</span>'
        for word, weights in zip(words, maps, strict=True)
    )
    return f'<div class="attention" style="--picture: url({data_uri(picture)})">{"".join(tiles)}</div>'


def veil(weights: np.ndarray) -> Image.Image:
    """Grey, clear at the highest weight and densest at zero, so that a flat map is clear everywhere."""
    relative = weights / max(float(weights.max()), 1e-12)
    alpha = np.rint(255 * MOST_VEILED * (1 - relative)).astype(np.uint8)
    return Image.merge("RGBA", [Image.new("L", alpha.shape[::-1], VEIL)] * 3 + [Image.fromarray(alpha)])
