"""Split pictures into train, val and test, by a folder's own splits or by a hash."""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from diptych.data.caption_files import picture_name, text_lines
from diptych.data.folders.checks import Picture

log = logging.getLogger(__name__)

ALL = "all"
"""The one split of data that nobody trains on and that have no splits of their own."""


def apply_split_lists(pictures: Sequence[Picture], lists: Mapping[str, Path]) -> list[Picture]:
    """The pictures in a split list, with their split; the others are left out and counted."""
    split_of = {picture_name(line.strip()): split for split, path in lists.items() for _, line in text_lines(path)}
    kept = [picture for picture in pictures if picture.key in split_of]
    for picture in kept:
        picture.split = split_of[picture.key]
    unknown = split_of.keys() - {picture.key for picture in kept}
    if unknown:
        log.warning("%d names in split lists are not good pictures, for example %s", len(unknown), min(unknown))
    if len(kept) < len(pictures):
        log.info("%d pictures are in no split list and are left out", len(pictures) - len(kept))
    return kept


def split_pictures(pictures: Sequence[Picture], *, val_share: float, test_share: float) -> dict[str, list[Picture]]:
    """Train, val and test. A split without named pictures is taken from the rest by a hash of the pictures' names."""
    splits = {name: [p for p in pictures if p.split == name] for name in ("val", "test")}
    rest = [p for p in pictures if p.split in (None, "train")]
    by_hash = in_fixed_order(rest)
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


def in_fixed_order(pictures: Sequence[Picture]) -> list[Picture]:
    """Order pictures by a hash of their names: like a shuffle, but always the same."""
    return sorted(pictures, key=lambda picture: hashlib.sha256(picture.key.encode()).digest())
