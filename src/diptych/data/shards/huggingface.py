"""Folders of Hugging Face's `datasets`: Parquet files, or the Arrow files of `save_to_disk`, as training reads them."""

import os
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from diptych.data.folders.checks import SPLIT_NAMES
from diptych.data.folders.sources import SPLIT_WORD
from diptych.data.shards.columnar.arrow import ArrowShard
from diptych.data.shards.columnar.columns import pyarrow
from diptych.data.shards.columnar.parquet import ParquetShard, RowGroups
from diptych.data.shards.examples import ShardData
from diptych.data.shards.files import LocalFile, unread
from diptych.data.shards.index import Shard

NO_DATA = re.compile(r"(cache|indices|tmp)-")
"""How files begin that `datasets` writes beside the data."""


@dataclass(kw_only=True, eq=False, repr=False)
class HuggingFaceData(ShardData):
    """The Parquet or Arrow files below `root`; each belongs to the split that its name or its folder's name has.

    Pictures are in `image_column` (None: the one that has bytes), captions in `caption_columns` (None: in the columns
    that caption files have).
    """

    same_examples: ClassVar[tuple[str, ...]] = ("root", "on_error")
    kind: ClassVar[str] = "hf"

    root: Path
    image_column: str | None = None
    caption_columns: tuple[str, ...] | None = None

    @property
    def place(self) -> str:
        return f"data.root={self.root}"

    def check_command(self) -> str:
        given = [f"data.root={self.root}"]
        given += [f"data.image_column={self.image_column}"] if self.image_column else []
        given += [f"data.caption_columns=[{','.join(self.caption_columns)}]"] if self.caption_columns else []
        given += ["data.shard_keys=true"] if self.shard_keys else []
        return shlex.join(["diptych", "data", "check", "hf", *given])

    def folders(self) -> Sequence[Path]:
        """The root, with all that is below it."""
        return [self.root]

    def found(self) -> Sequence[tuple[Shard, str | None]]:
        pyarrow()
        settings: dict[str, Any] = {
            "image_column": self.image_column,
            "caption_columns": list(self.caption_columns) if self.caption_columns else None,
            "shard_keys": self.shard_keys,
        }
        row_groups = RowGroups(self.shuffle_shards)
        return [(self._shard(path, settings, row_groups), self._split(path)) for path in self._files()]

    def _files(self) -> list[Path]:
        if not self.root.is_dir():
            raise ValueError(f"data.root={self.root} is not a folder")
        files = [path for path in self._below() if path.suffix in SHARDS and self._is_data(path)]
        suffixes = {path.suffix for path in files}
        if not files:
            raise ValueError(
                f"data.root={self.root} has neither Parquet files nor the Arrow files of `save_to_disk`; a folder of "
                "pictures is data=folder, tar files are data=webdataset"
            )
        if len(suffixes) > 1:
            raise ValueError(f"data.root={self.root} has both {' and '.join(sorted(suffixes))}: name the folder of one")
        return sorted(files)

    def _shard(self, path: Path, settings: dict[str, Any], row_groups: RowGroups) -> Shard:
        return SHARDS[path.suffix](LocalFile(path, path.relative_to(self.root).as_posix()), settings, row_groups)

    def _below(self) -> Iterator[Path]:
        """All files below the root; a folder that cannot be read is an error, and never passed over."""

        def stop(error: OSError) -> None:
            raise unread(Path(error.filename), error) from error

        for folder, _, names in os.walk(self.root, onerror=stop):
            yield from (Path(folder, name) for name in names)

    def _is_data(self, path: Path) -> bool:
        is_hidden = any(part.startswith(".") for part in path.relative_to(self.root).parts)
        return not is_hidden and not NO_DATA.match(path.name)

    def _split(self, path: Path) -> str | None:
        """By the words in the file's name, else in the names of its folders, from the nearest on."""
        parts = path.relative_to(self.root).with_suffix("").parts
        words = (SPLIT_WORD.search(part.lower()) for part in reversed(parts))
        return next((SPLIT_NAMES[word[0]] for word in words if word), None)


def _parquet(file: LocalFile, settings: dict[str, Any], row_groups: RowGroups) -> Shard:
    return ParquetShard(file, settings, row_groups)


def _arrow(file: LocalFile, settings: dict[str, Any], row_groups: RowGroups) -> Shard:
    return ArrowShard(file, settings)


SHARDS = {".parquet": _parquet, ".arrow": _arrow}
