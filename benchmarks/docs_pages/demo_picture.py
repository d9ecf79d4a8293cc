"""The picture at the top of README.md: sentences, images and captions of the demo's two runs.

`make figures` draws docs/images/demo.png. A row has a sentence, images generated from it, the judge's verdict on each,
and the caption of the first image. Sentences, seed and order are fixed, so nobody chooses. Two sentences of a pair
differ only in who has which colour, or which place. Their scenes belong to the test split.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image, ImageDraw

import diptych
from diptych.callbacks.fonts import latin_font
from diptych.config.errors import UserError
from diptych.runs.folder.find import default_outputs
from diptych.runs.handles import ImageCaptioner, ImageGenerator
from diptych.world import Judge, WorldSpec, meaning

PAGE_PICTURE = Path("docs/images/demo.png")
SENTENCES = (
    "a large blue plus left of a small magenta triangle",
    "a large magenta plus left of a small blue triangle",
    "a small green circle above a large yellow triangle",
    "a large yellow triangle above a small green circle",
)
LANGUAGES = ("en",)
IMAGES_PER_SENTENCE, SEED = 5, 0
HEADINGS = ("sentence", "text → image, with the judge's verdicts", "image → text, first image")

TILE, GAP, MARGIN = 160, 14, 44
TEXT_WIDTH, COLUMN_GAP = 330, 48
HEAD_HEIGHT, VERDICT_HEIGHT, ROW_GAP = 66, 38, 30
TEXT_SIZE, SMALL_SIZE, LINE_HEIGHT = 28, 21, 38
PAPER, INK, SOFT, RIGHT, WRONG = "white", "#23211d", "#6b655b", "#2e7d55", "#b3402a"


@dataclass(frozen=True)
class Row:
    """A sentence, images generated from it, a verdict for each, and the caption of the first."""

    sentence: str
    images: Sequence[Image.Image]
    verdicts: Sequence[str]
    caption: str


def main(arguments: Sequence[str]) -> None:
    """Draw the two runs named, by default the demo's, into docs/images/demo.png."""
    generator, captioner = map(diptych.load, arguments or demo_runs(default_outputs()))
    PAGE_PICTURE.parent.mkdir(parents=True, exist_ok=True)
    sheet(rows_of(generator, captioner)).save(PAGE_PICTURE, optimize=True)


def demo_runs(outputs: Path) -> list[str]:
    """The links that `make demo` leaves."""
    links = [outputs / "demo" / name for name in ("text_to_image", "captioner")]
    if not all(link.is_dir() for link in links):
        raise UserError(f"the demo's runs are not in {outputs / 'demo'}: run `make demo` first")
    return [str(link) for link in links]


def rows_of(generator: ImageGenerator, captioner: ImageCaptioner) -> list[Row]:
    """Generate from every sentence, judge every image, caption the first of each sentence."""
    images = generator.generate(SENTENCES, num_images=IMAGES_PER_SENTENCE, seed=SEED)
    groups = [images[start : start + IMAGES_PER_SENTENCE] for start in range(0, len(images), IMAGES_PER_SENTENCE)]
    captions = captioner.caption([group[0] for group in groups])
    judge = Judge(WorldSpec(**generator.system.data_spec.world))
    return [
        Row(sentence, group, verdicts(judge, torch.stack([*map(generator.pixels_of, group)]), sentence), caption.text)
        for sentence, group, caption in zip(SENTENCES, groups, captions, strict=True)
    ]


def verdicts(judge: Judge, pixels: torch.Tensor, sentence: str) -> list[str]:
    """`true` for each image that shows the sentence, else the first reason why it does not."""
    claims = meaning(sentence, LANGUAGES)
    assert claims is not None
    found = judge.verdicts(pixels, [claims] * len(pixels))
    return [verdict.reason.replace("_", " ") for verdict in found]


def sheet(rows: Sequence[Row]) -> Image.Image:
    """Sentences on the left, images in the middle, captions on the right."""
    num_images = max(len(row.images) for row in rows)
    images_left = MARGIN + TEXT_WIDTH + COLUMN_GAP
    captions_left = images_left + num_images * (TILE + GAP) - GAP + COLUMN_GAP
    row_height = TILE + VERDICT_HEIGHT + ROW_GAP
    size = (captions_left + TEXT_WIDTH + MARGIN, 2 * MARGIN + HEAD_HEIGHT + len(rows) * row_height - ROW_GAP)
    canvas = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(canvas)
    for left, heading in zip((MARGIN, images_left, captions_left), HEADINGS, strict=True):
        draw.text((left, MARGIN), heading, fill=SOFT, font=latin_font(SMALL_SIZE))
    for number, row in enumerate(rows):
        top = MARGIN + HEAD_HEIGHT + number * row_height
        _write(draw, row.sentence, MARGIN, top)
        _place_images(canvas, row, images_left, top)
        _write(draw, row.caption, captions_left, top)
    return canvas


def _place_images(canvas: Image.Image, row: Row, left: int, top: int) -> None:
    """Images side by side, the captioned one in a frame, each over its verdict."""
    draw = ImageDraw.Draw(canvas)
    for number, (image, verdict) in enumerate(zip(row.images, row.verdicts, strict=True)):
        x = left + number * (TILE + GAP)
        canvas.paste(image.convert("RGB").resize((TILE, TILE), Image.Resampling.NEAREST), (x, top))
        if number == 0:
            draw.rectangle((x - 4, top - 4, x + TILE + 3, top + TILE + 3), outline=INK, width=3)
        is_true = verdict == "true"
        label, colour = ("✓ true", RIGHT) if is_true else (f"✗ {verdict}", WRONG)
        draw.text((x, top + TILE + 8), label, fill=colour, font=latin_font(SMALL_SIZE))


def _write(draw: ImageDraw.ImageDraw, text: str, left: int, top: int) -> None:
    """The text in lines of at most `TEXT_WIDTH` pixels, in the middle of the images' height."""
    lines = wrapped(text)
    top += (TILE - len(lines) * LINE_HEIGHT) // 2
    for number, line in enumerate(lines):
        draw.text((left, top + number * LINE_HEIGHT), line, fill=INK, font=latin_font(TEXT_SIZE))


def wrapped(text: str) -> list[str]:
    """The text broken at spaces into lines that fit a text column."""
    font, lines = latin_font(TEXT_SIZE), [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= TEXT_WIDTH:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except UserError as error:
        sys.exit(f"make figures: {error}")
