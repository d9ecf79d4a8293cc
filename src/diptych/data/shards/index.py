"""The table of a shard: made once, found again as long as the shard and what matters of the settings are the same."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from diptych.data.derived import locked
from diptych.data.folders.readers import readers
from diptych.data.shards.contents import Contents
from diptych.data.shards.files import ShardFile
from diptych.data.shards.table import Place, Table

READERS = (
    "caption_files",
    "folders/checks.py",
    "folders/facts.py",
    "picture_limits.py",
    "pictures.py",
    "shards/columnar",
    "shards/contents.py",
    "shards/packed.py",
    "shards/tar.py",
    "shards/tar_shard.py",
)
"""What a table depends on: not what fetches shards, orders or divides their pictures."""


class Shard(Protocol):
    """A file with many pictures and captions."""

    @property
    def file(self) -> ShardFile: ...

    @property
    def settings(self) -> Mapping[str, Any]:
        """What of the configuration changes its table."""
        ...

    def survey(self) -> Contents:
        """Look at all of it."""
        ...

    def read(self, place: Place) -> bytes:
        """The bytes of the picture at a place that the survey found."""
        ...


def table_of(shard: Shard) -> Table:
    """The shard's table, made now if need be; a ValueError says why not, a `BadShardError` if the shard is to blame."""
    made_from = {**shard.file.version, **shard.settings, "name": shard.file.name, "readers": readers(READERS)}
    name = _name(shard)
    kept = (Table.found(path, made_from) for path in shard.file.derived(name))
    return next((table for table in kept if table is not None), None) or _written(shard, name, made_from)


def _written(shard: Shard, name: str, made_from: Mapping[str, Any]) -> Table:
    path = shard.file.folder() / name
    try:
        with locked(path):
            return Table.found(path, made_from) or _made(shard, path, made_from)
    except OSError as error:
        raise ValueError(f"{path}, the index of a shard, cannot be written: {error.strerror or error}") from error
    except MemoryError as error:
        raise ValueError(f"{shard.file.name}: memory ran out while it was looked at: start again with more") from error


def _made(shard: Shard, path: Path, made_from: Mapping[str, Any]) -> Table:
    contents = shard.survey()
    prefix = f"{PurePosixPath(shard.file.name).with_suffix('')}/" if shard.settings.get("shard_keys") else ""
    entries = contents.entries(prefix)
    Table.write(path, made_from, entries, contents.findings)
    table = Table.found(path, made_from)
    assert table is not None, f"{path} is not what was written"
    return table


def _name(shard: Shard) -> str:
    """Of the index: other settings and names have indices of their own."""
    settings = {**shard.settings, "name": shard.file.name}
    how = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:8]
    return f"{PurePosixPath(shard.file.name).name}.{how}.index"
