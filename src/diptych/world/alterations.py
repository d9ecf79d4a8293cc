"""Minimal pairs: a true sentence beside one that differs in a single claim and is false, in the same phrasing.

The kinds are those of the field's benchmarks (SVO-Probes, arXiv:2106.09141; Winoground, arXiv:2204.03162; SugarCrepe,
arXiv:2306.14610): one attribute replaced, one attribute exchanged between two objects, one relation turned round.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations
from random import Random

from diptych.types import Scene
from diptych.world.choice import shuffled
from diptych.world.constraints import ATTRIBUTES, Constraints
from diptych.world.grammar import Grammar
from diptych.world.spec import INVERSE, WorldSpec
from diptych.world.wording import wording_of

SWAP, RELATION = "swap", "relation"
ALTERATIONS = (*ATTRIBUTES, SWAP, RELATION)
VALUES = {"shape": "shapes", "colour": "colours", "size": "sizes"}
Accepted = Callable[[str], bool]


def altered(
    sentence: str, scene: Scene, world: WorldSpec, grammars: Sequence[Grammar], rng: Random, accepted: Accepted
) -> dict[str, str]:
    """One false sentence of each kind of `ALTERATIONS` that the sentence allows, drawn by `rng`.

    Each is false of the scene, whatever else it could mean, and `accepted` may refuse it. A sentence of one object has
    nothing to exchange and no relation. What is no sentence of the grammars has none at all.
    """
    wording = wording_of(sentence, grammars)
    if wording is None:
        return {}
    found = {}
    for kind, changes_of in _CHANGES.items():
        changes = shuffled(list(changes_of(wording.claims, world)), rng)
        false = (wording.saying(change) for change in changes if not change.entailed_by(scene))
        text = next(filter(accepted, false), None)
        if text is not None:
            found[kind] = text
    return found


def _replaced(claims: Constraints, world: WorldSpec, kind: str) -> Iterator[Constraints]:
    values = getattr(world, VALUES[kind])
    for i, mention in enumerate(claims.mentions):
        said = getattr(mention, kind)
        for value in values if said is not None else ():
            if value != said:
                yield _with(claims, {i: {kind: value}})


def _exchanged(claims: Constraints, world: WorldSpec) -> Iterator[Constraints]:
    for i, j in combinations(range(len(claims.mentions)), 2):
        for kind in ATTRIBUTES:
            one, other = (getattr(claims.mentions[place], kind) for place in (i, j))
            if one != other and None not in (one, other):
                yield _with(claims, {i: {kind: other}, j: {kind: one}})


def _reversed(claims: Constraints, world: WorldSpec) -> Iterator[Constraints]:
    for i, relation in enumerate(claims.relations):
        others = [*claims.relations]
        others[i] = relation._replace(name=INVERSE[relation.name])
        yield replace(claims, relations=tuple(others))


def _with(claims: Constraints, changes: dict[int, dict[str, str]]) -> Constraints:
    mentions = (replace(mention, **changes.get(i, {})) for i, mention in enumerate(claims.mentions))
    return replace(claims, mentions=tuple(mentions))


_CHANGES: dict[str, Callable[[Constraints, WorldSpec], Iterator[Constraints]]] = {
    **{kind: partial(_replaced, kind=kind) for kind in ATTRIBUTES},
    SWAP: _exchanged,
    RELATION: _reversed,
}
"""Every way to make one change of a kind."""
