"""Which languages captions are in, as far as their letters say: a guess for data that do not name them.

A script stands for the language most often written in it, so that Marathi is taken for Hindi; whether it is scored by
words or by letters is the same. Latin letters are taken for English, unless most captions hold accents or common words
of other languages: which one it is nobody knows, and the guess is `und` (ISO 639: undetermined).
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import regex

from diptych.text.tokenizers import WordTokenizer

UNDETERMINED = "und"
LEAST_SHARE = 0.1
"""Of the captions, for a language to be one of the data's."""
EXAMINED = 2_000

_CODE = re.compile(r"[a-z]{2,3}([-_][a-z0-9]{2,8})*", re.IGNORECASE | re.ASCII)
_OF_SCRIPTS = {
    **{"Han": "zh", "Hiragana": "ja", "Katakana": "ja", "Hangul": "ko", "Latin": "en", "Cyrillic": "ru", "Greek": "el"},
    **{"Arabic": "ar", "Hebrew": "he", "Armenian": "hy", "Georgian": "ka", "Ethiopic": "am", "Devanagari": "hi"},
    **{"Bengali": "bn", "Gujarati": "gu", "Gurmukhi": "pa", "Oriya": "or", "Sinhala": "si", "Tamil": "ta"},
    **{"Telugu": "te", "Kannada": "kn", "Malayalam": "ml", "Thai": "th", "Lao": "lo", "Tibetan": "bo"},
    **{"Myanmar": "my", "Khmer": "km"},
}
_SCRIPT = regex.compile("|".join(rf"(?P<{name}>\p{{{name}}})" for name in _OF_SCRIPTS))
_FOREIGN_WORDS = """
ein eine einen der und mit auf ist une les des et avec dans sur el los con una il di della uma um com em een het
och en på og bir ve jest się na je egy és az yang dan seorang sebuah
"""
_FOREIGN = frozenset(_FOREIGN_WORDS.split())
"""Words of languages in Latin letters that many captions hold, and few English ones."""


def is_language(code: str) -> bool:
    """Whether it looks like a code of ISO 639 with or without a region: `en`, `yue`, `zh-TW`."""
    return _CODE.fullmatch(code) is not None


def named(code: str) -> str:
    """The code, for people."""
    return f"{code} (undetermined)" if code == UNDETERMINED else code


def guess_languages(captions: Sequence[str]) -> tuple[str, ...]:
    """Those of at least `LEAST_SHARE` of the captions, the most frequent first, from `EXAMINED` of them or so."""
    step = -(-len(captions) // EXAMINED) or 1
    counts = Counter(filter(None, map(_language, captions[::step])))
    for pair in (("zh", "ja"), ("en", UNDETERMINED)):  # sentences without kana, or without a telling word
        few, many = sorted(pair, key=lambda language: counts[language])
        counts[many] += counts.pop(few, 0)
    least = max(1, LEAST_SHARE * counts.total())
    return tuple(language for language, count in counts.most_common() if count >= least) or (UNDETERMINED,)


def _language(caption: str) -> str | None:
    """Of most of its words, a letter of a script without spaces counting as one; None where there are no letters."""
    words = WordTokenizer.split(caption)
    counts = Counter(_OF_SCRIPTS[str(found.lastgroup)] for found in map(_SCRIPT.match, words) if found)
    if counts["ja"]:
        counts["ja"] += counts.pop("zh", 0)
    most = max(counts, key=lambda language: counts[language], default=None)
    return UNDETERMINED if most == "en" and _is_foreign(words) else most


def _is_foreign(words: Iterable[str]) -> bool:
    return any(word in _FOREIGN or (word.isalpha() and not word.isascii()) for word in words)
