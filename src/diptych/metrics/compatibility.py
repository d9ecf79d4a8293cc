"""Which sentences are true of which scenes: another picture's caption is a negative only if it is false."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from diptych.types import Scene, SceneObject
from diptych.world import Constraints, Mention, meaning


def true_of_scenes(
    sentences: Sequence[str], scenes: Sequence[Scene], languages: Sequence[str] = ("en",)
) -> Bool[Tensor, "scenes sentences"]:
    """Element (i, j) is true if scene i entails sentence j; false for a sentence that no grammar can parse.

    Bit operations exclude pairs in which a mention fits no object, before the exact test.
    """
    claims = [meaning(sentence, languages) for sentence in sentences]
    true = np.zeros((len(scenes), len(sentences)), dtype=bool)
    for i, j in zip(*np.nonzero(_possible(claims, scenes)), strict=True):
        claim = claims[j]
        true[i, j] = claim is not None and claim.entailed_by(scenes[i])
    return torch.from_numpy(true)


def _possible(claims: Sequence[Constraints | None], scenes: Sequence[Scene]) -> np.ndarray:
    """Whether each mention of claim j has an object in scene i with all its attributes."""
    bits = _Bits()
    mentions = _padded([[bits.of(m) for m in c.mentions] if c else [-1] for c in claims], 0)
    objects = _padded([[bits.of(thing) for thing in scene.objects] for scene in scenes], 0)
    missing = mentions[None, :, :, None] & ~objects[:, None, None, :]
    return (missing == 0).any(-1).all(-1)


class _Bits:
    """One bit for every attribute value so far."""

    def __init__(self) -> None:
        self._positions: dict[tuple[str, str], int] = {}

    def of(self, thing: Mention | SceneObject) -> int:
        named = [(kind, value) for kind in ("shape", "colour", "size") if (value := getattr(thing, kind)) is not None]
        return sum(1 << self._positions.setdefault(pair, len(self._positions)) for pair in named)


def _padded(rows: list[list[int]], filler: int) -> np.ndarray:
    longest = max(1, *map(len, rows))
    return np.array([row + [filler] * (longest - len(row)) for row in rows], dtype=np.int64)
