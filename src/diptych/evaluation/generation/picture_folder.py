"""The pictures of a folder, of any origin, as a feature network sees them; captions are not asked for."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from diptych.config.errors import UserError
from diptych.data.caption_files.rows import PICTURE_SUFFIXES
from diptych.data.folders.located import pictures_in
from diptych.data.pictures import WHOLE, decoded
from diptych.data.squares import read_square
from diptych.evaluation.generation.features import PICTURES_AT_ONCE, look
from diptych.evaluation.generation.reference_set import AS_THEY_ARE, ReferenceSet, described, squares
from diptych.evaluation.progress import silently
from diptych.models.features import FeatureNetwork
from diptych.types import Track

Pixels = Float[Tensor, "3 height width"]


def folder_set(
    folder: Path, network: FeatureNetwork, *, track: Track, side: int | None = None, most: int | None = None
) -> ReferenceSet:
    """The set of a folder's pictures (the first `most`), each as it is or as a square of `side` pixels.

    A picture that cannot be read is an error: a set without it would be another one.
    """
    paths = pictures_in(folder)[:most]
    if not paths:
        raise UserError(f"{folder} holds no pictures ({', '.join(sorted(PICTURE_SUFFIXES))}): name another folder")
    read = AS_THEY_ARE if side is None else squares(side)
    parts = [paths[start : start + PICTURES_AT_ONCE] for start in range(0, len(paths), PICTURES_AT_ONCE)]
    shown = track(parts, description=f"reading {folder.name}", total=len(parts))
    vectors = [vector for part in shown for vector in _seen(part, network, _reader(side))]
    return described(torch.cat(vectors), network, data=folder.name, read=read)


def _seen(
    paths: Sequence[Path], network: FeatureNetwork, reader: Callable[[Path], Pixels]
) -> Iterator[Float[Tensor, "n dim"]]:
    """The vectors in order; neighbours of one size are looked at together."""
    images = [_read(path, reader) for path in paths]
    for _, group in groupby(images, key=lambda image: image.shape):
        yield look(network, torch.stack(list(group)), track=silently, description="")


def _reader(side: int | None) -> Callable[[Path], Pixels]:
    if side is None:
        return _as_it_is
    return lambda path: read_square(path, side).float() / 127.5 - 1


def _read(path: Path, reader: Callable[[Path], Pixels]) -> Pixels:
    try:
        return reader(path)
    except Exception as error:  # decoders raise anything for damaged files
        raise UserError(f"{path} cannot be read as a picture ({error}): remove it or save it again") from error


def _as_it_is(path: Path) -> Pixels:
    return torch.from_numpy(np.array(decoded(path, WHOLE))).permute(2, 0, 1).float() / 127.5 - 1
