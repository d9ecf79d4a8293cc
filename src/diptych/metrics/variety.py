"""What a generator makes of what its sentence leaves open: as many-sided as the world, or always the same.

For one content and one open attribute the judged values are counted, and their entropy is set against that of the
world's own prior, which is uniform: 1 is the world's variety, 0 is one value for ever; log K minus the entropy is the
KL divergence from the prior. Entropies of few draws are too low; Miller's correction (1955) adds (kinds seen - 1) / 2n
nats, so that few draws which happen to be even give more than 1; cutting that off would bias the mean downwards. What
is left of the bias is seen by measuring fresh scenes in the same way, as many as there are pictures.
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
    """One thing that a sentence left open and a picture decided; only choices of one `group` are alike."""

    kind: str
    group: Hashable
    value: Hashable
    num_values: int


def entropy(values: Sequence[Hashable]) -> float:
    """Entropy in nats of the distribution that these values are drawn from, with Miller's correction."""
    counts, n = Counter(values), len(values)
    plain = sum(-count / n * log(count / n) for count in counts.values())
    return plain + (len(counts) - 1) / (2 * n)


def entropy_share(choices: Iterable[Choice]) -> float | None:
    """Mean entropy of the groups over that of the prior, weighted by draws; None where no group has enough."""
    groups: dict[Hashable, list[Choice]] = {}
    for choice in choices:
        groups.setdefault(choice.group, []).append(choice)
    enough = [group for group in groups.values() if len(group) >= LEAST_DRAWS]
    draws = sum(map(len, enough))
    shares = (len(g) * entropy([choice.value for choice in g]) / log(g[0].num_values) for g in enough)
    return sum(shares) / draws if draws else None


def choices_in(scene: Scene, content: Constraints, spec: WorldSpec) -> Iterator[Choice]:
    """What the scene, which shows the content, decides of what the content leaves open.

    Colour and size where they are not named, the quarter of the canvas, and the relation of two; a content with
    relations leaves no place open, and one that counts objects is left out.
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
    """An object for each mention, all different ones; of several ways the first in which most relations hold."""
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
