"""How runs from before `DataSpec.tokenizer_rules` cut sentences: rules 1, which their vocabularies need, frozen.

Letters and their combining marks fall apart, and so do emoji of several characters.
"""

import re
from collections.abc import Sequence
from itertools import pairwise

# Han characters, kana and CJK punctuation have no spaces between them, so each one is a token.
_CJK = "\u3001-\u303f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff01-\uff60\U00020000-\U0003134f"
_LETTERS = f"[^\\W{_CJK}]+"
_CLITIC = f"'(?:s|re|ve|ll|d|m)(?!{_LETTERS})"
_NUMBER = "[0-9]+(?:[.,][0-9]+)+"
_WORD = f"{_LETTERS}(?:(?!{_CLITIC})['-]{_LETTERS})*"
_TOKEN = re.compile(f"[{_CJK}]|{_CLITIC}|{_NUMBER}|{_WORD}|\\S")
_IS_CJK = re.compile(f"[{_CJK}]")
_IS_CLITIC = re.compile(_CLITIC)
_CLINGS_LEFT = frozenset(".,;:!?)]}%")
_CLINGS_RIGHT = frozenset("([{")


def split_first_words(text: str) -> list[str]:
    """The words of a normalised sentence."""
    return _TOKEN.findall(text)


def join_first_words(words: Sequence[str]) -> str:
    """The sentence of these words."""
    parts = list(words[:1])
    for before, word in pairwise(words):
        parts += [word] if _clings(before, word) else [" ", word]
    return "".join(parts)


def _clings(before: str, word: str) -> bool:
    if _IS_CJK.match(before) and _IS_CJK.match(word):
        return True
    return word in _CLINGS_LEFT or before in _CLINGS_RIGHT or _IS_CLITIC.fullmatch(word) is not None
