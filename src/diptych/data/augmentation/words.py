"""The words of one language that say something which an operation may make untrue, read from a data file.

The file `words/<language>.toml` has a text of words for each of the `CLAIMS`. A word stands for itself as a whole
token, `rot*` for all tokens that begin so; words that the tokeniser cuts (Chinese, Japanese) stand for their tokens in
a row. `clitics` are what a word may begin with besides. Case, accents and vowel signs of Arabic do not matter.
`taken_for` is the language that `diptych.text.languages` takes the captions for, if it is another one.
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources

from diptych.data.augmentation.operation import CLAIMS
from diptych.text import WordTokenizer

EVERY = "every"
"""The file of signs that all languages share."""
REMEMBERED_TOKENS = 1 << 15
Row = tuple[str, ...]
_UNREAD = re.compile("[\u0300-\u036f\u064b-\u065f\u0670\u0640\u093c\u00ad\u200c\u200d\ufe0e\ufe0f]")
_VARIANTS = str.maketrans({"\u0901": "\u0902"})  # the two nasal signs of Hindi
_JOINTS = re.compile(r"[-'_\u00b7\u2010\u2011\u2027]")
_STAR = "_"
"""In place of a star, which the tokeniser would cut off; no listed word has it."""


@dataclass(frozen=True)
class WordList:
    """The words of a file: a pattern of single tokens for each claim, and rows of tokens by the first of them."""

    patterns: Mapping[str, re.Pattern[str]]
    rows: Mapping[str, Sequence[tuple[Row, str]]]
    taken_for: str

    def of_rows(self, tokens: Sequence[str]) -> frozenset[str]:
        """The claims of the rows of tokens in a sentence."""
        starts = (at for at, token in enumerate(tokens) if token in self.rows)
        return frozenset(claim for at in starts for claim in self._from(tokens, at))

    def of_token(self, token: str) -> frozenset[str]:
        """The claims of one token, or of a part of it (`light-blue`, `l'orange`)."""
        parts = {token, *_JOINTS.split(token)}
        return frozenset(claim for claim, pattern in self.patterns.items() if any(map(pattern.fullmatch, parts)))

    def _from(self, tokens: Sequence[str], at: int) -> Iterator[str]:
        for row, claim in self.rows[tokens[at]]:
            if tuple(tokens[at : at + len(row)]) == row:
                yield claim


@cache
def listed() -> tuple[str, ...]:
    """The languages that have a file, in alphabetical order."""
    files = (resources.files("diptych.data.augmentation") / "words").iterdir()
    names = (file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml"))
    return tuple(sorted(name for name in names if name != EVERY))


@cache
def words_of(language: str) -> WordList:
    """The list of the file of this name."""
    file = resources.files("diptych.data.augmentation") / "words" / f"{language}.toml"
    table = tomllib.loads(file.read_text(encoding="utf-8"))
    clitics = "|".join(folded(clitic) for clitic in table.pop("clitics", "").split())
    taken_for = table.pop("taken_for", language)
    assert set(table) <= CLAIMS, f"words/{language}.toml: {set(table) - CLAIMS} are no claims"
    tokens = {
        claim: [tuple(tokens_of(word.replace("*", _STAR))) for word in text.split()] for claim, text in table.items()
    }
    single = {claim: [row[0] for row in rows if len(row) == 1] for claim, rows in tokens.items()}
    patterns = {claim: _pattern(words, clitics) for claim, words in single.items() if words}
    return WordList(patterns, _by_first(tokens), taken_for)


def said_in(language: str, tokens: Sequence[str]) -> frozenset[str]:
    """What a sentence of these tokens says, by the words of this language."""
    return words_of(language).of_rows(tokens).union(*(_of_token(language, token) for token in tokens))


def tokens_of(text: str) -> list[str]:
    """The folded tokens of a sentence."""
    return [folded(token) for token in WordTokenizer.split(text)]


@lru_cache(REMEMBERED_TOKENS)
def folded(text: str) -> str:
    """Without case, accents and the signs that some people write and others do not."""
    plain = unicodedata.normalize("NFKD", text.casefold()).translate(_VARIANTS)
    return _UNREAD.sub("", plain)


@lru_cache(REMEMBERED_TOKENS)
def _of_token(language: str, token: str) -> frozenset[str]:
    return words_of(language).of_token(token)


def _pattern(tokens: Sequence[str], clitics: str) -> re.Pattern[str]:
    """What matches each of the tokens, after a clitic as well."""
    words = "|".join(re.escape(token).replace(_STAR, ".*") for token in dict.fromkeys(tokens))
    return re.compile(f"(?:{clitics})?(?:{words})" if clitics else words)


def _by_first(tokens: Mapping[str, Sequence[Row]]) -> dict[str, list[tuple[Row, str]]]:
    """The rows of several tokens with their claims, by the first token."""
    found: dict[str, list[tuple[Row, str]]] = {}
    for claim, rows in tokens.items():
        for row in rows:
            if len(row) > 1:
                found.setdefault(row[0], []).append((row, claim))
    return found
