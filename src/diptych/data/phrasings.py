"""Sentences that name the class of a picture: names, phrasings, and the article that a name takes.

A phrasing is a sentence with the place {name}, and perhaps {article}: "a picture of {article} {name}".
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from string import Formatter

NAME, ARTICLE = "name", "article"
PHRASINGS = (
    "{article} {name}",
    "a picture of {article} {name}",
    "a photo of {article} {name}",
    "the picture shows {article} {name}",
    "this is {article} {name}",
    "one can see {article} {name}",
    "somebody photographed {article} {name}",
)
"""English ones, for photographs."""
PLAIN = ("{name}",)
"""For names in a language of which nobody has given phrasings."""

_SILENT_H = re.compile(r"hours?\b|hourglass|hourly|honest|honou?r|heir|hors\b")
_LIKE_YOU = re.compile(r"u[bcfhjkqrst][aeiou]|uni(?!n|m|de)|ukr|uk\b|ua[sv]\b|u\b|eu|ewe")
_LIKE_WON = re.compile(r"(one|once)\b")
_EIGHTS = re.compile(r"8|1[18](?!\d)")
_SPELLED = re.compile(r"(?!(st|mt|mrs?|ms|ft)\b)[fhlmnrsx][bcdfghjklmnpqrstvwxz]*(?![a-z])|(led|mri|suv)\b")
"""What begins with a vowel when it is spelled, letter by letter: x-ray, LCD, mp3."""


def sentences(names: Iterable[str], phrasings: Sequence[str] = PHRASINGS) -> tuple[str, ...]:
    """Each name in each phrasing, every sentence once, with one space between words."""
    said = (
        " ".join(phrasing.format(name=name, article=article(name)).split()) for name in names for phrasing in phrasings
    )
    return tuple(dict.fromkeys(said))


def article(name: str) -> str:
    """The English article of a name, by its first sound: an hour, a unicorn, an X-ray, an 18-wheeler."""
    word = unicodedata.normalize("NFD", name).lower().lstrip("'\"(")
    if _LIKE_YOU.match(word) or _LIKE_WON.match(word):
        return "a"
    sounds_open = word[:1] in {*"aeiou"} or any(rule.match(word) for rule in (_SILENT_H, _EIGHTS, _SPELLED))
    return "an" if sounds_open else "a"


def checked_phrasings(phrasings: Sequence[str], key: str) -> tuple[str, ...]:
    """The phrasings; a ValueError names one that has other places, or no {name}."""
    if isinstance(phrasings, str) or not phrasings:
        raise ValueError(f'{key}={phrasings!r}: give a list of sentences such as "a picture of {{article}} {{name}}"')
    for phrasing in phrasings:
        if not _is_phrasing(phrasing):
            raise ValueError(
                f"{key} has {phrasing!r}: write a sentence with {{name}}, perhaps with {{article}}, and no other braces"
            )
    return tuple(phrasings)


def _is_phrasing(phrasing: object) -> bool:
    """Whether it has a {name} and none but plain places: a format string could reach into objects."""
    if not isinstance(phrasing, str):
        return False
    try:
        parts = [part[1:] for part in Formatter().parse(phrasing) if part[1] is not None]
    except ValueError:
        return False
    return (NAME, "", None) in parts and all(part in ((NAME, "", None), (ARTICLE, "", None)) for part in parts)
