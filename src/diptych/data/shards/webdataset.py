"""Tar files in the layout of WebDataset, on this machine or on the web, as training reads them."""

import json
import shlex
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from diptych.data.shards.cache import Cache
from diptych.data.shards.examples import ShardData
from diptych.data.shards.files import BadShardError, LocalFile, ShardFile
from diptych.data.shards.index import Shard
from diptych.data.shards.names import names_of
from diptych.data.shards.patterns import Given, named_shards
from diptych.data.shards.remote import RemoteFile
from diptych.data.shards.tar_shard import TarShard

REQUESTS_AT_A_TIME = 16


@dataclass(kw_only=True, eq=False, repr=False)
class WebDatasetData(ShardData):
    """The tar files that `shards` names: paths below `root`, patterns, http(s) addresses, or those of each split.

    What comes from the web is kept in a cache of at most `cache_gigabytes` (None: without bound).
    """

    same_examples: ClassVar[tuple[str, ...]] = ("root", "shards", "cache_gigabytes", "on_error")
    kind: ClassVar[str] = "webdataset"

    root: Path
    shards: str | list | dict
    cache_gigabytes: float | None = None

    @property
    def place(self) -> str:
        return f"data.shards={_shown(self.shards)}"

    def check_command(self) -> str:
        given = [f"data.root={self.root}", f"data.shards={_override(self.shards)}"]
        given += ["data.shard_keys=true"] if self.shard_keys else []
        return shlex.join(["diptych", "data", "check", "webdataset", *given])

    def folders(self) -> Sequence[Path]:
        """Those of the shards on this machine."""
        named = named_shards(self.root, self.shards)
        return list(dict.fromkeys(shard.parent for shard, _ in named if isinstance(shard, Path)))

    def found(self) -> Sequence[tuple[Shard, str | None]]:
        named = named_shards(self.root, self.shards)
        shards = [shard for shard, _ in named]
        files = [self._file(shard, name) for shard, name in zip(shards, names_of(shards, self.root), strict=True)]
        with ThreadPoolExecutor(REQUESTS_AT_A_TIME) as pool:
            sizes = list(pool.map(_size, files))
        fetched = [size for size, file in zip(sizes, files, strict=True) if isinstance(file, RemoteFile)]
        self._cache.check_room(fetched, self.shuffle_shards)
        settings = {"shard_keys": True} if self.shard_keys else {}
        return [(TarShard(file, settings), split) for file, (_, split) in zip(files, named, strict=True)]

    def _file(self, shard: str | Path, name: str) -> ShardFile:
        return LocalFile(shard, name) if isinstance(shard, Path) else RemoteFile(shard, self._cache, name)

    @property
    def _cache(self) -> Cache:
        return Cache.of_gigabytes(self.cache_gigabytes)


def _size(file: ShardFile) -> int:
    """In bytes, by its version; 0 of one that is not there, which is said when it is looked at."""
    try:
        return file.version["size"]
    except BadShardError:
        return 0


def _shown(value: Given | Mapping[str, Given]) -> str:
    text = _override(value)
    return text if len(text) <= 80 else f"{text[:80]}…"


def _override(value: Given | Mapping[str, Given]) -> str:
    """The value in Hydra's override syntax, in which braces must be quoted."""
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{name}:{_override(each)}" for name, each in value.items()) + "}"
    return "[" + ",".join(map(_override, value)) + "]"
