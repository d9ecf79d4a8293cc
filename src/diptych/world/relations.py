"""The spatial relation of two objects, and when it is clear.

Scenes and sentences only use relations whose axis is `CLEAR` times the other. A claim counts as true from `TRUE` on,
the geometric mean of `CLEAR` and a tie, so that true claims are never near the border.
"""

from diptych.types import SceneObject

CLEAR = 1.5
TRUE = 1.5**0.5


def relation_between(first: SceneObject, second: SceneObject, dominance: float = CLEAR) -> str | None:
    """The relation of `first` to `second` ("above" and so on); None if no axis is `dominance` times the other."""
    right, down = second.x - first.x, second.y - first.y
    if abs(right) >= dominance * abs(down):
        return "left_of" if right > 0 else "right_of"
    if abs(down) >= dominance * abs(right):
        return "above" if down > 0 else "below"
    return None
