"""Fonts for captions. Chinese needs a font with its characters; without one, a note replaces the caption."""

import functools
import importlib.util
from pathlib import Path

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

CJK_FONTS = (
    "NotoSansCJK-Regular.ttc",
    "NotoSansCJKsc-Regular.otf",
    "NotoSansSC-Regular.otf",
    "NotoSansSC-Regular.ttf",
    "SourceHanSansSC-Regular.otf",
    "wqy-microhei.ttc",
    "wqy-zenhei.ttc",
    "DroidSansFallbackFull.ttf",
    "PingFang.ttc",
    "Hiragino Sans GB.ttc",
    "msyh.ttc",
    "simhei.ttf",
    "Arial Unicode.ttf",
)
NOTE = "[no font here has these characters]"


def shown(text: str, size: int) -> tuple[str, Font]:
    """`text`, or a note in its place, and a font that can draw it."""
    if is_latin(text):
        return text, latin_font(size)
    font = cjk_font(size)
    return (NOTE, latin_font(size)) if font is None else (text, font)


def is_latin(text: str) -> bool:
    """Whether every European font has all its characters."""
    return all(ord(character) < 0x250 or 0x2010 <= ord(character) <= 0x2026 for character in text)


@functools.cache
def latin_font(size: int) -> Font:
    """Matplotlib's DejaVu, the same on every machine; else Pillow's default font."""
    matplotlib = importlib.util.find_spec("matplotlib")
    if matplotlib and matplotlib.origin:
        path = Path(matplotlib.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
        if path.exists():
            return ImageFont.truetype(str(path), size)
    return ImageFont.load_default(size)


@functools.cache
def cjk_font(size: int) -> Font | None:
    """The first installed font with Chinese characters; None without one."""
    for name in CJK_FONTS:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return None
