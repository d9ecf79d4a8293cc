"""A captioned picture of a folder, and many of them in little memory."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, islice
from pathlib import Path
from typing import Self, overload

import numpy as np

from diptych.data.membership import DIGITS
from diptych.data.split_names import SPLITS

TEXTS = ("keys", "files", "captions")
NUMBERS = ("first_captions", "splits", "sizes", "digests")
MAYBE_SPLITS = (None, *SPLITS)


@dataclass(slots=True)
class Picture:
    """A picture of a folder with its captions; `key` is its name, `split` is None if unknown.

    `file` is the path of its file, of `size` bytes and with this `digest` of its content once it has been examined.
    """

    key: str
    file: str
    captions: list[str] = field(default_factory=list)
    split: str | None = None
    size: int = 0
    digest: str = ""

    @property
    def path(self) -> Path:
        """Of its file."""
        return Path(self.file)


class Texts(Sequence[str]):
    """Texts as one run of bytes: a hundredth of the objects, none of which worker processes copy."""

    def __init__(self, content: np.ndarray, ends: np.ndarray) -> None:
        self.content = content
        self.ends = ends

    @classmethod
    def of(cls, texts: Sequence[str]) -> Self:
        """Half characters are kept: names of files may have them."""
        encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
        ends = np.fromiter(accumulate(map(len, encoded)), dtype=np.int64, count=len(encoded))
        return cls(np.frombuffer(b"".join(encoded), dtype=np.uint8), ends)

    @classmethod
    def verified(cls, content: np.ndarray, ends: np.ndarray) -> Self:
        """These texts; a ValueError where they are none, such as those of a damaged file."""
        if content.dtype != np.uint8 or ends.dtype != np.int64 or content.ndim != 1 or ends.ndim != 1:
            raise ValueError("texts that are no bytes")
        edges = np.concatenate(([0], ends))
        if (np.diff(edges) < 0).any() or edges[-1] != len(content):
            raise ValueError("texts that do not end where they should")
        return cls(content, ends)

    def __len__(self) -> int:
        return len(self.ends)

    def __iter__(self) -> Iterator[str]:
        content, start = self.content.tobytes(), 0
        for end in self.ends.tolist():
            yield content[start:end].decode("utf-8", "surrogatepass")
            start = end

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        place = index % len(self)
        start = int(self.ends[place - 1]) if place else 0
        return self.content[start : int(self.ends[place])].tobytes().decode("utf-8", "surrogatepass")


@dataclass(frozen=True, eq=False)
class PackedPictures(Sequence[Picture]):
    """Pictures whose files lie under `root`; a `Picture` is made when it is asked for.

    `first_captions` has the place of each picture's first caption, and the number of all captions at its end.
    """

    root: Path
    keys: Texts
    files: Texts
    captions: Texts
    first_captions: np.ndarray
    splits: np.ndarray
    sizes: np.ndarray
    digests: np.ndarray

    @classmethod
    def of(cls, pictures: Sequence[Picture], root: Path) -> Self:
        """These pictures."""
        numbers = [0, *accumulate(len(picture.captions) for picture in pictures)]
        return cls(
            root=root,
            keys=Texts.of([picture.key for picture in pictures]),
            files=Texts.of([_under(picture.file, f"{root}{os.sep}") for picture in pictures]),
            captions=Texts.of([caption for picture in pictures for caption in picture.captions]),
            first_captions=np.array(numbers, dtype=np.int64),
            splits=np.array([MAYBE_SPLITS.index(picture.split) for picture in pictures], dtype=np.uint8),
            sizes=np.array([picture.size for picture in pictures], dtype=np.int64),
            digests=np.array([picture.digest for picture in pictures], dtype=f"S{DIGITS}"),
        )

    def arrays(self) -> dict[str, np.ndarray]:
        """All but the root, by name."""
        texts = {name: getattr(self, name) for name in TEXTS}
        contents = {name: text.content for name, text in texts.items()}
        ends = {f"{name}_ends": text.ends for name, text in texts.items()}
        return {**contents, **ends, **{name: getattr(self, name) for name in NUMBERS}}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, np.ndarray], root: Path) -> Self:
        """The inverse of `arrays`; a ValueError where they are those of no pictures."""
        keys, files, captions = (Texts.verified(arrays[name], arrays[f"{name}_ends"]) for name in TEXTS)
        firsts, splits, sizes, digests = (arrays[name] for name in NUMBERS)
        types = (np.dtype(np.int64), np.dtype(np.uint8), np.dtype(np.int64), np.dtype(f"S{DIGITS}"))
        if tuple(each.dtype for each in (firsts, splits, sizes, digests)) != types:
            raise ValueError("numbers of another type")
        if {len(files), len(splits), len(sizes), len(digests), len(firsts) - 1} != {len(keys)}:
            raise ValueError("not as many of each as there are pictures")
        if (
            firsts[0] != 0
            or firsts[-1] != len(captions)
            or (np.diff(firsts) < 0).any()
            or (splits >= len(MAYBE_SPLITS)).any()
        ):
            raise ValueError("numbers that are none of captions or splits")
        if any(digest and not digest.isalnum() for digest in digests.tolist()):
            raise ValueError("digests that are none")
        return cls(root, keys, files, captions, firsts, splits, sizes, digests)

    def __len__(self) -> int:
        return len(self.keys)

    def __iter__(self) -> Iterator[Picture]:
        captions = iter(self.captions)
        numbers = np.diff(self.first_captions).tolist()
        plain = (self.keys, self.files, numbers, self.splits.tolist(), self.sizes.tolist(), self.digests.tolist())
        for key, file, number, split, size, digest in zip(*plain, strict=True):
            path = os.path.join(self.root, file)
            yield Picture(key, path, list(islice(captions, number)), MAYBE_SPLITS[split], size, digest.decode())

    @overload
    def __getitem__(self, index: int) -> Picture: ...
    @overload
    def __getitem__(self, index: slice) -> list[Picture]: ...
    def __getitem__(self, index: int | slice) -> Picture | list[Picture]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        first, end = self.first_captions[index], self.first_captions[index + 1]
        return Picture(
            key=self.keys[index],
            file=os.path.join(self.root, self.files[index]),
            captions=self.captions[int(first) : int(end)],
            split=MAYBE_SPLITS[self.splits[index]],
            size=int(self.sizes[index]),
            digest=self.digests[index].decode(),
        )


def _under(path: str, root: str) -> str:
    """Relative to the root where it lies there, so that a folder can be moved with what was derived from it."""
    return path.removeprefix(root)
