"""A shard on the web, which is read by way of the cache."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

from diptych.data.shards import web
from diptych.data.shards.cache import Cache
from diptych.data.shards.names import parts_of

TRIES = 3
"""To open what another process may have removed from the cache meanwhile."""


@dataclass(frozen=True)
class RemoteFile:
    """A file on the web; what is read of it is read from the cache."""

    url: str
    cache: Cache
    called: str | None = None
    """Its name among other shards."""

    @property
    def name(self) -> str:
        return self.called or parts_of(self.url)[-1]

    @property
    def version(self) -> Mapping[str, Any]:
        return self._at_first

    @cached_property
    def _at_first(self) -> Mapping[str, Any]:
        return web.version_of(self.url)

    def folder(self) -> Path:
        return self.cache.index_folder(self.url, is_made=True)

    def derived(self, name: str) -> list[Path]:
        path = self.cache.index_folder(self.url, is_made=False) / name
        return [path] if path.is_file() else []

    def fetch(self) -> Path:
        return self.cache.path(self.url, self.version)

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        file = self._open()
        try:
            with file:
                yield file
        except OSError as error:
            raise ValueError(f"{web.shown(self.url)}: the cache cannot be read: {error.strerror or error}") from error

    def read(self, offset: int, length: int) -> bytes:
        with self.opened() as file:
            content = os.pread(file.fileno(), length, offset)
        if len(content) < length:
            raise ValueError(
                f"{self.fetch()}, the copy of {web.shown(self.url)}, was cut off: delete it, and start again"
            )
        return content

    def _open(self) -> BinaryIO:
        for _ in range(TRIES):
            with suppress(FileNotFoundError):
                return self.fetch().open("rb")
        raise ValueError(
            f"{web.shown(self.url)} is removed from the cache as soon as it is fetched: other runs use the cache as "
            "well; give more data.cache_gigabytes"
        )
