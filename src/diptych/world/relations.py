"""How two objects lie to each other, and when that can be said at all.

Scenes and sentences only use relations whose axis is `CLEAR` times the other. A statement counts as true from
`TRUE` on, half-way (geometrically) between that and a tie, so that what is said is never near the border.
"""

from diptych.types import SceneObject

CLEAR = 1.5
TRUE = 1.5**0.5


def relation_between(first: SceneObject, second: SceneObject, dominance: float = CLEAR) -> str | None:
    """What `first` is to `second` ("above" and so on), or None where no axis is `dominance` times the other."""
    right, down = second.x - first.x, second.y - first.y
    if abs(right) >= dominance * abs(down):
        return "left_of" if right > 0 else "right_of"
    if abs(down) >= dominance * abs(right):
        return "above" if down > 0 else "below"
    return None
