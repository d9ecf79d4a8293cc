"""How captions become words, the same way for references and predictions, under a name for the protocol."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from diptych.metrics.captions.characters import LANGUAGES_WITHOUT_SPACES, split_characters
from diptych.metrics.captions.ptb import split_ptb


@dataclass(frozen=True)
class CaptionTokenizer:
    """`split` gives the tokens of a caption, separated by single spaces; `name` goes into the protocol."""

    name: str
    split: Callable[[str], str]


PTB = CaptionTokenizer("ptb", split_ptb)
"""Penn Treebank words without punctuation, as coco-caption has them."""

CHARACTERS = CaptionTokenizer("characters", split_characters)
"""For languages without spaces."""

GIVEN = CaptionTokenizer("given", str)
"""For text that is tokenised already: taken as it is."""


def tokenizer_for(languages: Sequence[str]) -> CaptionTokenizer:
    """Characters as soon as one of the languages (ISO 639, such as `zh` or `zh-TW`) is written without spaces."""
    return CHARACTERS if set(map(primary, languages)) & set(LANGUAGES_WITHOUT_SPACES) else PTB


def primary(language: str) -> str:
    """The language without region or script: `en` of `en-GB`."""
    return language.lower().replace("_", "-").partition("-")[0]
