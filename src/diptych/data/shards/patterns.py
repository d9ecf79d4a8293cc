"""Which shards does a configuration name? Files, folders, patterns, and addresses of files on the web."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import prod
from pathlib import Path
from urllib.parse import urlsplit

from diptych.data.folders.sources import split_name
from diptych.data.shards.files import unread

MOST_SHARDS = 1_000_000
BRACES = re.compile(r"\{([^{}]*)\}")
RANGE = re.compile(r"(\d+)\.\.(\d+)")
SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)(:)(//)?", re.IGNORECASE)
WEB = ("http", "https")
COMPRESSED = re.compile(r"(\.tar\.(gz|bz2|xz|zst|lz4)|\.t(gz|bz2|xz|zst))$", re.IGNORECASE)
GLOB = re.compile(r"[*?\[]")

Given = str | Sequence[str]


def named_shards(root: Path, given: Given | Mapping[str, Given]) -> list[tuple[str | Path, str | None]]:
    """The address or path of each shard in order, with the split that it stands for; relative paths begin at `root`."""
    by_split = given if isinstance(given, Mapping) else {None: given}
    found = [
        (shard, split_name(split, "data.shards"))
        for split, patterns in by_split.items()
        for pattern in ([patterns] if isinstance(patterns, str) else patterns)
        for shard in _shards(root, pattern)
    ]
    if not found:
        raise ValueError("data.shards names no shard: give paths, a pattern such as train-{000..099}.tar, or addresses")
    shards = [shard for shard, _ in found]
    if len(set(shards)) < len(shards):
        twice = next(shard for place, shard in enumerate(shards) if shard in shards[:place])
        raise ValueError(f"data.shards names {twice} twice; a shard belongs to one split, and to it once")
    return found


def expanded(pattern: str) -> list[str]:
    """The texts that braces stand for: `{000..012}` counts with as many digits, `{a,b}` names each."""
    pieces = BRACES.split(pattern)
    choices = [[piece] if place % 2 == 0 else _choices(piece) for place, piece in enumerate(pieces)]
    number = prod(map(len, choices))
    if number > MOST_SHARDS:
        raise ValueError(f"data.shards={pattern} stands for {number:,} shards, more than {MOST_SHARDS:,}")
    return ["".join(each) for each in product(*choices)]


def _choices(inner: str) -> Sequence[str]:
    match = RANGE.fullmatch(inner)
    if match is None:
        return inner.split(",")
    first, last = int(match[1]), int(match[2])
    if not 0 <= last - first < MOST_SHARDS:
        raise ValueError(f"data.shards: {{{inner}}} counts up to {MOST_SHARDS:,} shards, from the lower number")
    return [f"{number:0{len(match[1])}d}" for number in range(first, last + 1)]


def _shards(root: Path, pattern: str) -> Iterator[str | Path]:
    for text in expanded(pattern):
        scheme = SCHEME.match(text)
        if scheme and scheme[1].lower() in WEB and scheme[3]:
            yield _address(text)
        elif scheme and (scheme[3] or scheme[1].lower() == "pipe"):
            raise ValueError(
                f"data.shards={text}: diptych reads files and http(s) addresses, and starts no other program; give the "
                "shard's https address, or a path where it is mounted or copied to"
            )
        else:
            path = root / Path(text).expanduser()
            try:
                yield from _files(path, text)
            except OSError as error:
                raise unread(path, error) from error


def _address(text: str) -> str:
    """The address, if it has a host and is one at all."""
    try:
        parts = urlsplit(text)
        is_whole = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_whole = False
    if not is_whole or not text.isprintable() or " " in text:
        shown = text.partition("?")[0]
        raise ValueError(f"data.shards={shown!r} is no address: write https://HOST/PATH, and %20 for a space")
    return text


def _files(path: Path, text: str) -> list[Path]:
    if path.is_dir():
        names = sorted(os.listdir(path))
        _refuse_compressed(names, text)
        files = [path / name for name in names if name.endswith(".tar") and not name.startswith(".")]
    elif GLOB.search(text) and not path.exists():
        files = sorted(path.parent.glob(path.name))
    else:
        files = [path]
    if not files:
        raise ValueError(f"data.shards={text}: there is no such shard below {path.parent}")
    return files


def _refuse_compressed(names: Sequence[str], text: str) -> None:
    """A folder's tar files are all of its shards: none is passed over because it has another suffix."""
    compressed = [name for name in names if COMPRESSED.search(name)]
    if compressed:
        raise ValueError(
            f"data.shards={text}: it has compressed tar files ({len(compressed):,}, for example {compressed[0]}), in "
            "which nothing can be found by its place: unpack them once (gunzip), or name the others by a pattern"
        )
