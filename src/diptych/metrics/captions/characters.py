"""Captions of languages that write no spaces as characters, which needs no word segmenter to agree on.

Text is made compatible (NFKC: full-width letters and digits become plain) and lower-case. A letter of a script without
spaces is a token, together with the marks on it; a run of other letters and digits is a word; all else (punctuation,
symbols, spaces) is dropped. Figures on characters compare with figures on characters only.
"""

import unicodedata

import regex

LANGUAGES_WITHOUT_SPACES = ("zh", "yue", "ja", "th", "lo", "my", "km", "bo")

_HAN = "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_KANA = "\u3040-\u30ff\u31f0-\u31ff"
_THAI_LAO_TIBETAN, _BURMESE, _KHMER = "\u0e00-\u0fff", "\u1000-\u109f", "\u1780-\u17ff"
_UNSPACED = f"{_HAN}{_KANA}{_THAI_LAO_TIBETAN}{_BURMESE}{_KHMER}"
_MARKS = r"[\p{M}\u200c\u200d]*+"
_TOKEN = regex.compile(
    rf"(?V1)(?=[\p{{L}}\p{{N}}])[{_UNSPACED}]{_MARKS}|(?:[[\p{{L}}\p{{N}}]--[{_UNSPACED}]]{_MARKS})++"
)
"""A letter of an unspaced script with its marks, or a word of another script with its own."""
_SYMBOL = regex.compile(r"(\p{So})")


def split_characters(text: str) -> str:
    """The tokens, separated by single spaces; a symbol of several letters (such as ㎏) is a word of its own."""
    return " ".join(_TOKEN.findall(unicodedata.normalize("NFKC", _SYMBOL.sub(r" \1 ", text)).lower()))
