"""Which sentences are true of which images, so that finding another image of the same content is no mistake."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool
from torch import Tensor

from diptych.metrics.compatibility import true_of_scenes
from diptych.text.tokenizers import plain
from diptych.types import DataSpec, Scene


def true_pairs(
    data_spec: DataSpec,
    sentences: Sequence[str],
    references: Sequence[Sequence[str]],
    scenes: Sequence[Scene | None],
) -> Bool[Tensor, "images sentences"]:
    """Element (i, j): sentence j is true of image i.

    By the rules of the world where the data have one. Elsewhere a sentence is true of an image if it is one of the
    image's references, up to case, spacing and how accents are written.
    """
    if data_spec.world is not None:
        known = [scene for scene in scenes if scene is not None]
        return true_of_scenes(sentences, known, data_spec.languages)
    said, places = [plain(sentence) for sentence in sentences], [set(map(plain, texts)) for texts in references]
    return torch.tensor([[sentence in own for sentence in said] for own in places], dtype=torch.bool)
