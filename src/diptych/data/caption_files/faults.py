"""The kinds of problems that captioned pictures may have, and their words."""

from collections.abc import Mapping, Sequence
from typing import Any

from diptych.data.caption_files.text import fault_of

KINDS = {
    "missing_files": "files named in the captions but missing",
    "undecodable_files": "files that cannot be decoded",
    "empty_captions": "empty captions",
    "duplicate_ids": "duplicate ids",
    "outside_paths": "paths that leave the folder",
    "pictures_without_captions": "pictures listed without captions",
    "malformed_lines": "lines that cannot be read",
    "broken_text": "text with half characters or control characters (write it whole, as UTF-8)",
    "swallowed_rows": "captions that hold another picture's name",
    "damaged_shards": "shards that cannot be read, or not to their end",
    "refused_members": "members of shards that are no plain files, or too large",
    "empty_classes": "class folders without pictures",
    "unnamed_classes": "class folders that have no name",
    "untrained_classes": "pictures held out of classes that none trains",
    "unreadable_folders": "folders that cannot be read",
    "repeated_captions": "captions that a picture has twice (both are kept)",
    "unlisted_files": "pictures without captions, in the folder but never named",
    "other_files": "files in class folders that are no pictures by their names",
    "ignored_members": "members of shards that are part of no example",
    "leaks": "pictures that stand in two splits, byte for byte",
}
"""Every kind of problem and its label."""
HARMLESS = ("repeated_captions", "unlisted_files", "other_files", "ignored_members", "leaks")
"""The kinds that leave nothing out of training."""
NOTES = {
    "turned_pictures": "pictures that EXIF turns (they are turned upright)",
    "damaged_exif": "pictures with EXIF that nothing can read (taken as they lie)",
    "animated_pictures": "animated pictures (the first frame is taken)",
    "transparent_pictures": "pictures with transparency (laid on white)",
    "deep_pictures": "pictures of 16 bits or floating point (eight bits are kept)",
    "other_colour_spaces": "pictures in CMYK or another colour space (converted to RGB)",
    "followed_links": "links to folders (they are followed)",
    "linked_pictures": "pictures that lie elsewhere, by links that lead out of the folder (they are followed)",
    "same_pictures": "pictures with the same bytes as another (all are kept)",
    "look_alikes": "pictures of two splits that look alike (both are kept)",
    "missing_values": "values that a table does not have (left out of sentences, or filled: data.missing)",
}
"""What is no problem, and how training treats it."""

NAMED_PER_KIND = 3


def sentence(kind: str, names: Sequence[str]) -> str:
    """One kind of problem with the first few names."""
    more = ", …" if len(names) > NAMED_PER_KIND else ""
    return f"{KINDS[kind]}: {len(names):,} ({', '.join(names[:NAMED_PER_KIND])}{more})"


def names_by_kind(value: Any, kinds: Mapping[str, str]) -> dict[str, list[str]]:
    """What a file of ours says of problems or notes; a ValueError where nobody of ours wrote it so."""
    names = dict(value)
    if not names.keys() <= kinds.keys() or not all(isinstance(each, list) for each in names.values()):
        raise ValueError("kinds that are none")
    if any(not isinstance(name, str) or fault_of(name) for each in names.values() for name in each):
        raise ValueError("names that are none")
    return names
