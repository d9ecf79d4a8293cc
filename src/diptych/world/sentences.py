"""Parse a sentence: the inverse of `Language.say` for one phrasing.

A pattern finds the parts; the sentence is accepted only if the parts give the same sentence again, so the rules that
make sentences also check agreement and order.
"""

import re
from collections.abc import Iterable

from diptych.world.constraints import Constraints, Relation
from diptych.world.language import Language, Phrasing

_SLOT = re.compile(r"\{(\w+)\}")


class SentenceReader:
    """Parses the sentences of one phrasing."""

    def __init__(self, phrasing: Phrasing, language: Language) -> None:
        self.phrasing = phrasing
        self.language = language
        self._relations = {words: name for name, words in phrasing.relation_words.items()}
        self._starts = [self._pattern(text) for text in dict.fromkeys((phrasing.text, phrasing.several))]
        self._more = self._pattern(phrasing.more) if phrasing.more else None
        self._noun_phrase = re.compile(_noun_phrase_pattern(language))

    def read(self, sentence: str) -> Constraints | None:
        """The claims of a sentence of this phrasing; None for any other text."""
        for start in self._starts:
            match = start.match(sentence)
            if match:
                constraints = self._chain(match, sentence) if self.phrasing.has_relations else self._list(match)
                if constraints and self.language.say(constraints, self.phrasing) == sentence:
                    return constraints
        return None

    def _chain(self, match: re.Match[str], sentence: str) -> Constraints | None:
        phrases, names = [match["first"], match["second"]], [self._relations[match["relation"]]]
        while self._more and (further := self._more.match(sentence, match.end())):
            match = further
            phrases.append(match["object"])
            names.append(self._relations[match["relation"]])
        mentions = [self.language.mentions.get(phrase) for phrase in phrases]
        known = tuple(mention for mention in mentions if mention and mention.number == 1)
        relations = tuple(Relation(i, name, i + 1) for i, name in enumerate(names))
        return Constraints(known, relations) if len(known) == len(phrases) else None

    def _list(self, match: re.Match[str]) -> Constraints | None:
        mentions = [self.language.mentions.get(phrase) for phrase in self._noun_phrase.findall(match["objects"])]
        known = tuple(mention for mention in mentions if mention)
        return Constraints(known) if len(known) == len(mentions) else None

    def _pattern(self, text: str) -> re.Pattern[str]:
        phrase = _noun_phrase_pattern(self.language)
        between, last = re.escape(self.language.between), re.escape(self.language.last)
        slots: dict[str, str] = {"relation": _one_of(self._relations)}
        slots |= {"first": phrase, "second": phrase, "object": phrase}
        slots["objects"] = f"{phrase}(?:{between}{phrase})*(?:{last}{phrase})?"
        pieces = _SLOT.split(text)
        return re.compile(
            "".join(f"(?P<{piece}>{slots[piece]})" if i % 2 else re.escape(piece) for i, piece in enumerate(pieces))
        )


def _noun_phrase_pattern(language: Language) -> str:
    separator = re.escape(language.separator)
    parts = {
        "number": _one_of([*language.numbers, *language.number_before.values()]),
        "size": _one_of(language.sizes.values()),
        "colour": _one_of(language.colours.values()),
        "noun": _one_of(word for forms in language.nouns.values() for word in forms),
    }
    first, *others = language.order
    optional = "".join(
        f"{separator}{parts[part]}" if part == "noun" else f"(?:{separator}{parts[part]})?" for part in others
    )
    return parts[first] + optional


def _one_of(words: Iterable[str]) -> str:
    """A pattern for any of the words, longer ones first, since a word may be a prefix of another."""
    return "(?:" + "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)) + ")"
