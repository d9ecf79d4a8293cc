"""What a sentence claims, apart from its words, and whether a scene bears it out.

A mention of several objects ("two red circles") means exactly that many; a mention of one means at least one.
Different mentions are different objects.
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
        """Whether the object has every attribute that is named."""
        return (
            self.shape in (None, thing.shape)
            and self.colour in (None, thing.colour)
            and self.size in (None, thing.size)
        )

    def is_full(self) -> bool:
        """Whether shape, colour and size are all named."""
        return None not in (self.shape, self.colour, self.size)


class Relation(NamedTuple):
    """The mention with index `first` is `name` ("above" and so on) to that with index `second`."""

    first: int
    name: str
    second: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """Fraction of a sentence's claims of each kind that a scene bears out; 1.0 where nothing is claimed.

    Objects are matched with mentions by their attributes as well as can be, and then by their relations. `count` is
    1.0 or 0.0: whether there are as many objects as claimed.
    """

    count: float
    shape: float
    colour: float
    size: float
    relation: float


class Atoms(NamedTuple):
    """How many smallest claims a sentence makes, how many of them are true, and how many facts the scene holds.

    A claim is that an object has an attribute, that one stands so to another, that there are exactly so many of a kind,
    or, of what is mentioned beyond the scene's objects, that it is there. The facts are what an exact sentence says:
    shape, colour and size of each object, and of each but the first how it stands to another.
    """

    claimed: int
    true_facts: int
    true_numbers: int
    facts: int

    @property
    def informativeness(self) -> float:
        """Share of the scene's facts that are said; 1 for an exact sentence, little for a vague one."""
        return self.true_facts / self.facts if self.facts else 1.0

    @property
    def hallucination(self) -> float:
        """Share of the claims that are false; 0 just for what is entailed, also where nothing is claimed."""
        return 1 - (self.true_facts + self.true_numbers) / self.claimed if self.claimed else 0.0


@dataclass(frozen=True, slots=True)
class Constraints:
    """The claims of a sentence. Relations hold between mentions of a single object each."""

    mentions: tuple[Mention, ...]
    relations: tuple[Relation, ...] = ()

    @property
    def num_objects(self) -> int:
        """How many different objects the sentence speaks of."""
        return sum(mention.number for mention in self.mentions)

    def entailed_by(self, scene: Scene) -> bool:
        """Whether everything the sentence says is true of the scene."""
        return self._numbers_hold(scene) and any(
            all(mention.fits(thing) for mention, thing in zip(self._slots(), things, strict=True))
            and all(self._holds(relation, things) for relation in self.relations)
            for things in permutations(scene.objects, self.num_objects)
        )

    def is_complete(self) -> bool:
        """Whether nothing about the objects it mentions is left open.

        Every attribute is named, and relations tie all mentions together: for two objects theirs, for more a chain.
        """
        return all(mention.is_full() for mention in self.mentions) and self._is_connected()

    def exact_for(self, scene: Scene) -> bool:
        """Whether the sentence is true of the scene, complete, and speaks of all that is there."""
        return self.num_objects == len(scene.objects) and self.is_complete() and self.entailed_by(scene)

    def compare(self, scene: Scene, closed: bool = False) -> Comparison:
        """Which claims hold, kind by kind; in a closed world objects that are not mentioned make the count wrong."""
        slots = self._slots()
        missing = max(0, len(slots) - len(scene.objects))
        extra = closed and len(scene.objects) > len(slots)
        things = (*scene.objects, *[None] * missing)
        agreements = [self._agreement(slots, chosen) for chosen in permutations(things, len(slots))]
        best = max(agreements, key=lambda agreement: (sum(agreement[:3]), agreement[3]))
        return Comparison(float(not missing and not extra and self._numbers_hold(scene)), *best)

    def atoms(self, scene: Scene) -> Atoms:
        """Claims and facts counted, objects matched with mentions so that as many claims as can be are true."""
        slots = self._slots()
        missing = max(0, len(slots) - len(scene.objects))
        things = (*scene.objects, *[None] * missing)
        true_facts = max(self._num_true(slots, chosen) for chosen in permutations(things, len(slots)))
        named = sum(getattr(mention, name) is not None for mention in slots for name in ATTRIBUTES)
        numbers = [m.number == sum(map(m.fits, scene.objects)) for m in self.mentions if m.number > 1]
        facts = len(ATTRIBUTES) * len(scene.objects) + max(0, len(scene.objects) - 1)
        return Atoms(named + len(self.relations) + len(numbers) + missing, true_facts, sum(numbers), facts)

    def _num_true(self, slots: tuple[Mention, ...], things: tuple[SceneObject | None, ...]) -> int:
        """How many claims about attributes and relations hold of these things, slot by slot."""
        pairs = zip(slots, things, strict=True)
        attributes = sum(_right(getattr(m, name), thing, name) is True for m, thing in pairs for name in ATTRIBUTES)
        return attributes + sum(self._holds(relation, things) for relation in self.relations)

    def _agreement(
        self, slots: tuple[Mention, ...], things: tuple[SceneObject | None, ...]
    ) -> tuple[float, float, float, float]:
        """Fraction of claims about shape, colour, size and relation that hold of these things, slot by slot."""
        pairs = list(zip(slots, things, strict=True))
        attributes = (_fraction(_right(getattr(m, name), thing, name) for m, thing in pairs) for name in ATTRIBUTES)
        shape, colour, size = attributes
        return shape, colour, size, _fraction(self._holds(relation, things) for relation in self.relations)

    def _slots(self) -> tuple[Mention, ...]:
        return tuple(mention for mention in self.mentions for _ in range(mention.number))

    def _numbers_hold(self, scene: Scene) -> bool:
        return all(m.number == 1 or m.number == sum(map(m.fits, scene.objects)) for m in self.mentions)

    def _holds(self, relation: Relation, things: tuple[SceneObject | None, ...]) -> bool:
        first, second = things[relation.first], things[relation.second]
        return first is not None and second is not None and relation_between(first, second, TRUE) == relation.name

    def _is_connected(self) -> bool:
        reached, links = {0}, list(self.relations)
        for _ in links:
            for link in links:
                if link.first in reached or link.second in reached:
                    reached |= {link.first, link.second}
        return len(reached) == self.num_objects


def _right(claim: str | None, thing: SceneObject | None, name: str) -> bool | None:
    """Whether the thing is as claimed; None where nothing is claimed."""
    if claim is None:
        return None
    return thing is not None and getattr(thing, name) == claim


def _fraction(claims: Iterator[bool | None] | Iterator[bool]) -> float:
    judged = [claim for claim in claims if claim is not None]
    return sum(judged) / len(judged) if judged else 1.0
