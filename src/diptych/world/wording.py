"""Where a sentence says what: the place of each claim in the text, and the same sentence with other claims."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from string import Formatter

from diptych.world.constraints import Constraints, Mention
from diptych.world.grammar import Grammar
from diptych.world.language import Language, Phrasing

RELATION, NUMBER = "relation", "number"
ATTRIBUTE_OF = {"size": "size", "colour": "colour", "noun": "shape"}
"""What a word of a noun phrase says; the number is no attribute of an object."""


@dataclass(frozen=True, slots=True)
class Place:
    """A claim at `text[start:end]`: an attribute or number of mention `index`, or relation `index`."""

    kind: str
    index: int
    start: int
    end: int
    is_attribute: bool


@dataclass(frozen=True)
class Wording:
    """A sentence of the grammar: its claims, the phrasing that says them, and where each claim stands.

    `text` is the sentence as the language writes it; `places` are in the order of the text.
    """

    language: Language
    phrasing: Phrasing
    claims: Constraints
    text: str
    places: tuple[Place, ...]

    def saying(self, claims: Constraints) -> str:
        """Other claims, with as many mentions and relations, in the same phrasing."""
        return self.language.say(claims, self.phrasing)


def wording_of(sentence: str, grammars: Sequence[Grammar]) -> Wording | None:
    """How the first grammar that can parse the sentence reads it; None if none can."""
    for grammar in grammars:
        claims = grammar.parse(sentence)
        if claims is not None:
            return _worded(grammar.language, grammar.language.normalise(sentence), claims)
    return None


def _worded(language: Language, text: str, claims: Constraints) -> Wording:
    fitting = (p for p in language.phrasings.values() if p.has_relations == bool(claims.relations))
    for phrasing in fitting:
        pieces = list(_pieces(language, phrasing, claims))
        if "".join(piece for piece, _ in pieces) == text:
            return Wording(language, phrasing, claims, text, tuple(_placed(pieces)))
    raise AssertionError(f"{text!r} is parsed, but no phrasing says it")


Piece = tuple[str, Place | None]
"""Text, and what it claims."""


def _placed(pieces: Sequence[Piece]) -> Iterator[Place]:
    start = 0
    for text, place in pieces:
        if place is not None:
            yield replace(place, start=start, end=start + len(text))
        start += len(text)


def _pieces(language: Language, phrasing: Phrasing, claims: Constraints) -> Iterator[Piece]:
    """The sentence piece by piece, as `Language.say` joins it."""
    if not claims.relations:
        text = phrasing.several if claims.mentions[0].number > 1 else phrasing.text
        yield from _filled(text, {"objects": list(_list(language, claims.mentions))})
        return
    phrases = [list(_noun_phrase(language, mention, i)) for i, mention in enumerate(claims.mentions)]
    words: list[list[Piece]] = [
        [(phrasing.relation_words[relation.name], Place(RELATION, i, 0, 0, is_attribute=False))]
        for i, relation in enumerate(claims.relations)
    ]
    yield from _filled(phrasing.text, {"first": phrases[0], "relation": words[0], "second": phrases[1]})
    for relation, phrase in zip(words[1:], phrases[2:], strict=True):
        yield from _filled(phrasing.more or "", {"relation": relation, "object": phrase})


def _filled(text: str, slots: Mapping[str, Sequence[Piece]]) -> Iterator[Piece]:
    for before, slot, _, _ in Formatter().parse(text):
        yield before, None
        yield from slots[slot] if slot else ()


def _list(language: Language, mentions: Sequence[Mention]) -> Iterator[Piece]:
    for i, mention in enumerate(mentions):
        if i:
            yield language.last if i == len(mentions) - 1 else language.between, None
        yield from _noun_phrase(language, mention, i)


def _noun_phrase(language: Language, mention: Mention, index: int) -> Iterator[Piece]:
    for i, (part, word) in enumerate(language.parts(mention)):
        if i:
            yield language.separator, None
        attribute = ATTRIBUTE_OF.get(part)
        is_claim = mention.number > 1 if attribute is None else getattr(mention, attribute) is not None
        place = Place(attribute or NUMBER, index, 0, 0, is_attribute=attribute is not None)
        yield word, place if is_claim else None
