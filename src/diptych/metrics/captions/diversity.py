"""How varied captions are, and whether they end: figures of captions as words, apart from their quality.

Distinct n-grams and the vocabulary depend on how many captions there are; compare at equal numbers only.
"""

from collections.abc import Collection, Iterable, Sequence
from statistics import fmean

from diptych.metrics.captions.ngrams import ngrams
from diptych.metrics.captions.tokenization import primary

_DANGLING_ENGLISH = """
a an the this that these those his her its their my your our some and or but nor with without in on onto into of off to
for from by at as near beside behind above below under over between through while who which is are was were be being
has have
"""
DANGLING = {"en": frozenset(_DANGLING_ENGLISH.split()), "zh": frozenset("的地和与及或在是把被从向对着一两个只")}
"""By language, words that no finished caption ends in: articles, possessives, conjunctions, prepositions, copulas."""


def dangling_words(languages: Sequence[str]) -> frozenset[str]:
    """Those of all the languages (ISO 639); a ValueError names the languages that have no list."""
    known = {language: DANGLING.get(primary(language)) for language in languages}
    if without := [language for language, words in known.items() if words is None]:
        raise ValueError(f"no list of words that end no caption in {', '.join(without)}")
    return frozenset().union(*filter(None, known.values()))


def distinct(captions: Iterable[Sequence[str]], order: int) -> float | None:
    """Different n-grams over all n-grams (distinct-n of Li et al. 2016, arXiv:1510.03055); None without any."""
    found = [ngram for words in captions for ngram in ngrams(words, order)]
    return len(set(found)) / len(found) if found else None


def vocabulary_size(captions: Iterable[Sequence[str]]) -> int:
    """How many different words are used."""
    return len({word for words in captions for word in words})


def mean_length(captions: Sequence[Sequence[str]]) -> float:
    """In words, of one caption or more."""
    return fmean(map(len, captions))


def is_novel(captions: Iterable[Sequence[str]], training: Iterable[Sequence[str]]) -> list[bool]:
    """Whether each caption is none of the training captions, word for word."""
    seen = {tuple(words) for words in training}
    return [tuple(words) not in seen for words in captions]


def ends_badly(captions: Iterable[Sequence[str]], dangling: Collection[str]) -> list[bool]:
    """Whether each caption breaks off: it is empty, or its last word is one of `dangling`."""
    return [not words or words[-1] in dangling for words in captions]
