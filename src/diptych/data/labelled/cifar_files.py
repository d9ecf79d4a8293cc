"""CIFAR-10's files: pickles of Python or plain bytes, in a folder or in the archive as it is downloaded.

- `cifar-10-batches-py/data_batch_1` to `_5`, `test_batch`: a pickled dict with `data` (uint8, n x 3072) and `labels`
- `cifar-10-batches-bin/data_batch_1.bin` to `_5`, `test_batch.bin`: 3,073 bytes a picture, the first one its label
- `cifar-10-python.tar.gz`, `cifar-10-binary.tar.gz`: these folders

The 3,072 bytes of a picture are its red, green and blue rows from top to bottom.
"""

import gzip
import io
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from diptych.data.caption_files.text import plain_file, shown
from diptych.data.labelled.byte_arrays import ByteArray, read_plain_pickle

SHAPE = (3, 32, 32)
PIXELS = 3 * 32 * 32
LAST_LABEL = 9
MOST_FILE_BYTES, MOST_MEMBER_BYTES, MOST_MEMBERS = 40_000_000, 50_000_000, 20
"""Of a file, which has 31 MB; of a file with its header in an archive; of the members of an archive, which has nine."""

Batch = tuple[Tensor, list[int]]


@dataclass(frozen=True)
class Layout:
    """How one of the two versions names its folder and its files, and what reads one of them."""

    folder: str
    suffix: str
    archive: str
    parse: Callable[[bytes, str], Batch]

    @property
    def training(self) -> list[str]:
        return [f"data_batch_{number}{self.suffix}" for number in range(1, 6)]

    @property
    def test(self) -> list[str]:
        return [f"test_batch{self.suffix}"]

    @property
    def names(self) -> list[str]:
        """Every file."""
        return [*self.training, *self.test]


@dataclass(frozen=True)
class Files:
    """The files of one layout, in `place`: a folder or an archive."""

    layout: Layout
    place: Path

    def read(self) -> tuple[Batch, Batch]:
        """The training set and the test set; a ValueError names a file and its fault."""
        names = self.layout.names
        contents = _from_folder(self.place, names) if self.place.is_dir() else _from_archive(self.place, names)
        batches = {name: self.layout.parse(content, f"{self.place}: {name}") for name, content in contents}
        missing = [name for name in names if name not in batches]
        if missing:
            raise ValueError(f"{self.place} is no archive of CIFAR-10: it has no {missing[0]}")
        return _joined(batches, self.layout.training), _joined(batches, self.layout.test)


def find(root: Path) -> Files | None:
    """The files in `root` or in one of its usual folders, else its archive; None where there are none."""
    for layout in LAYOUTS:
        for folder in (root, root / layout.folder):
            if any((folder / name).exists() for name in layout.names):
                return Files(layout, folder)
    found = (Files(layout, root / layout.archive) for layout in LAYOUTS if (root / layout.archive).is_file())
    return next(found, None)


def parse_pickle(content: bytes, name: str) -> Batch:
    """The pictures and labels of one file of the Python version."""
    table = read_plain_pickle(content, name)
    if not isinstance(table, dict):
        raise ValueError(f"{name} is no file of CIFAR-10: it holds a {type(table).__name__}, not a dict")
    values = {key.decode("latin1") if isinstance(key, bytes) else key: value for key, value in table.items()}
    array, labels = values.get("data"), values.get("labels")
    if not isinstance(array, ByteArray) or not isinstance(labels, list):
        raise ValueError(f"{name} is no file of CIFAR-10: it needs an array `data` and a list `labels`")
    try:
        pixels = array.to_numpy()
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    if pixels.ndim != 2 or pixels.shape[1] != PIXELS or len(pixels) != len(labels):
        raise ValueError(
            f"{name} has {len(labels):,} labels and pictures of the shape {pixels.shape}, not n x {PIXELS}"
        )
    return _pictures(pixels), _checked(labels, name)


def parse_binary(content: bytes, name: str) -> Batch:
    """The pictures and labels of one file of the binary version."""
    if not content or len(content) % (PIXELS + 1):
        raise ValueError(f"{name} is empty or truncated: {len(content):,} bytes are no multiple of {PIXELS + 1:,}")
    rows = np.frombuffer(content, np.uint8).reshape(-1, PIXELS + 1)
    return _pictures(rows[:, 1:]), _checked(rows[:, 0].tolist(), name)


LAYOUTS = (
    Layout("cifar-10-batches-py", "", "cifar-10-python.tar.gz", parse_pickle),
    Layout("cifar-10-batches-bin", ".bin", "cifar-10-binary.tar.gz", parse_binary),
)


def _pictures(rows: np.ndarray) -> Tensor:
    return torch.from_numpy(rows.copy()).unflatten(1, SHAPE)


def _checked(labels: Sequence[object], name: str) -> list[int]:
    checked = [label for label in labels if type(label) is int and 0 <= label <= LAST_LABEL]
    if len(checked) < len(labels):
        raise ValueError(f"{name} has labels that are no whole numbers from 0 to {LAST_LABEL}")
    return checked


def _joined(batches: Mapping[str, Batch], names: Sequence[str]) -> Batch:
    images = torch.cat([batches[name][0] for name in names])
    return images, [label for name in names for label in batches[name][1]]


def _from_folder(folder: Path, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    for name in names:
        path = folder / name
        try:
            _refuse_large(path.stat().st_size, path)
            with plain_file(path) as file:
                content = file.read(MOST_FILE_BYTES)
        except OSError as error:
            raise ValueError(f"{path} cannot be read ({error.strerror}): CIFAR-10 has {', '.join(names)}") from error
        yield name, content


def _from_archive(archive: Path, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """The named files that there are, in one pass over the archive; nothing is written to disk."""
    try:
        with gzip.open(archive) as file, tarfile.open(fileobj=(source := _Bounded(file, archive)), mode="r|") as tar:
            for number, member in enumerate(tar):
                source.at_next_member()
                _refuse_large(member.size, f"{archive}: {shown(member.name)}")
                if number == MOST_MEMBERS:
                    raise TooLarge(f"{archive} is no archive of CIFAR-10: it has more than {MOST_MEMBERS} files")
                name, content = member.name.rpartition("/")[2], tar.extractfile(member) if member.isreg() else None
                if name in names and content is not None:
                    yield name, content.read()
    except TooLarge:
        raise
    except Exception as error:  # damaged archives raise anything: TarError, EOFError, zlib.error, ValueError, …
        reason = shown(f"{type(error).__name__} {error}".rstrip())
        raise ValueError(f"{archive} is truncated or damaged: {reason}") from error


class TooLarge(ValueError):
    """Names a file that is larger than any of CIFAR-10's."""


class _Bounded(io.RawIOBase):
    """A file of which only so much is read from one member to the next, however little it is compressed."""

    def __init__(self, file: gzip.GzipFile, archive: Path) -> None:
        self.file, self.archive = file, archive
        self.at_next_member()

    def at_next_member(self) -> None:
        """From here on as much may be read as a member has."""
        self.left = MOST_MEMBER_BYTES

    def read(self, size: int = -1) -> bytes:
        content = self.file.read(size)
        self.left -= len(content)
        if self.left < 0:
            raise TooLarge(f"{self.archive} is no archive of CIFAR-10: a part of it is too large")
        return content


def _refuse_large(size: int, name: Path | str) -> None:
    if size > MOST_FILE_BYTES:
        raise TooLarge(f"{name} is no file of CIFAR-10: it has {size:,} bytes, more than {MOST_FILE_BYTES:,}")
