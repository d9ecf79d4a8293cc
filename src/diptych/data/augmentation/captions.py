"""What is said of a picture, over all its captions and labels and in every language that they may be in.

A caption is read by the words of the data's languages, and of the language that its letters show: few captions in
another language have their say, too. Whoever is careful loses nothing: where nobody knows what is said, everything may
be.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from diptych.data.augmentation.operation import CLAIMS, COUNT, LETTERS
from diptych.data.augmentation.words import EVERY, listed, said_in, tokens_of, words_of
from diptych.data.example import Example
from diptych.text.languages import UNDETERMINED, guess_languages

REMEMBERED_CAPTIONS = 1 << 14


@dataclass(frozen=True)
class Claims:
    """The claims (`CLAIMS`) of captions in these languages: all of them where a language has no list of words."""

    languages: tuple[str, ...]

    @property
    def unlisted(self) -> tuple[str, ...]:
        """The data's languages without a list of words."""
        return tuple(language for language in self.languages if _base(language) not in listed())

    def of_example(self, example: Example, labels: Iterable[str] | None = None) -> frozenset[str]:
        """What its labels say (by these texts, if given), and its captions where training may read them."""
        captions = (*example.references, *example.sentences) if example.captioned else ()
        return self.of_texts((*captions, *(example.labels if labels is None else labels)))

    def of_texts(self, texts: Iterable[str]) -> frozenset[str]:
        """What any of these sentences says."""
        languages = tuple(map(_base, self.languages))
        return frozenset().union(*(_said(languages, text) for text in dict.fromkeys(texts)))


@lru_cache(REMEMBERED_CAPTIONS)
def _said(languages: tuple[str, ...], text: str) -> frozenset[str]:
    asked = dict.fromkeys((*languages, *_by_letters(languages, text)))
    if not set(asked) <= set(listed()):
        return CLAIMS
    tokens = tokens_of(text)
    numbers = {COUNT, LETTERS} if any(letter.isdecimal() for letter in text) else set()
    return frozenset(numbers).union(*(said_in(language, tokens) for language in (EVERY, *asked)))


def _by_letters(languages: tuple[str, ...], text: str) -> tuple[str, ...]:
    """The language of its letters, unless one of the data's languages is written in them."""
    (guess,) = guess_languages([text])
    explained = {words_of(language).taken_for for language in languages if language in listed()}
    return () if guess == UNDETERMINED and guess in explained else (guess,)


def _base(language: str) -> str:
    """The language without its region: `zh` of `zh-TW`."""
    return language.lower().replace("_", "-").partition("-")[0]
