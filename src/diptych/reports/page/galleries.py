"""Images on a page with what was asked, their captions, and whether these are true."""

from collections.abc import Iterable, Sequence
from html import escape

import numpy as np
from PIL import Image

from diptych.evaluation.results import Example
from diptych.reports.page.pictures import attention_tiles, picture_tag


def generation_gallery(examples: Sequence[Example]) -> str:
    """Images generated from sentences, each over its sentence and verdict, beside what the judge read in it."""
    cards = (
        f"<figure>{picture_tag(e.picture, e.sentence)}{_certificate(e)}"
        f"<figcaption>{escape(e.sentence)}{chips(e)}</figcaption></figure>"
        for e in examples
    )
    return _gallery("gallery", cards)


def caption_gallery(examples: Sequence[Example]) -> str:
    """Captions of images, with where each word looked."""
    cards = (
        f'<figure class="panels"><div class="row">{picture_tag(e.picture, e.caption)}'
        f"<figcaption>{escape(e.caption)}{chips(e)}{_scored(e)}{_wanted(e)}</figcaption></div>{_attention(e)}</figure>"
        for e in examples
    )
    return _gallery("gallery wide", cards)


def cycle_gallery(examples: Sequence[Example]) -> str:
    """A sentence, the image generated from it, and the caption of that image."""
    cards = (
        f'<figure class="panels"><div class="row">{picture_tag(e.picture, e.sentence)}'
        f"<figcaption><b>asked</b> {escape(e.sentence)}<br><b>captioned</b> {escape(e.caption)}{chips(e)}"
        f"</figcaption></div></figure>"
        for e in examples
    )
    return _gallery("gallery wide", cards)


def reconstruction_gallery(examples: Sequence[Example]) -> str:
    """Images beside what was made of them again."""
    cards = (
        f"<figure>{picture_tag(e.picture, e.sentence)}{_made_again(e)}"
        f"<figcaption>{escape(e.sentence)}{chips(e)}</figcaption></figure>"
        for e in examples
    )
    return _gallery("gallery", cards)


def plain_gallery(examples: Sequence[Example]) -> str:
    """Images over whatever is known of each."""
    cards = (
        f"<figure>{picture_tag(e.picture, e.sentence or e.caption)}"
        f"<figcaption>{'<br>'.join(escape(text) for text in (e.sentence, e.caption) if text)}{chips(e)}"
        f"</figcaption></figure>"
        for e in examples
    )
    return _gallery("gallery", cards)


def sample_gallery(samples: Sequence[tuple[str, Image.Image]]) -> str:
    """Whole pictures of any shape over their names."""
    cards = (
        f"<figure>{picture_tag(picture, name, whole=True)}<figcaption>{escape(name)}</figcaption></figure>"
        for name, picture in samples
    )
    return _gallery("gallery wide", cards)


def chips(example: Example) -> str:
    """The verdicts, each in words, with a sign and a colour."""
    marks = (
        f'<span class="chip {"true" if good else "false"}">{"✓" if good else "✗"} {escape(text)}</span>'
        for text, good in example.verdicts
    )
    return "<br>" + "".join(marks) if example.verdicts else ""


def first_ones(examples: Sequence[Example], number: int) -> list[Example]:
    """The first examples of the evaluation, whatever became of them: nobody chose."""
    return [example for example in examples if example.index < number]


def worst_ones(examples: Sequence[Example], number: int) -> list[Example]:
    """Those with the lowest scores of their own, the lowest first."""
    return sorted((example for example in examples if example.score), key=_own_score)[:number]


def further_failures(examples: Sequence[Example], after: int, number: int) -> list[Example]:
    """The first wrong ones that are not among the first `after`."""
    return [example for example in examples if example.failed and example.index >= after][:number]


def _own_score(example: Example) -> float:
    assert example.score is not None
    return example.score[1]


def _scored(example: Example) -> str:
    if example.score is None:
        return ""
    label, value = example.score
    return f'<br><span class="soft">{escape(label)} {value:.3f}</span>'


def _certificate(example: Example) -> str:
    if example.second_picture is None:
        return ""
    return f'<div class="read">{picture_tag(example.second_picture, "as read")}<span>as the judge reads it</span></div>'


def _made_again(example: Example) -> str:
    if example.second_picture is None:
        return ""
    return f'<div class="read">{picture_tag(example.second_picture, "made again")}<span>made again</span></div>'


def _wanted(example: Example) -> str:
    if not example.sentence or (example.verdicts and not example.failed):
        return ""
    words = "in truth" if example.verdicts else "a person's"
    return f'<br><span class="soft">{words}: {escape(example.sentence)}</span>'


def _attention(example: Example) -> str:
    if not example.attention:
        return ""
    return attention_tiles(example.picture, example.words, [np.asarray(weights) for weights in example.attention])


def _gallery(classes: str, cards: Iterable[str]) -> str:
    content = "".join(cards)
    return f'<div class="{classes}">{content}</div>' if content else ""
