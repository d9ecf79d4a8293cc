"""Captions of languages that write no spaces as characters, which needs no word segmenter to agree on.

Text is made compatible (NFKC: full-width letters and digits become plain) and lower-case. A letter of a script without
spaces is a token, together with the marks on it; a run of other letters and digits is a word; all else (punctuation,
symbols, spaces) is dropped. Figures on characters compare with figures on characters only.
"""

import re
import sys
import unicodedata
from functools import cache

LANGUAGES_WITHOUT_SPACES = ("zh", "yue", "ja", "th", "lo", "my", "km", "bo")

_HAN = "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_KANA = "\u3040-\u30ff\u31f0-\u31ff"
_THAI_LAO_TIBETAN, _BURMESE, _KHMER = "\u0e00-\u0fff", "\u1000-\u109f", "\u1780-\u17ff"
_UNSPACED = f"{_HAN}{_KANA}{_THAI_LAO_TIBETAN}{_BURMESE}{_KHMER}"


def split_characters(text: str) -> str:
    """The tokens, separated by single spaces."""
    return " ".join(_token().findall(unicodedata.normalize("NFKC", text).lower()))


@cache
def _token() -> re.Pattern[str]:
    """A letter of an unspaced script with its marks, or a word of another script with its own."""
    marks = "".join(c for c in map(chr, range(sys.maxunicode)) if unicodedata.category(c) in ("Mn", "Mc"))
    return re.compile(f"(?=\\w)[{_UNSPACED}][{marks}]*|[^\\W_{_UNSPACED}](?:[^\\W_{_UNSPACED}]|[{marks}])*")
