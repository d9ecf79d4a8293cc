"""Scene to sentence and back. Language files define the sentences: see `language.py`."""

from collections.abc import Iterable
from functools import cache
from itertools import chain
from random import Random

from diptych.types import Scene
from diptych.world.choice import pick, shuffled
from diptych.world.constraints import Constraints
from diptych.world.description import describe_chain, describe_list
from diptych.world.language import Phrasing, load_language
from diptych.world.sentences import SentenceReader

TRIES_PER_REFERENCE = 8


class Grammar:
    """The sentences of one language about scenes, and their meaning.

    `phrasings` are the names of its sentence patterns; methods that make sentences can be restricted to some of them.
    """

    def __init__(self, language: str = "en") -> None:
        self.name = language
        self.language = load_language(language)
        self.phrasings = tuple(self.language.phrasings)
        self.held_out_phrasings = tuple(name for name, p in self.language.phrasings.items() if p.held_out)
        self.phrasings_of_lists = tuple(name for name, p in self.language.phrasings.items() if not p.has_relations)
        self._readers = [SentenceReader(phrasing, self.language) for phrasing in self.language.phrasings.values()]

    def describe(
        self, scene: Scene, rng: Random, *, complete: bool = True, phrasings: Iterable[str] | None = None
    ) -> str:
        """A true sentence about a scene with objects.

        A complete sentence names every attribute of every object and, for two objects, their relation (in either
        direction); for three or four, the relations along a chain. Objects without clear relations are listed. A
        partial sentence (`complete=False`) may leave out anything.
        """
        return self._say(scene, rng, pick(self._allowed(phrasings, len(scene.objects), complete), rng), complete)

    def references(
        self,
        scene: Scene,
        number: int = 5,
        seed: int = 0,
        *,
        complete: bool = True,
        phrasings: Iterable[str] | None = None,
    ) -> tuple[str, ...]:
        """`number` sentences in as many phrasings as possible, the same for the same seed.

        They are all different if the language has enough sentences.
        """
        rng = Random(seed)
        allowed = shuffled(self._allowed(phrasings, len(scene.objects), complete), rng)
        said: list[str] = []
        for i in range(number):
            tries = (self._say(scene, rng, allowed[i % len(allowed)], complete) for _ in range(TRIES_PER_REFERENCE))
            sentence = next(tries)
            said.append(next((other for other in chain([sentence], tries) if other not in said), sentence))
        return tuple(said)

    def say(self, claims: Constraints, rng: Random, *, phrasings: Iterable[str] | None = None) -> str:
        """The claims in words, in one of the phrasings that can express them; the inverse of `parse`."""
        return self.language.say(claims, pick(self._saying(claims, phrasings), rng))

    def can_say(self, claims: Constraints, phrasings: Iterable[str]) -> bool:
        """Whether one of the phrasings can express the claims."""
        return any(_has_room(self.language.phrasings[name], claims) for name in phrasings)

    def parse(self, sentence: str) -> Constraints | None:
        """The claims of the sentence; None if it is not a sentence of this grammar."""
        sentence = self.language.normalise(sentence)
        readings = (reader.read(sentence) for reader in self._readers)
        return next((reading for reading in readings if reading is not None), None)

    def texts(self) -> tuple[str, ...]:
        """Pieces of text that together contain every word and punctuation mark of the language."""
        return self.language.texts()

    def _say(self, scene: Scene, rng: Random, phrasing: Phrasing, complete: bool) -> str:
        describe = describe_chain if phrasing.has_relations else describe_list
        constraints = describe(scene, rng, partly=not complete)
        if constraints is None:
            return self.language.say(describe_list(scene, rng, partly=not complete), pick(self._lists(), rng))
        return self.language.say(constraints, phrasing)

    def _allowed(self, phrasings: Iterable[str] | None, num_objects: int, complete: bool) -> list[Phrasing]:
        """The allowed phrasings for a description of `num_objects` objects."""
        names = self.phrasings if phrasings is None else tuple(phrasings)
        unknown = [name for name in names if name not in self.language.phrasings]
        if unknown:
            raise ValueError(f"phrasings: {self.name!r} has no {unknown[0]!r}; it has {', '.join(self.phrasings)}.")
        fitting = [p for p in self.language.phrasings.values() if _can_say(p, num_objects, complete)]
        allowed = [p for p in fitting if p.name in names]
        if not allowed:
            raise ValueError(
                f"phrasings: none of {', '.join(names)} can say {'all' if complete else 'anything'} about "
                f"{num_objects} object(s); add one of {', '.join(p.name for p in fitting)}."
            )
        return allowed

    def _saying(self, claims: Constraints, phrasings: Iterable[str] | None) -> list[Phrasing]:
        names = self.phrasings if phrasings is None else tuple(phrasings)
        able = [p for p in self.language.phrasings.values() if _has_room(p, claims)]
        allowed = [p for p in able if p.name in names]
        if not allowed:
            raise ValueError(
                f"phrasings: none of {', '.join(names)} can say {claims}; add one of {', '.join(p.name for p in able)}."
            )
        return allowed

    def _lists(self) -> list[Phrasing]:
        return [p for p in self.language.phrasings.values() if not p.has_relations]


def meaning(sentence: str, languages: Iterable[str]) -> Constraints | None:
    """The claims of a sentence in the first language that can parse it; None if none can."""
    readings = (_grammar(language).parse(sentence) for language in languages)
    return next((reading for reading in readings if reading is not None), None)


@cache
def _grammar(language: str) -> Grammar:
    return Grammar(language)


def _has_room(phrasing: Phrasing, claims: Constraints) -> bool:
    """Whether the phrasing fits the claims' relations (or lists) and their number of mentions."""
    if claims.num_objects < phrasing.least_objects or phrasing.has_relations != bool(claims.relations):
        return False
    return not claims.relations or len(claims.mentions) == 2 or phrasing.more is not None


def _can_say(phrasing: Phrasing, num_objects: int, complete: bool) -> bool:
    if num_objects < phrasing.least_objects:
        return False
    if num_objects == 1 or not complete:
        return True
    return phrasing.has_relations and (num_objects == 2 or phrasing.more is not None)
