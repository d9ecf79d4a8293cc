"""Captions as Penn Treebank words, as coco-caption has them from Stanford's PTBTokenizer (CoreNLP 3.4.1), without Java.

Tokens are lower-case and punctuation is left out. Coco-caption's list of punctuation names brackets in capitals only,
so that `-lrb-` and `-rrb-` stay, and runs of different marks (`?!`) are not on it. Letters are composed first (NFC),
because both ways to write é are one.

Nearly every word reads the same wherever it stands, so words are remembered. Captions with digits, tags or single
letters are read as a whole, because their tokens may reach across spaces (`1 1/2`, telephone numbers) or look there
(`no. 5`).
"""

import re
from functools import lru_cache
from unicodedata import normalize

from diptych.metrics.captions.ptb_rules import RULES

REMEMBERED_WORDS = 1 << 16
_REACHES_ACROSS_SPACES = re.compile(r"[0-9<]|\b[A-Za-z]\.\s")
_SPACE = re.compile(r"\s*")
_DROPPED = re.compile(r"''?|``?|[.?!,:;]|\.\.+|-+|[\u0000-\u001f\u200b-\u200f\ufe00-\ufe0f\U00010000-\U0010ffff]")
_SPELLED = str.maketrans(
    {
        **{"(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-"},
        **{
            "’": "'",
            "\u0092": "'",
            "‘": "`",
            "‹": "`",
            "›": "'",
            '"': "''",
            "“": "``",
            "”": "''",
            "«": "``",
            "»": "''",
        },
        **{"…": "...", "–": "--", "—": "--", "―": "--", " ": "\u00a0"},
        **{"€": "$", "£": "#", "¢": "cents", "½": "1/2", "¼": "1/4", "¾": "3/4", "⅓": "1/3", "⅔": "2/3"},
    }
)


def split_ptb(caption: str) -> str:
    """The tokens, separated by single spaces; those that reach across spaces hold a no-break space (U+00A0)."""
    caption = caption if caption.isascii() else normalize("NFC", caption)
    if _REACHES_ACROSS_SPACES.search(caption):
        return _read(caption)
    return " ".join(filter(None, map(_read_word, caption.split())))


@lru_cache(REMEMBERED_WORDS)
def _read_word(word: str) -> str:
    return _read(word)


def _read(text: str) -> str:
    tokens, place = [], _after_space(text, 0)
    while place < len(text):
        token = _token_at(text, place)
        tokens.append(token.lower().translate(_SPELLED))
        place = _after_space(text, place + len(token))
    return " ".join(token for token in tokens if not _DROPPED.fullmatch(token))


def _token_at(text: str, place: int) -> str:
    """What the rule that matches most characters makes a token; of equally long matches the earlier rule's."""
    matches = [match for rule in RULES if (match := rule.match(text, place))]
    return max(matches, key=lambda match: match.end())[1]


def _after_space(text: str, place: int) -> int:
    space = _SPACE.match(text, place)
    return space.end() if space else place
