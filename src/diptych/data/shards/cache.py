"""Shards from the web on this machine: each is fetched once, and the least used ones go where there is no more room.

All processes of a machine share the folder. A file's time says when it was last used; its name has its size, so that
room is kept for it before it is whole.
"""

import errno
import hashlib
import json
import logging
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from diptych.data.derived import cache_folder, locked
from diptych.data.shards import web

GIGABYTE = 10**9
ABANDONED_SECONDS = 3600
USE_SECONDS = 60
"""A use that was noted so recently is not noted again."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Cache:
    """The folder, and how many bytes may lie in it (None: any number)."""

    folder: Path
    most_bytes: int | None = None

    @classmethod
    def of_gigabytes(cls, gigabytes: float | None) -> Self:
        """In diptych's cache folder; `data.cache_gigabytes` is checked."""
        if gigabytes is not None and gigabytes <= 0:
            raise ValueError(f"data.cache_gigabytes={gigabytes}: set more than 0, or null for no bound")
        return cls(cache_folder() / "shards", None if gigabytes is None else round(gigabytes * GIGABYTE))

    def index_folder(self, url: str, *, is_made: bool) -> Path:
        """Where what is known of a shard stays when the shard itself goes; made if need be where `is_made`."""
        folder = self.folder / "indices" / _digest(url)
        if is_made:
            self._make(folder)
        return folder

    def path(self, url: str, version: Mapping[str, Any]) -> Path:
        """The shard's file, fetched now if it is not there."""
        path = self.folder / f"{_digest(url, version)}-{version['size']}.shard"
        try:
            if _is_used(path):
                return path
            self._make(self.folder)
            with locked(path):
                if not _is_used(path):
                    self._fetch(url, version, path)
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            way_on = "; data.cache_gigabytes bounds what is kept there" if full else ""
            said = f"{error.strerror or error}{way_on}"
            raise ValueError(f"{web.shown(url)} cannot be kept in {self.folder}: {said}") from error
        return path

    def check_room(self, sizes: Sequence[int], group: int) -> None:
        """Refuse a cache in which what is trained on and what comes next have no room beside each other."""
        needed = sum(sorted(sizes)[-2 * group :])
        if self.most_bytes is not None and needed > self.most_bytes:
            raise ValueError(
                f"data.cache_gigabytes={self.most_bytes / GIGABYTE:g} is less than the {needed / GIGABYTE:.3g} of the "
                f"{2 * group} largest shards, of which training reads data.shuffle_shards={group} at a time and "
                "fetches as many ahead: give more, or reduce data.shuffle_shards"
            )

    def _fetch(self, url: str, version: Mapping[str, Any], path: Path) -> None:
        partial = path.with_suffix(".partial")
        with locked(self.folder / "room"):
            self._make_room(version["size"], {path, partial})
            partial.touch()
        web.fetch(url, version, partial)
        os.replace(partial, path)

    def _make_room(self, size: int, kept: set[Path]) -> None:
        """Remove what was used least, until `size` bytes more have room."""
        if self.most_bytes is None:
            return
        files = sorted(_used(path) for path in self.folder.glob("*-*.*") if path not in kept and _counts(path))
        total = sum(_size(path) for _, path in files)
        for used, path in files:
            if total + size <= self.most_bytes:
                return
            if path.suffix == ".shard" or time.time() - used > ABANDONED_SECONDS:
                path.unlink(missing_ok=True)
                total -= _size(path)
        if total + size > self.most_bytes:
            log.warning(
                "data.cache_gigabytes=%g cannot be kept: %.3g are fetched into %s at a time, by this run and others",
                *(self.most_bytes / GIGABYTE, (total + size) / GIGABYTE, self.folder),
            )

    def _make(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ValueError(
                f"{folder} cannot be made ({error.strerror}); set DIPTYCH_CACHE to a folder that can be written to"
            ) from error


def _digest(url: str, version: Mapping[str, Any] | None = None) -> str:
    return hashlib.sha256(json.dumps([url, version], sort_keys=True).encode()).hexdigest()[:16]


def _is_used(path: Path) -> bool:
    """Whether the file is there; then its use is noted, unless the cache is somebody else's."""
    try:
        used = path.stat().st_mtime
    except FileNotFoundError:
        return False
    if time.time() - used > USE_SECONDS:
        with suppress(OSError):
            os.utime(path)
    return True


def _counts(path: Path) -> bool:
    return path.suffix in (".shard", ".partial")


def _used(path: Path) -> tuple[float, Path]:
    try:
        return path.stat().st_mtime, path
    except FileNotFoundError:  # another process made room
        return 0.0, path


def _size(path: Path) -> int:
    """The bytes that a file takes once it is whole."""
    return int(path.stem.rpartition("-")[2])
