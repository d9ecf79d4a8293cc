"""The kinds of problems that captioned pictures may have, and their words."""

from collections.abc import Sequence

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
    "repeated_captions": "captions that a picture has twice (both are kept)",
    "unlisted_files": "pictures without captions, in the folder but never named",
}
"""Every kind of problem and its label; only the last two leave nothing out of training."""

NAMED_PER_KIND = 3


def sentence(kind: str, names: Sequence[str]) -> str:
    """One kind of problem with the first few names."""
    more = ", …" if len(names) > NAMED_PER_KIND else ""
    return f"{KINDS[kind]}: {len(names):,} ({', '.join(names[:NAMED_PER_KIND])}{more})"
