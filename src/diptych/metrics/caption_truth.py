"""How true a caption is of a scene, as one number for a captioner to learn from."""

from functools import lru_cache
from typing import NamedTuple

from diptych.types import Scene
from diptych.world import Constraints, meaning

REMEMBERED = 1 << 16


class Truth(NamedTuple):
    """`exact`: 1 for a true sentence that says all there is, else 0. `facts`: F1 of its facts, in [0, 1]."""

    exact: float
    facts: float


NO_TRUTH = Truth(0.0, 0.0)


def caption_truth(caption: str, scene: Scene, languages: tuple[str, ...] = ("en",)) -> Truth:
    """Of a caption in any of the languages; one outside their grammars has no truth in it.

    F1 is that of `Atoms.f1`, as evaluations have it over all captions together.
    """
    claims = _understood(caption, languages)
    if claims is None:
        return NO_TRUTH
    return Truth(float(claims.exact_for(scene)), claims.atoms(scene).f1)


@lru_cache(maxsize=REMEMBERED)
def _understood(caption: str, languages: tuple[str, ...]) -> Constraints | None:
    return meaning(caption, languages)
