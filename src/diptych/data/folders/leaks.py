"""Pictures of one split that stand in another as well: byte for byte, or so much alike that they are one photograph.

What looks alike is found in two steps. Two looks differ in at most `FLIPS` of 64 signs, so one of `FLIPS` + 1 bands of
signs is equal: only pictures with an equal band are compared (multi-index hashing, Norouzi et al., CVPR 2012). Then
their thumbnails must agree.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import UInt8

from diptych.data.folders.picture import Picture

FLIPS = 5
MAX_DIFFERENCE = 8.0
"""Between thumbnails, the mean over pixels, of 255."""
PLAIN_SIGNS = 6
"""A look with fewer signs, or with all but so many, is that of an even surface: it tells nothing."""
SIGNS = 64
BITS_OF_WORDS = np.array([number.bit_count() for number in range(1 << 16)], dtype=np.uint8)


def same_bytes(splits: Mapping[str, Sequence[Picture]]) -> list[tuple[str, str]]:
    """Pairs of pictures of two splits with the same bytes, each as `split: name`; the later split comes first."""
    seen: dict[str, tuple[str, str]] = {}
    pairs = []
    for split, pictures in splits.items():
        for picture in pictures:
            first_split, first = seen.setdefault(picture.digest, (split, picture.key))
            if first_split != split and picture.digest:
                pairs.append((f"{split}: {picture.key}", f"{first_split}: {first}"))
    return pairs


def look_alikes(looks: Sequence[str], splits: Sequence[int]) -> list[tuple[int, int]]:
    """As `pairs_alike`; `looks` are those of `facts.look_of`."""
    content = np.frombuffer(bytes.fromhex("".join(looks)), dtype=np.uint8).reshape(len(looks), -1)
    return pairs_alike(content, splits)


def pairs_alike(
    content: UInt8[np.ndarray, "pictures bytes"], splits: Sequence[int] | np.ndarray
) -> list[tuple[int, int]]:
    """Pairs (i, j), i < j, of pictures in different splits that look alike; `content` are the bytes of their looks."""
    hashes = content[:, : SIGNS // 8].copy().view(">u8")[:, 0].astype(np.uint64)
    thumbnails = content[:, SIGNS // 8 :].astype(np.int16)
    signs = _bits(hashes)
    telling = np.flatnonzero((signs >= PLAIN_SIGNS) & (signs <= SIGNS - PLAIN_SIGNS))
    of_split = np.asarray(splits)
    pairs: set[tuple[int, int]] = set()
    for group in _candidates(hashes, telling):
        for first, others in _in_other_splits(group, of_split):
            near = others[_bits(hashes[others] ^ hashes[first]) <= FLIPS]
            difference = np.abs(thumbnails[near] - thumbnails[first]).mean(1)
            pairs.update((min(first, other), max(first, other)) for other in near[difference <= MAX_DIFFERENCE])
    return sorted((int(first), int(other)) for first, other in pairs)


def _candidates(hashes: np.ndarray, telling: np.ndarray) -> Iterator[np.ndarray]:
    """Groups of pictures with an equal band of signs."""
    edges = np.linspace(0, SIGNS, FLIPS + 2).round().astype(int)
    for low, high in pairwise(edges):
        band = (hashes[telling] >> np.uint64(low)) & np.uint64((1 << int(high - low)) - 1)
        order = np.argsort(band, kind="stable")
        starts = np.flatnonzero(np.diff(band[order])) + 1
        yield from np.split(telling[order], starts)


def _in_other_splits(group: np.ndarray, of_split: np.ndarray) -> Iterable[tuple[int, np.ndarray]]:
    """Each picture but those of the largest split, with all that are in other splits than it."""
    splits, numbers = np.unique(of_split[group], return_counts=True)
    if len(splits) > 1:
        for place in np.flatnonzero(of_split[group] != splits[numbers.argmax()]):
            yield group[place], group[of_split[group] != of_split[group[place]]]


def _bits(words: np.ndarray) -> np.ndarray:
    """How many bits of 64 are set."""
    return BITS_OF_WORDS[words[..., None].view(np.uint16)].sum(-1)
