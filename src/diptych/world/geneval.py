"""GenEval's prompt metadata and score (Ghosh et al. 2023, arXiv:2310.11513), on exact scenes.

Metadata has GenEval's schema: `tag`, `include` (clauses with `class`, `count`, and optional `color`, `size` or
`position`), `exclude` and `prompt`; `position` is [relation, index of another clause], and `size` is ours. Every clause
must hold. The world is open: other objects are never wrong, except in counting, which excludes one object more.

One deviation: GenEval checks colour and position of the `count` most confident boxes of a class. The objects of a scene
are all certain, so any `count` of them that fit are enough.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product
from math import copysign, hypot
from typing import Any, NamedTuple

from diptych.types import Scene, SceneObject
from diptych.world.constraints import Constraints, Mention
from diptych.world.shapes import HALF_EXTENTS

SHRINK = 0.1
LEAST_SHARE = 0.5
RELATION_WORDS = {"above": "above", "below": "below", "left_of": "left of", "right_of": "right of"}

Group = tuple[SceneObject, ...]


class Atom(NamedTuple):
    """One claim: `kind` is object, color, size, position or count; `needs` are the indices of the atoms it requires."""

    kind: str
    needs: tuple[int, ...] = ()


def metadata(tag: str, claims: Constraints, prompt: str) -> dict[str, Any]:
    """The prompt in GenEval's schema; a mention of several objects excludes one more of them.

    A position refers to an earlier clause, so the clauses are in reverse order of the sentence.
    """
    last = len(claims.mentions) - 1
    include = [_clause(mention) for mention in reversed(claims.mentions)]
    for first, name, second in claims.relations:
        include[last - first]["position"] = [RELATION_WORDS[name], last - second]
    several = [mention for mention in claims.mentions if mention.number > 1]
    exclude = [{"class": mention.shape, "count": mention.number + 1} for mention in several]
    return {"tag": tag, "include": include, **({"exclude": exclude} if exclude else {}), "prompt": prompt}


def is_correct(wanted: Mapping[str, Any], scene: Scene) -> bool:
    """GenEval's score of a picture that shows the scene."""
    return all(atoms_held(wanted, scene))


def atoms_of(wanted: Mapping[str, Any]) -> tuple[Atom, ...]:
    """The atoms of a prompt: first objects, then their attributes and positions, then counts."""
    include, exclude = wanted["include"], wanted.get("exclude", ())
    things = [Atom("object") for _ in include]
    said = [Atom(kind, _needs(clause, i, kind)) for i, clause in enumerate(include) for kind in _kinds(clause)]
    return (*things, *said, *(Atom("count", (_place(wanted, clause),)) for clause in exclude))


def atoms_held(wanted: Mapping[str, Any], scene: Scene) -> tuple[bool, ...]:
    """Which of `atoms_of` hold, with the choice of objects that satisfies most of them.

    Claims about a missing object do not hold.
    """
    choices = product(*(_groups(clause, scene) for clause in wanted["include"]))
    best = max((_held(wanted["include"], groups) for groups in choices), key=sum)
    too_many = (len(_of_class(clause, scene)) >= clause["count"] for clause in wanted.get("exclude", ()))
    places = (_place(wanted, clause) for clause in wanted.get("exclude", ()))
    counts = (best[place] and not many for place, many in zip(places, too_many, strict=True))
    return (*best, *counts)


def relations_between(first: SceneObject, second: SceneObject) -> set[str]:
    """GenEval's relations of `first` to `second`: none, one or two.

    The offset of the centres is shortened on each axis by a tenth of both boxes; a relation holds if the rest is more
    than half as long as the offset.
    """
    right, down = first.x - second.x, first.y - second.y
    (width, height), (other_width, other_height) = _box(first), _box(second)
    distance = hypot(right, down) or 1.0
    across = _shortened(right, SHRINK * (width + other_width)) / distance
    along = _shortened(down, SHRINK * (height + other_height)) / distance
    holds = {
        "left of": across < -LEAST_SHARE,
        "right of": across > LEAST_SHARE,
        "above": along < -LEAST_SHARE,
        "below": along > LEAST_SHARE,
    }
    return {name for name, true in holds.items() if true}


def _clause(mention: Mention) -> dict[str, Any]:
    clause: dict[str, Any] = {"class": mention.shape, "count": mention.number}
    named = {"color": mention.colour, "size": mention.size}
    return clause | {key: value for key, value in named.items() if value}


def _kinds(clause: Mapping[str, Any]) -> Iterator[str]:
    return (kind for kind in ("color", "size", "position") if kind in clause)


def _needs(clause: Mapping[str, Any], place: int, kind: str) -> tuple[int, ...]:
    return (place, clause["position"][1]) if kind == "position" else (place,)


def _place(wanted: Mapping[str, Any], clause: Mapping[str, Any]) -> int:
    """The index of the include clause with the class of an exclude clause."""
    return next(i for i, other in enumerate(wanted["include"]) if other["class"] == clause["class"])


def _of_class(clause: Mapping[str, Any], scene: Scene) -> list[SceneObject]:
    return [thing for thing in scene.objects if thing.shape == clause["class"]]


def _groups(clause: Mapping[str, Any], scene: Scene) -> list[Group]:
    """Every choice of `count` objects of the class; an empty one if there are too few."""
    return list(combinations(_of_class(clause, scene), clause["count"])) or [()]


def _held(include: Sequence[Mapping[str, Any]], groups: Sequence[Group]) -> tuple[bool, ...]:
    said = (_holds(clause, i, kind, groups) for i, clause in enumerate(include) for kind in _kinds(clause))
    return (*map(bool, groups), *said)


def _holds(clause: Mapping[str, Any], place: int, kind: str, groups: Sequence[Group]) -> bool:
    own = groups[place]
    if kind == "color":
        return bool(own) and all(thing.colour == clause["color"] for thing in own)
    if kind == "size":
        return bool(own) and all(thing.size == clause["size"] for thing in own)
    relation, other = clause["position"]
    pairs = list(product(own, groups[other]))
    return bool(pairs) and all(relation in relations_between(*pair) for pair in pairs)


def _box(thing: SceneObject) -> tuple[float, float]:
    half_width, half_height = HALF_EXTENTS[thing.shape]
    return 2 * half_width * thing.radius, 2 * half_height * thing.radius


def _shortened(offset: float, by: float) -> float:
    return copysign(max(abs(offset) - by, 0.0), offset)
