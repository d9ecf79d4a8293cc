"""Pictures in shards that are the same, or look alike: by their digests and looks, which the tables keep.

Arrays hold what there may be millions of; a name is looked up only of what is found.
"""

from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np

from diptych.data.folders.leaks import pairs_alike
from diptych.data.shards.samples import Numbers, Samples


def same_pictures(samples: Samples, numbers: Numbers) -> Iterator[str]:
    """Each of these pictures whose bytes an earlier one has, with that one."""
    first = numbers[_first_of_content(samples, numbers)]
    for number, other in zip(numbers[first != numbers], first[first != numbers], strict=True):
        yield f"{samples.key(number)} (as {samples.key(other)})"


def same_bytes(samples: Samples, splits: Mapping[str, Numbers]) -> list[tuple[str, str]]:
    """As `folders.leaks.same_bytes`, of shards."""
    numbers, split_of = _joined(splits)
    first = _first_of_content(samples, numbers)
    found = np.flatnonzero(split_of[first] != split_of)
    said = partial(_said, samples, numbers, split_of, list(splits))
    return [(said(place), said(first[place])) for place in found.tolist()]


def look_alikes(samples: Samples, splits: Mapping[str, Numbers]) -> list[tuple[str, str]]:
    """Pairs of pictures of two splits that look alike and have other bytes, each as `split: name`, the later first."""
    numbers, split_of = _joined(splits)
    contents, said = samples.contents[numbers], partial(_said, samples, numbers, split_of, list(splits))
    return [
        (said(later), said(earlier))
        for earlier, later in pairs_alike(samples.looks(numbers), split_of)
        if contents[earlier] != contents[later]
    ]


def _joined(splits: Mapping[str, Numbers]) -> tuple[Numbers, Numbers]:
    """The pictures of all splits, one split after the other, and the place of each one's split."""
    sizes = [len(numbers) for numbers in splits.values()]
    numbers = np.concatenate([*splits.values(), np.zeros(0, np.int64)]).astype(np.int64)
    return numbers, np.repeat(np.arange(len(sizes)), sizes)


def _first_of_content(samples: Samples, numbers: Numbers) -> Numbers:
    """Of each picture, the place of the first one with its bytes."""
    _, first, which = np.unique(samples.contents[numbers], return_index=True, return_inverse=True)
    return first[which]


def _said(samples: Samples, numbers: Numbers, split_of: Numbers, names: list[str], place: int) -> str:
    return f"{names[split_of[place]]}: {samples.key(numbers[place])}"
