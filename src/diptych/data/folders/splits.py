"""Split pictures into train, val and test, by a folder's own splits or by a hash."""

import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from diptych.data.caption_files import picture_name, text_lines
from diptych.data.caption_files.pickles import pickled_names
from diptych.data.caption_files.rows import without_suffix
from diptych.data.caption_files.text import shown
from diptych.data.folders.picture import Picture

log = logging.getLogger(__name__)

PICKLES = (".pickle", ".pkl")
ANY_SUFFIX = ".*"
ALL = "all"
"""The one split of data that nobody trains on and that have no splits of their own."""


def apply_split_lists(pictures: Sequence[Picture], lists: Mapping[str, Path]) -> list[Picture]:
    """The pictures in a split list, with their split; the others are left out and counted.

    A list all of whose names lack the suffix of a picture (Flickr30k Entities, AttnGAN) means pictures of any suffix.
    """
    split_of = _split_of_names(lists)
    kept, found = [], set()
    for picture in pictures:
        names = [name for name in (picture.key, without_suffix(picture.key) + ANY_SUFFIX) if name in split_of]
        if names:
            picture.split = split_of[names[0]]
            kept.append(picture)
            found.update(names)
    unknown = split_of.keys() - found
    if unknown:
        example = min(unknown).removesuffix(ANY_SUFFIX)
        log.warning("%d names in split lists are not good pictures, for example %s", len(unknown), shown(example))
    if len(kept) < len(pictures):
        log.info("%d pictures are in no split list and are left out", len(pictures) - len(kept))
    return kept


def _split_of_names(lists: Mapping[str, Path]) -> dict[str, str]:
    """The split of each name; one that is in two lists stays in the first."""
    split_of: dict[str, str] = {}
    for split, path in lists.items():
        twice = [name for name in _names(path) if split_of.setdefault(name, split) != split]
        if twice:
            example = shown(twice[0].removesuffix(ANY_SUFFIX))
            log.warning("%d names of %s are in an earlier list, too, and stay there (%s)", len(twice), path, example)
    return split_of


def _names(path: Path) -> list[str]:
    """The names in a list of lines or a pickled one, with `ANY_SUFFIX` where none has a suffix."""
    lines = pickled_names(path) if path.suffix in PICKLES else [line.strip() for _, line in text_lines(path)]
    names = [picture_name(line) for line in lines]
    is_bare = all(without_suffix(name) == name for name in names)
    return [name + ANY_SUFFIX for name in names] if is_bare else names


def in_fixed_order(pictures: Sequence[Picture]) -> list[Picture]:
    """Order pictures by a hash of their names: like a shuffle, but always the same."""
    return sorted(pictures, key=hash_of)


def places_in(pictures: Sequence[Picture], order: Callable[[Sequence[Picture]], Iterable[Picture]]) -> list[int]:
    """The places of the pictures in the order that they are put into."""
    places = {picture.file: place for place, picture in enumerate(pictures)}
    return [places[picture.file] for picture in order(pictures)]


def hash_of(picture: Picture) -> bytes:
    """The hash of a picture's name."""
    return hashlib.sha256(picture.key.encode()).digest()


def split_pictures(
    pictures: Sequence[Picture],
    *,
    val_share: float,
    test_share: float,
    order: Callable[[Sequence[Picture]], list[Picture]] = in_fixed_order,
) -> dict[str, list[Picture]]:
    """Train, val and test. A split without named pictures is taken from the rest, by a hash of the pictures' names."""
    splits = {name: [p for p in pictures if p.split == name] for name in ("val", "test")}
    rest = [p for p in pictures if p.split in (None, "train")]
    by_hash = order(rest)
    for name, share in (("test", test_share), ("val", val_share)):
        if not splits[name] and share > 0:
            number = max(1, round(share * len(rest)))
            splits[name], by_hash = by_hash[:number], by_hash[number:]
    kept = {picture.key for picture in by_hash}
    return {"train": [p for p in rest if p.key in kept], **splits}


def own_splits(pictures: Sequence[Picture]) -> dict[str, list[Picture]]:
    """The splits that the pictures' own names or lists give, without any share; `all` where they give none."""
    if all(picture.split is None for picture in pictures):
        return {ALL: list(pictures)}
    splits: dict[str, list[Picture]] = {}
    for picture in pictures:
        splits.setdefault(picture.split or "train", []).append(picture)
    return splits
