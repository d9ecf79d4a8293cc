"""Each thing that a sentence says of a scene, in the order of the sentence: of what object, and whether it is true."""

from collections.abc import Callable
from dataclasses import dataclass

from diptych.types import Scene, SceneObject
from diptych.world.constraints import ATTRIBUTES, Constraints
from diptych.world.wording import NUMBER, RELATION, Place, Wording

Things = tuple[SceneObject | None, ...]
"""Objects, None for one that is not there."""


@dataclass(frozen=True, slots=True)
class Said:
    """A claim at its `place` in the text; `things` are the objects that it is about."""

    place: Place
    is_true: bool
    things: Things


def said_of(wording: Wording, scene: Scene) -> list[Said]:
    """Every claim of the sentence, under the matching of objects with mentions that makes most claims true."""
    things = wording.claims.matching(scene)
    return [_JUDGES[place.kind](place, wording.claims, scene, things) for place in wording.places]


def _attribute(place: Place, claims: Constraints, scene: Scene, things: Things) -> Said:
    value, about = getattr(claims.mentions[place.index], place.kind), _of_mention(place.index, claims, things)
    return Said(place, all(getattr(thing, place.kind, None) == value for thing in about), about)


def _number(place: Place, claims: Constraints, scene: Scene, things: Things) -> Said:
    mention = claims.mentions[place.index]
    is_right = sum(map(mention.fits, scene.objects)) == mention.number
    return Said(place, is_right, _of_mention(place.index, claims, things))


def _relation(place: Place, claims: Constraints, scene: Scene, things: Things) -> Said:
    relation = claims.relations[place.index]
    return Said(place, claims.holds(relation, things), (things[relation.first], things[relation.second]))


def _of_mention(index: int, claims: Constraints, things: Things) -> Things:
    start = sum(mention.number for mention in claims.mentions[:index])
    return things[start : start + claims.mentions[index].number]


_JUDGES: dict[str, Callable[[Place, Constraints, Scene, Things], Said]] = {
    **dict.fromkeys(ATTRIBUTES, _attribute),
    NUMBER: _number,
    RELATION: _relation,
}
