"""A shard's file: where it lies, which version of it was indexed, and bytes of it, or one clear message."""

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from diptych.data.derived import derived_files, derived_folder

NO_FILE = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
WAY_ON = "start again (a run goes on with `diptych resume`), and what has changed is indexed anew"


class BadShardError(ValueError):
    """Says what is wrong with a shard itself: its bytes, or that there is none; this alone is a finding.

    Any other error (a disk, rights, a network, memory) says nothing of the shard, and stops whoever meets it: data must
    not shrink because a machine is in trouble.
    """


class ShardFile(Protocol):
    """A file whose parts are read by their places; its version is what it was when it was first asked for."""

    @property
    def name(self) -> str:
        """As messages and keys call it: told from all other shards of the data, wherever these lie."""
        ...

    @property
    def version(self) -> Mapping[str, Any]:
        """Plain values that differ where the file may have changed, its `size` in bytes among them."""
        ...

    def folder(self) -> Path:
        """Where files derived from it are written; a ValueError where nothing can be."""
        ...

    def derived(self, name: str) -> list[Path]:
        """The files of this name derived from it that there are, wherever they can be read."""
        ...

    def opened(self) -> AbstractContextManager[BinaryIO]:
        """The file of that version; a ValueError says what has become of it."""
        ...

    def read(self, offset: int, length: int) -> bytes:
        """All of these bytes, of that version."""
        ...


@dataclass(frozen=True)
class LocalFile:
    """A file on this machine; opened for each reading, so that a file which took its place is noticed."""

    path: Path
    called: str | None = None
    """Its name among other shards."""

    @property
    def name(self) -> str:
        return self.called or self.path.name

    @property
    def version(self) -> Mapping[str, Any]:
        return self._at_first

    @cached_property
    def _at_first(self) -> Mapping[str, Any]:
        try:
            state = self.path.stat()
            if not stat.S_ISREG(state.st_mode):
                raise ValueError(f"{self.path} cannot be read: it is no plain file")
            return _version(state)
        except OSError as error:
            raise unread(self.path, error) from error

    def folder(self) -> Path:
        try:
            return derived_folder(self.path.parent)
        except OSError as error:
            raise ValueError(f"the index of {self.path} cannot be kept: {error}") from error

    def derived(self, name: str) -> list[Path]:
        return derived_files(self.path.parent, name)

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        before = self.version
        try:
            with self.path.open("rb") as file:
                if _version(os.fstat(file.fileno())) != before:
                    raise ValueError(f"{self.path} has changed since it was indexed: {WAY_ON}")
                yield file
        except OSError as error:
            raise unread(self.path, error) from error

    def read(self, offset: int, length: int) -> bytes:
        with self.opened() as file:
            content = os.pread(file.fileno(), length, offset)
        if len(content) < length:
            raise ValueError(f"{self.path} was cut off while it was read, at byte {offset + len(content):,}: {WAY_ON}")
        return content


def unread(path: Path, error: OSError) -> ValueError:
    """The error of a file that could not be read: a `BadShardError` where there is no such file."""
    kind = BadShardError if isinstance(error, NO_FILE) else ValueError
    return kind(f"{path} cannot be read: {error.strerror or error}")


def is_damage(error: Exception) -> bool:
    """Whether a decoder's error is due to the bytes it was given, and not to the machine that gave them."""
    return not isinstance(error, MemoryError) and not (isinstance(error, OSError) and error.errno)


def _version(state: os.stat_result) -> dict[str, Any]:
    return {"size": state.st_size, "time": state.st_mtime_ns}
