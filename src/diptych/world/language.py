"""A language: its words and phrasings, read from a data file. To add a language, add a file.

The file `languages/<name>.toml` explains its own keys; `Language` makes its noun phrases and lists.
"""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from itertools import product
from typing import Any

from diptych.world.constraints import Constraints, Mention
from diptych.world.spec import COLOURS, RELATIONS, SHAPES, SIZES

ANY = "any"
_SLOT = re.compile(r"\{\w+\}")


@dataclass(frozen=True)
class Phrasing:
    """One sentence pattern; `relation_words` is empty for lists. The language file explains the rest."""

    name: str
    text: str
    several: str
    more: str | None
    relation_words: dict[str, str]
    least_objects: int
    held_out: bool

    @property
    def has_relations(self) -> bool:
        """Whether it expresses relations (of two objects, or of a chain if `more` is given)."""
        return bool(self.relation_words)

    @classmethod
    def of(cls, name: str, entry: dict[str, Any], relations: dict[str, dict[str, str]]) -> "Phrasing":
        """From its table in a language file."""
        words = relations[entry["relations"]] if "relations" in entry else {}
        text, least = entry["text"], entry.get("least_objects", 2 if words else 1)
        several, more = entry.get("several", text), entry.get("more")
        return cls(name, text, several, more, words, least, entry.get("held_out", False))


class Language:
    """The words of one language file; refused if two things would have the same words."""

    def __init__(self, name: str, table: dict[str, Any]) -> None:
        self.separator: str = table["separator"]
        self.order: list[str] = table["order"]
        self.numbers: list[str] = table["numbers"]
        self.number_before: dict[str, str] = table.get("number_before", {})
        self.sizes: dict[str, str] = table["sizes"]
        self.colours: dict[str, str] = table["colours"]
        self.nouns: dict[str, list[str]] = table["nouns"]
        self.between: str = table["list"]["between"]
        self.last: str = table["list"]["last"]
        self.phrasings = {n: Phrasing.of(n, entry, table["relations"]) for n, entry in table["phrasings"].items()}
        self.noun_phrases = {mention: self._spell(mention) for mention in _all_mentions()}
        self.mentions = {phrase: mention for mention, phrase in self.noun_phrases.items()}
        _check_words(name, self)

    def noun_phrase(self, mention: Mention) -> str:
        """The mention in words."""
        return self.noun_phrases[mention]

    def enumerate(self, mentions: Sequence[Mention]) -> str:
        """The mentions as a list in words."""
        *others, last = map(self.noun_phrase, mentions)
        return self.between.join(others) + self.last + last if others else last

    def normalise(self, sentence: str) -> str:
        """Lower case, with the language's own white space."""
        return self.separator.join(sentence.lower().split())

    def say(self, constraints: Constraints, phrasing: Phrasing) -> str:
        """The claims in words; claims with relations need a phrasing with relations, others a list."""
        if not phrasing.has_relations:
            text = phrasing.several if constraints.mentions[0].number > 1 else phrasing.text
            return text.format(objects=self.enumerate(constraints.mentions))
        first, second, *others = map(self.noun_phrase, constraints.mentions)
        relation, *further = (phrasing.relation_words[relation.name] for relation in constraints.relations)
        sentence = phrasing.text.format(first=first, relation=relation, second=second)
        more = phrasing.more or ""
        return sentence + "".join(more.format(relation=r, object=o) for r, o in zip(further, others, strict=True))

    def texts(self) -> tuple[str, ...]:
        """Pieces of text that together contain every word and punctuation mark of the language."""
        frames = [text for p in self.phrasings.values() for text in (p.text, p.several, p.more or "")]
        relations = [words for p in self.phrasings.values() for words in p.relation_words.values()]
        pieces = [piece for frame in frames for piece in _SLOT.split(frame)]
        return tuple(dict.fromkeys([*self.noun_phrases.values(), self.between, self.last, *pieces, *relations]))

    def parts(self, mention: Mention) -> list[tuple[str, str]]:
        """The words of a noun phrase in their order, each after its name in `order`: number, size, colour or noun."""
        words = {
            "size": self.sizes[mention.size] if mention.size else "",
            "colour": self.colours[mention.colour] if mention.colour else "",
            "noun": self.nouns[mention.shape or ANY][-1 if mention.number > 1 else 0],
        }
        said = [(part, words[part]) for part in self.order if words.get(part)]
        number = self.numbers[mention.number - 1]
        if mention.number == 1:
            number = self.number_before.get(said[0][1], number)
        return [("number", number), *said]

    def _spell(self, mention: Mention) -> str:
        return self.separator.join(word for _, word in self.parts(mention))


@cache
def load_language(name: str) -> Language:
    """The language of the file `languages/<name>.toml` in this package."""
    known = languages()
    if name not in known:
        raise ValueError(f"language: there is no {name!r}; choose one of {', '.join(known)}.")
    return Language(name, tomllib.loads((_folder() / f"{name}.toml").read_text(encoding="utf-8")))


def languages() -> tuple[str, ...]:
    """The names of all languages, in alphabetical order."""
    files = (entry.name for entry in _folder().iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in files if name.endswith(".toml")))


def _folder() -> Traversable:
    return resources.files("diptych.world") / "languages"


def _all_mentions() -> list[Mention]:
    attributes = product((None, *SHAPES), (None, *COLOURS), (None, *SIZES), range(1, 5))
    return [Mention(*values) for values in attributes]


def _check_words(name: str, language: Language) -> None:
    if len(language.mentions) < len(language.noun_phrases):
        raise ValueError(f"languages/{name}.toml: two different noun phrases are spelt alike; make all words differ.")
    for phrasing in language.phrasings.values():
        words = phrasing.relation_words
        if words and (set(words) != set(RELATIONS) or len(set(words.values())) < len(words)):
            raise ValueError(f"languages/{name}.toml: {phrasing.name} needs one word for each of {RELATIONS}.")
