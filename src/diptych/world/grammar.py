"""Scene to sentence and back. What a sentence may look like is data: see `language.py`."""

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

TRIES_FOR_A_NEW_ONE = 8


class Grammar:
    """The sentences of one language about scenes, and their meaning.

    `phrasings` names the ways to make a sentence; what says sentences can be held to some of them.
    """

    def __init__(self, language: str = "en") -> None:
        self.name = language
        self.language = load_language(language)
        self.phrasings = tuple(self.language.phrasings)
        self.held_out_phrasings = tuple(name for name, p in self.language.phrasings.items() if p.held_out)
        self._readers = [SentenceReader(phrasing, self.language) for phrasing in self.language.phrasings.values()]

    def describe(
        self, scene: Scene, rng: Random, *, complete: bool = True, phrasings: Iterable[str] | None = None
    ) -> str:
        """A true sentence about a scene that has objects.

        A complete one names every attribute of every object and, for two objects, their relation (told from either
        of them); for three or four, the relations along a row of them. Objects without clear relations are listed.
        A partial one (`complete=False`) may leave out anything.
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
        """`number` sentences in as many phrasings, the same for the same seed.

        All are different as far as the language has as many.
        """
        rng = Random(seed)
        allowed = shuffled(self._allowed(phrasings, len(scene.objects), complete), rng)
        said: list[str] = []
        for i in range(number):
            tries = (self._say(scene, rng, allowed[i % len(allowed)], complete) for _ in range(TRIES_FOR_A_NEW_ONE))
            sentence = next(tries)
            said.append(next((other for other in chain([sentence], tries) if other not in said), sentence))
        return tuple(said)

    def say(self, claims: Constraints, rng: Random, *, phrasings: Iterable[str] | None = None) -> str:
        """The claims in words, in one of the phrasings that can say them; the inverse of `parse`."""
        return self.language.say(claims, pick(self._saying(claims, phrasings), rng))

    def can_say(self, claims: Constraints, phrasings: Iterable[str]) -> bool:
        """Whether one of the phrasings has room for the claims."""
        return any(_has_room(self.language.phrasings[name], claims) for name in phrasings)

    def parse(self, sentence: str) -> Constraints | None:
        """What the sentence claims, or None where it is not a sentence of this grammar."""
        sentence = self.language.normalise(sentence)
        readings = (reader.read(sentence) for reader in self._readers)
        return next((reading for reading in readings if reading is not None), None)

    def texts(self) -> tuple[str, ...]:
        """Pieces of text that together hold every word and mark the language can say."""
        return self.language.texts()

    def _say(self, scene: Scene, rng: Random, phrasing: Phrasing, complete: bool) -> str:
        tell = describe_chain if phrasing.tells_relations else describe_list
        constraints = tell(scene, rng, partly=not complete)
        if constraints is None:
            return self.language.say(describe_list(scene, rng, partly=not complete), pick(self._lists(), rng))
        return self.language.say(constraints, phrasing)

    def _allowed(self, phrasings: Iterable[str] | None, num_objects: int, complete: bool) -> list[Phrasing]:
        """The phrasings that can say what is wanted of so many objects."""
        names = self.phrasings if phrasings is None else tuple(phrasings)
        unknown = [name for name in names if name not in self.language.phrasings]
        if unknown:
            raise ValueError(f"phrasings: {self.name!r} has no {unknown[0]!r}; it has {', '.join(self.phrasings)}.")
        fitting = [p for p in self.language.phrasings.values() if _can_say(p, num_objects, complete)]
        allowed = [p for p in fitting if p.name in names]
        if not allowed:
            raise ValueError(
                f"phrasings: none of {', '.join(names)} says {'all' if complete else 'anything'} about "
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
        return [p for p in self.language.phrasings.values() if not p.tells_relations]


def meaning(sentence: str, languages: Iterable[str]) -> Constraints | None:
    """What a sentence claims in the first of the languages that can read it; None where none can."""
    readings = (_grammar(language).parse(sentence) for language in languages)
    return next((reading for reading in readings if reading is not None), None)


@cache
def _grammar(language: str) -> Grammar:
    return Grammar(language)


def _has_room(phrasing: Phrasing, claims: Constraints) -> bool:
    """Whether the phrasing tells relations, or lists, as the claims need, and so many mentions."""
    if claims.num_objects < phrasing.least_objects or phrasing.tells_relations != bool(claims.relations):
        return False
    return not claims.relations or len(claims.mentions) == 2 or phrasing.more is not None


def _can_say(phrasing: Phrasing, num_objects: int, complete: bool) -> bool:
    if num_objects < phrasing.least_objects:
        return False
    if num_objects == 1 or not complete:
        return True
    return phrasing.tells_relations and (num_objects == 2 or phrasing.more is not None)
