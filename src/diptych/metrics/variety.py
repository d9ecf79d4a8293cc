"""The variety of a generator in everything that its sentences leave open, relative to the world's own variety.

For one content and one open attribute, the entropy of the judged values is divided by that of the world's prior, which
is uniform: 1 is the world's variety, 0 is always the same value; log K minus the entropy is the KL divergence from the
prior. Entropies of few draws are too low; Miller's correction (1955) adds (kinds seen - 1) / 2n nats. It can exceed 1
for few even draws; a cut-off would bias the mean downwards. The same measurement on as many fresh scenes shows the rest
of the bias.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import permutations
from math import log
from typing import NamedTuple

from diptych.types import Scene, SceneObject
from diptych.world import Constraints, Relation, WorldSpec, relation_between
from diptych.world.relations import TRUE

LEAST_DRAWS = 8
QUADRANTS = 4


class Choice(NamedTuple):
    """One attribute that a sentence left open, with its value in a picture; choices of one `group` are comparable."""

    kind: str
    group: Hashable
    value: Hashable
    num_values: int


def entropy(values: Sequence[Hashable]) -> float:
    """Entropy in nats of the distribution of these values, with Miller's correction."""
    counts, n = Counter(values), len(values)
    plain = sum(-count / n * log(count / n) for count in counts.values())
    return plain + (len(counts) - 1) / (2 * n)


def entropy_share(choices: Iterable[Choice]) -> float | None:
    """Mean entropy of the groups relative to the prior's, weighted by draws; None if no group has enough draws."""
    groups: dict[Hashable, list[Choice]] = {}
    for choice in choices:
        groups.setdefault(choice.group, []).append(choice)
    enough = [group for group in groups.values() if len(group) >= LEAST_DRAWS]
    draws = sum(map(len, enough))
    shares = (len(g) * entropy([choice.value for choice in g]) / log(g[0].num_values) for g in enough)
    return sum(shares) / draws if draws else None


def choices_in(scene: Scene, content: Constraints, spec: WorldSpec) -> Iterator[Choice]:
    """The values in the scene of everything that its content leaves open.

    These are unnamed colours and sizes, the quadrant of the canvas, and the relation of two objects. A content with
    relations leaves no position open, and one that counts objects is left out.
    """
    if any(mention.number > 1 for mention in content.mentions):
        return
    things = _things_of(content, scene)
    for place, (mention, thing) in enumerate(zip(content.mentions, things, strict=True)):
        if mention.colour is None and len(spec.colours) > 1:
            yield Choice("colour", ("colour", content, place), thing.colour, len(spec.colours))
        if mention.size is None and len(spec.sizes) > 1:
            yield Choice("size", ("size", content, place), thing.size, len(spec.sizes))
        if not content.relations:
            yield Choice("place", ("place", content, place), _quadrant(thing, scene.side), QUADRANTS)
    if len(things) == 2 and not content.relations and (relation := relation_between(things[0], things[1])):
        yield Choice("relation", ("relation", content), relation, len(spec.relations))


def _things_of(content: Constraints, scene: Scene) -> tuple[SceneObject, ...]:
    """A different object for each mention; of several matchings, the first one that satisfies most relations."""
    ways = [
        things
        for things in permutations(scene.objects, len(content.mentions))
        if all(mention.fits(thing) for mention, thing in zip(content.mentions, things, strict=True))
    ]
    if not ways:
        raise ValueError(f"a scene of {len(scene.objects)} objects does not show {content}")
    return max(ways, key=lambda things: _num_held(content.relations, things))


def _num_held(relations: Sequence[Relation], things: Sequence[SceneObject]) -> int:
    return sum(relation_between(things[first], things[second], TRUE) == name for first, name, second in relations)


def _quadrant(thing: SceneObject, side: int) -> tuple[bool, bool]:
    return thing.x > side / 2, thing.y > side / 2
