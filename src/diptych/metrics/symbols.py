"""What a sentence of the world says, as symbols: no words, no coordinates.

Sentences that mean the same have the same symbols, whatever their language, phrasing and order of objects.
"""

import logging
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import combinations, permutations

import torch
from jaxtyping import Float
from torch import Tensor

from diptych.types import DataSpec
from diptych.world import INVERSE, Constraints, Mention, WorldSpec, meaning

MOST_REMEMBERED = 2**16
ATTRIBUTES = ("shape", "colour", "size")
Fact = tuple[str, ...]
"""The symbols of an object, or of the relation of two; empty where nothing is said."""
_log = logging.getLogger(__name__)


class SentenceSymbols:
    """Reads sentences of the data's world; `ValueError` for data without one.

    The facts are the objects that a picture may have, then the relations of their pairs. The symbols are `object`, the
    world's shapes, colours and sizes, and its relations. An attribute that a sentence leaves open has no symbol; two
    objects of one mention ("two red circles") are two facts. Of all orders of its objects, a sentence has that whose
    symbols come first. A sentence that is not one of this world says nothing, which is told once.
    """

    def __init__(self, *, data_spec: DataSpec) -> None:
        if data_spec.world is None:
            raise ValueError(
                f"text_encoder=attributes reads what sentences say of a world, and data {data_spec.name} has none: "
                "choose data=scenes_demo or its like, or another text_encoder"
            )
        self.languages, self.world = data_spec.languages, WorldSpec(**data_spec.world)
        self.pairs = tuple(combinations(range(self.world.max_objects), 2))
        self.names = _names(self.world)
        self.num_facts, self.num_symbols = self.world.max_objects + len(self.pairs), len(self.names)
        self._has_told = False

    def __call__(self, texts: Sequence[str]) -> Float[Tensor, "sentences facts symbols"]:
        symbols = torch.zeros(len(texts), self.num_facts, self.num_symbols)
        for i, text in enumerate(texts):
            for j, fact in enumerate(self.facts(text)):
                symbols[i, j, [self.names.index(name) for name in fact]] = 1
        return symbols

    def facts(self, text: str) -> tuple[Fact, ...]:
        """Names of the symbols of each fact; none for a sentence that is not of this world."""
        facts = _facts(text, self.languages, self.world)
        if facts is None and text.strip() and not self._has_told:
            self._has_told = True
            _log.warning(
                "text_encoder=attributes: %r is not a sentence of this world, so it says nothing (as will others like "
                "it, untold); a description such as 'a large red circle above a small blue square' is read",
                text,
            )
        return facts or ()


@lru_cache(maxsize=MOST_REMEMBERED)
def _facts(text: str, languages: tuple[str, ...], world: WorldSpec) -> tuple[Fact, ...] | None:
    claims = meaning(text, languages)
    if claims is None or claims.num_objects > world.max_objects or not _is_of(world, claims):
        return None
    objects = [mention for mention in claims.mentions for _ in range(mention.number)]
    relations = _relations(claims)
    orders = (_ordered(objects, relations, order, world) for order in permutations(range(len(objects))))
    return min(orders, key=lambda facts: _rank(facts, _names(world)))


def _ordered(
    objects: Sequence[Mention], relations: dict[tuple[int, int], str], order: Sequence[int], world: WorldSpec
) -> tuple[Fact, ...]:
    """The facts with the objects in this order."""
    said = [_fact_of(objects[i]) for i in order] + [()] * (world.max_objects - len(objects))
    places = [order[i] if i < len(order) else -1 for i in range(world.max_objects)]
    pairs = ((places[i], places[j]) for i, j in combinations(range(world.max_objects), 2))
    return (*said, *((relations[pair],) if pair in relations else () for pair in pairs))


def _fact_of(mention: Mention) -> Fact:
    values = (getattr(mention, attribute) for attribute in ATTRIBUTES)
    return ("object", *(value for value in values if value is not None))


def _relations(claims: Constraints) -> dict[tuple[int, int], str]:
    """The relation of each pair of objects that a sentence relates, told from either of them."""
    starts = [sum(mention.number for mention in claims.mentions[:i]) for i in range(len(claims.mentions))]
    told = {(starts[first], starts[second]): name for first, name, second in claims.relations}
    return told | {(second, first): INVERSE[name] for (first, second), name in told.items()}


def _is_of(world: WorldSpec, claims: Constraints) -> bool:
    """Whether the world has every shape, colour, size and relation that is named."""
    named: Iterable[str] = {symbol for mention in claims.mentions for symbol in _fact_of(mention)}
    return {*named, *(relation.name for relation in claims.relations)} <= {*_names(world)}


def _rank(facts: tuple[Fact, ...], names: Sequence[str]) -> list[list[int]]:
    return [[names.index(name) for name in fact] for fact in facts]


@lru_cache
def _names(world: WorldSpec) -> tuple[str, ...]:
    return ("object", *world.shapes, *world.colours, *world.sizes, *world.relations)
