"""Captions of a picture of one handwritten digit."""

from diptych.data.labelled.classes import Classes
from diptych.data.phrasings import article

NUMERALS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

PHRASINGS = (
    "{article} {word}",
    "a handwritten {word}",
    "the digit {digit}",
    "the number {word}",
    "a picture of the digit {word}",
    "a handwritten {digit}",
    "somebody wrote {article} {word}",
)


def sentences(digit: int) -> tuple[str, ...]:
    """Every phrasing, in a fixed order; the first one is the shortest."""
    word = NUMERALS[digit]
    return tuple(phrasing.format(article=article(word), word=word, digit=digit) for phrasing in PHRASINGS)


DIGITS = Classes({word: sentences(digit) for digit, word in enumerate(NUMERALS)})
