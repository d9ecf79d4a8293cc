"""Cut a sentence into words and put it together again, in every script: rules 2.

A word is a run of letters and digits with their marks; apostrophes, hyphens and joiners inside it stay. Scripts that
write no spaces (Han, kana, Thai, Lao, Tibetan, Burmese, Khmer) give one word a letter, with its marks. An emoji is one
word with all that belongs to it (skin tone, family, keycap); so is a flag, and so is every other sign.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import regex

REMEMBERED_CHUNKS = 1 << 16
_UNSPACED = (
    r"\p{Han}\p{Hiragana}\p{Katakana}\p{Bopomofo}\p{Thai}\p{Lao}\p{Tibetan}\p{Myanmar}\p{Khmer}"
    r"\u3001-\u303f\u3040-\u30ff\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff9f"  # signs of Chinese and Japanese
)
_STACKING = r"\u1039\u17d2"  # the next letter of Burmese or Khmer is written under this one
_FORMAT = r"\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff"  # seen by no reader, such as U+200B
_CLINGING = r"[\p{M}\u00ad\u200c\u200d\uff9e\uff9f]"  # marks, soft hyphens, joiners, half-width voicing
_KEYCAP = r"[0-9#*]\ufe0f?\u20e3"
_FLAG = r"\p{Regional_Indicator}{2}"
_PICTOGRAPH = r"\p{Extended_Pictographic}[\p{M}\p{Emoji_Modifier}\U000e0020-\U000e007f]*+"
_EMOJI = rf"{_PICTOGRAPH}(?:\u200d{_PICTOGRAPH})*+{_CLINGING}*+"
_SYLLABLE = rf"(?!\p{{M}})[{_UNSPACED}]{_CLINGING}*+(?:(?<=[{_STACKING}])[{_UNSPACED}]{_CLINGING}*+)*+"
_LETTER = rf"(?!{_KEYCAP})[[\p{{L}}\p{{N}}_]--[{_UNSPACED}]]"
_LETTERS = rf"(?:(?:[a-z]++|{_LETTER}){_CLINGING}*+)++"
_DIGITS = rf"(?:(?!{_KEYCAP})[[\p{{Nd}}]--[{_UNSPACED}]]{_CLINGING}*+)++"
_CLITIC = rf"'(?:s|re|ve|ll|d|m)(?!{_LETTER}|{_CLINGING})"
_NUMBER = rf"(?=\p{{Nd}}){_DIGITS}(?:[.,\u066b\u066c]{_DIGITS})++"
_INSIDE = r"['\-\u00b7\u05be\u05f3\u05f4\u2010\u2011\u2027]"  # col·lecció, צה״ל
_WORD = rf"{_LETTERS}(?:(?!{_CLITIC}){_INSIDE}{_LETTERS})*+"
_SIGN = rf"[^ ]{_CLINGING}*+"
_TOKEN = regex.compile("|".join(["(?sV1)" + _NUMBER, _WORD, _SYLLABLE, _CLITIC, _KEYCAP, _FLAG, _EMOJI, _SIGN]))
_IS_UNSPACED = regex.compile(rf"(?V1)[{_UNSPACED}]")
_IS_CLITIC = regex.compile(rf"(?V1){_CLITIC}")
_IS_FORMAT = regex.compile(rf"[{_FORMAT}]")
_STARTS_WITH_A_MARK = regex.compile(_CLINGING)
_TAKES_THE_NEXT = regex.compile(rf"(?s).*[\u200d{_STACKING}]")
_CLINGS_LEFT = frozenset(".,;:!?)]}%।॥،؛؟٪\u06d4\u0589")  # and the full stops of Urdu and Armenian
_CLINGS_RIGHT = frozenset("([{¿¡")


def split_words(text: str) -> list[str]:
    """The words of a normalised sentence. Nothing but spaces is lost."""
    return [word for chunk in text.split(" ") for word in _words_of(chunk)]


@lru_cache(REMEMBERED_CHUNKS)
def _words_of(chunk: str) -> tuple[str, ...]:
    """The words of what stands between two spaces, which no word crosses."""
    return tuple(_TOKEN.findall(chunk))


def joins(letter: str) -> bool:
    """Whether it is a letter or digit of a script that writes spaces: another one beside it makes another word."""
    return letter.isalnum() and not _IS_UNSPACED.match(letter)


def join_words(words: Sequence[str]) -> str:
    """The sentence of these words, as people write it; `split_words` gives them back."""
    parts = list(words[:1])
    for before, word in pairwise(words):
        parts += [word] if _clings(before, word) else [" ", word]
    return "".join(parts)


def _clings(before: str, word: str) -> bool:
    """Whether people write no space between the two, and reading them again keeps them apart."""
    if _STARTS_WITH_A_MARK.match(word) or _TAKES_THE_NEXT.fullmatch(before):
        return False
    if _IS_UNSPACED.match(before) and _IS_UNSPACED.match(word):
        return True
    if word in _CLINGS_LEFT or before in _CLINGS_RIGHT or _IS_CLITIC.fullmatch(word):
        return True
    return _IS_FORMAT.fullmatch(before) is not None or _IS_FORMAT.fullmatch(word) is not None
