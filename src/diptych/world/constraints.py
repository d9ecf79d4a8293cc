"""The claims of a sentence, apart from its words, and whether a scene satisfies them.

A mention of several objects ("two red circles") means exactly that many; a mention of one means at least one.
Different mentions refer to different objects.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations
from typing import NamedTuple

from diptych.types import Scene, SceneObject
from diptych.world.relations import TRUE, relation_between

ATTRIBUTES = ("shape", "colour", "size")


@dataclass(frozen=True, slots=True)
class Mention:
    """One noun phrase; None leaves an attribute open."""

    shape: str | None = None
    colour: str | None = None
    size: str | None = None
    number: int = 1

    def fits(self, thing: SceneObject) -> bool:
        """Whether the object has every named attribute."""
        return (
            self.shape in (None, thing.shape)
            and self.colour in (None, thing.colour)
            and self.size in (None, thing.size)
        )

    def is_full(self) -> bool:
        """Whether it names shape, colour and size."""
        return None not in (self.shape, self.colour, self.size)


class Relation(NamedTuple):
    """Mention `first` is `name` ("above" and so on) relative to mention `second`, by index."""

    first: int
    name: str
    second: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """The fraction of a sentence's claims of each kind that a scene satisfies; 1.0 without claims.

    The matching of objects with mentions satisfies most attributes, then most relations. `count` is 1.0 or 0.0: whether
    the number of objects is as claimed.
    """

    count: float
    shape: float
    colour: float
    size: float
    relation: float


class Atoms(NamedTuple):
    """The number of a sentence's atomic claims, of the true ones among them, and of the scene's facts.

    An atomic claim is an attribute of an object, a relation, an exact number, or the existence of an object beyond
    those of the scene. The facts are the content of an exact sentence: shape, colour and size of each object, and one
    relation of each object but the first.
    """

    claimed: int
    true_facts: int
    true_numbers: int
    facts: int

    @property
    def informativeness(self) -> float:
        """Share of the scene's facts in the sentence; 1 for an exact sentence, low for a vague one."""
        return self.true_facts / self.facts if self.facts else 1.0

    @property
    def hallucination(self) -> float:
        """Share of false claims; 0 if and only if the scene entails the sentence, also without claims."""
        return 1 - (self.true_facts + self.true_numbers) / self.claimed if self.claimed else 0.0

    @property
    def overlap(self) -> tuple[int, int]:
        """The parts of F1: twice the true facts, and the facts that are said or there.

        A true number is no fact of the scene, and counts in neither part; a false one is said and not there. So F1 is
        the harmonic mean of `informativeness` and of the share of true claims, true numbers left out.
        """
        return 2 * self.true_facts, self.claimed - self.true_numbers + self.facts

    @property
    def f1(self) -> float:
        """F1 of the facts of one sentence: 1 if it says all facts and nothing false; 0 where nothing is said."""
        both, either = self.overlap
        return both / either if either else 0.0


@dataclass(frozen=True, slots=True)
class Constraints:
    """The claims of a sentence. Relations hold between mentions of a single object each."""

    mentions: tuple[Mention, ...]
    relations: tuple[Relation, ...] = ()

    @property
    def num_objects(self) -> int:
        """The number of different objects in the sentence."""
        return sum(mention.number for mention in self.mentions)

    def entailed_by(self, scene: Scene) -> bool:
        """Whether every claim is true of the scene."""
        return self._numbers_hold(scene) and any(
            all(mention.fits(thing) for mention, thing in zip(self._slots(), things, strict=True))
            and all(self.holds(relation, things) for relation in self.relations)
            for things in permutations(scene.objects, self.num_objects)
        )

    def is_complete(self) -> bool:
        """Whether it describes the mentioned objects completely.

        It names every attribute, and relations connect all mentions: one relation for two objects, a chain for more.
        """
        return all(mention.is_full() for mention in self.mentions) and self._is_connected()

    def exact_for(self, scene: Scene) -> bool:
        """Whether the sentence is true of the scene, complete, and mentions all objects."""
        return self.num_objects == len(scene.objects) and self.is_complete() and self.entailed_by(scene)

    def compare(self, scene: Scene, closed: bool = False) -> Comparison:
        """Which claims hold, by kind; in a closed world, unmentioned objects make the count wrong."""
        slots = self._slots()
        missing = max(0, len(slots) - len(scene.objects))
        extra = closed and len(scene.objects) > len(slots)
        things = (*scene.objects, *[None] * missing)
        agreements = [self._agreement(slots, chosen) for chosen in permutations(things, len(slots))]
        best = max(agreements, key=lambda agreement: (sum(agreement[:3]), agreement[3]))
        return Comparison(float(not missing and not extra and self._numbers_hold(scene)), *best)

    def atoms(self, scene: Scene) -> Atoms:
        """Count claims and facts; the matching of objects with mentions satisfies as many claims as possible."""
        slots, things = self._slots(), self.matching(scene)
        missing, true_facts = max(0, len(slots) - len(scene.objects)), self._num_true(slots, things)
        named = sum(getattr(mention, name) is not None for mention in slots for name in ATTRIBUTES)
        numbers = [m.number == sum(map(m.fits, scene.objects)) for m in self.mentions if m.number > 1]
        facts = len(ATTRIBUTES) * len(scene.objects) + max(0, len(scene.objects) - 1)
        return Atoms(named + len(self.relations) + len(numbers) + missing, true_facts, sum(numbers), facts)

    def matching(self, scene: Scene) -> tuple[SceneObject | None, ...]:
        """The object that each mention is of, one for each of its number; None where the scene has too few.

        The matching satisfies as many attributes and relations as possible; of equal ones it is the first.
        """
        slots = self._slots()
        things = (*scene.objects, *[None] * max(0, len(slots) - len(scene.objects)))
        return max(permutations(things, len(slots)), key=lambda chosen: self._num_true(slots, chosen))

    def holds(self, relation: Relation, things: tuple[SceneObject | None, ...]) -> bool:
        """Whether a relation of the sentence is true of these things, mention by mention."""
        first, second = things[relation.first], things[relation.second]
        return first is not None and second is not None and relation_between(first, second, TRUE) == relation.name

    def _num_true(self, slots: tuple[Mention, ...], things: tuple[SceneObject | None, ...]) -> int:
        """The number of attributes and relations that hold for these things, slot by slot."""
        pairs = zip(slots, things, strict=True)
        attributes = sum(_right(getattr(m, name), thing, name) is True for m, thing in pairs for name in ATTRIBUTES)
        return attributes + sum(self.holds(relation, things) for relation in self.relations)

    def _agreement(
        self, slots: tuple[Mention, ...], things: tuple[SceneObject | None, ...]
    ) -> tuple[float, float, float, float]:
        """The fractions of shape, colour, size and relation claims that hold for these things, slot by slot."""
        pairs = list(zip(slots, things, strict=True))
        attributes = (_fraction(_right(getattr(m, name), thing, name) for m, thing in pairs) for name in ATTRIBUTES)
        shape, colour, size = attributes
        return shape, colour, size, _fraction(self.holds(relation, things) for relation in self.relations)

    def _slots(self) -> tuple[Mention, ...]:
        return tuple(mention for mention in self.mentions for _ in range(mention.number))

    def _numbers_hold(self, scene: Scene) -> bool:
        return all(m.number == 1 or m.number == sum(map(m.fits, scene.objects)) for m in self.mentions)

    def _is_connected(self) -> bool:
        reached, links = {0}, list(self.relations)
        for _ in links:
            for link in links:
                if link.first in reached or link.second in reached:
                    reached |= {link.first, link.second}
        return len(reached) == self.num_objects


def _right(claim: str | None, thing: SceneObject | None, name: str) -> bool | None:
    """Whether the thing is as claimed; None without a claim."""
    if claim is None:
        return None
    return thing is not None and getattr(thing, name) == claim


def _fraction(claims: Iterator[bool | None] | Iterator[bool]) -> float:
    judged = [claim for claim in claims if claim is not None]
    return sum(judged) / len(judged) if judged else 1.0
