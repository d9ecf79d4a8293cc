"""What is known of one shard, in a derived file: where its pictures lie, their captions, and what is wrong with it.

A line of JSON, then a row of fixed length for each good picture, then the look of each, then a line of JSON for each
(its key and captions). Rows, looks and texts are mapped into memory, not read, so that millions of pictures cost only
what is looked at. A file that is not whole, or was made from something else, is none.
"""

import json
import mmap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from jaxtyping import UInt8

from diptych.data.caption_files.faults import KINDS, NOTES, names_by_kind
from diptych.data.caption_files.text import fault_of
from diptych.data.derived import replaced
from diptych.data.folders.checks import Findings
from diptych.data.folders.facts import THUMBNAIL
from diptych.data.folders.leaks import SIGNS
from diptych.data.membership import DIGITS, Identity
from diptych.data.picture_limits import MOST_PICTURE_BYTES
from diptych.data.shards.files import WAY_ON
from diptych.data.shards.packed import Label

FORMAT = 3
ROW = np.dtype(
    [
        ("name", "<u8"),  # digests of its key and of its bytes, as an `Identity` has them
        ("content", "<u8"),
        ("offset", "<i8"),
        ("length", "<i8"),
        ("text", "<i8"),  # where its line begins among the texts
        ("block", "<i4"),
        ("split", "<i4"),  # of `SPLITS`, -1 where it names none
        ("label", "<i4"),  # of the table's labels, -1 where it has none
    ]
)
SPLITS = ("train", "val", "test")
LOOK_BYTES = SIGNS // 8 + 3 * THUMBNAIL**2
"""Of `folders.facts.look_of`."""
MOST_HEADER_BYTES = 1 << 28


class Place(NamedTuple):
    """Where a picture's bytes lie in a shard; `block` numbers the parts of a shard that are read as a whole."""

    block: int
    offset: int
    length: int


@dataclass(frozen=True)
class Entry:
    """A good picture: key, digests, place, captions, split and label if it names them, and how it looks."""

    key: str
    name: int
    content: int
    place: Place
    captions: Sequence[str]
    split: str | None
    label: Label | None
    look: bytes


@dataclass(frozen=True)
class Table:
    """A derived file that has been verified: `made_from` says what it was made from and how."""

    path: Path
    made_from: Mapping[str, Any]
    problems: Mapping[str, list[str]]
    notes: Mapping[str, list[str]]
    num_rows: int
    num_captions: int
    num_blocks: int
    labels: Sequence[Label]
    start: int
    """Where the rows begin in the file."""

    @classmethod
    def found(cls, path: Path, made_from: Mapping[str, Any]) -> Self | None:
        """The table at this place, if it is whole and was made from this."""
        try:
            with path.open("rb") as file:
                line = file.readline(MOST_HEADER_BYTES)
            header = json.loads(line)
            *_, text_bytes = sizes = (*header["numbers"], header["text_bytes"])
            if header["format"] != FORMAT or header["made_from"] != made_from or not _are_sizes(sizes):
                return None
            problems, notes = names_by_kind(header["problems"], KINDS), names_by_kind(header["notes"], NOTES)
            labels = [Label(*label) for label in header["labels"]]
            rows, captions, blocks = header["numbers"]
            table = cls(path, made_from, problems, notes, rows, captions, blocks, labels, len(line))
            whole = table._texts_start + text_bytes == path.stat().st_size
            return table if whole and table._rows_are_sound(text_bytes) else None
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None

    @classmethod
    def write(cls, path: Path, made_from: Mapping[str, Any], entries: Sequence[Entry], findings: Findings) -> None:
        """Put the table in its place; for holders of its lock."""
        lines = [json.dumps([entry.key, *entry.captions], ensure_ascii=False).encode() + b"\n" for entry in entries]
        ends = np.cumsum([len(line) for line in lines], dtype=np.int64)
        num_blocks = 1 + max((entry.place.block for entry in entries), default=0)
        labels = sorted({entry.label for entry in entries if entry.label is not None})
        places = {label: place for place, label in enumerate(labels)}
        header = {
            "format": FORMAT,
            "made_from": made_from,
            "problems": findings.problems,
            "notes": findings.notes,
            "numbers": [len(entries), sum(len(entry.captions) for entry in entries), num_blocks],
            "labels": labels,
            "text_bytes": int(ends[-1]) if lines else 0,
        }
        rows = np.zeros(len(entries), ROW)
        for row, entry, end, line in zip(rows, entries, ends, lines, strict=True):
            _fill(row, entry, int(end) - len(line))
            row["label"] = -1 if entry.label is None else places[entry.label]
        with replaced(path) as file:
            file.write(json.dumps(header).encode() + b"\n" + rows.tobytes())
            file.writelines(entry.look for entry in entries)
            file.writelines(lines)

    @cached_property
    def rows(self) -> np.ndarray:
        """Of `ROW`, one a good picture."""
        return np.frombuffer(self._content, ROW, self.num_rows, self.start) if self.num_rows else np.zeros(0, ROW)

    @property
    def looks(self) -> UInt8[np.ndarray, "rows bytes"]:
        """How each good picture looks."""
        start = self.start + self.num_rows * ROW.itemsize
        size = self.num_rows * LOOK_BYTES
        flat = np.frombuffer(self._content, np.uint8, size, start) if size else np.zeros(0, np.uint8)
        return flat.reshape(self.num_rows, LOOK_BYTES)

    def place(self, row: int) -> Place:
        """Where the picture lies."""
        found = self.rows[row]
        return Place(*(int(found[field]) for field in Place._fields))

    def identity(self, row: int) -> Identity:
        """The digests of the picture's key and of its bytes."""
        return Identity(*(f"{int(self.rows[field][row]):0{DIGITS}x}" for field in ("name", "content")))

    def split(self, row: int) -> str | None:
        """The picture's split, if it names one."""
        place = int(self.rows["split"][row])
        return None if place < 0 else SPLITS[place]

    def label(self, row: int) -> Label | None:
        """The picture's label, if it has one."""
        place = int(self.rows["label"][row])
        return None if place < 0 else self.labels[place]

    def texts(self, row: int) -> tuple[str, tuple[str, ...]]:
        """The picture's key and its captions."""
        start = self._texts_start + int(self.rows["text"][row])
        try:
            key, *captions = json.loads(self._content[start : self._content.find(b"\n", start)])
            if captions and all(isinstance(text, str) and not fault_of(text) for text in (key, *captions)):
                return key, tuple(captions)
        except (ValueError, TypeError, RecursionError):
            pass
        raise ValueError(f"{self.path} is damaged: delete it, and it is made again")

    def _rows_are_sound(self, text_bytes: int) -> bool:
        """Whether every row leads to a text and to bytes of a shard."""
        rows = self.rows
        texts, least = rows["text"], [rows[field] for field in ("offset", "length", "block", "text")]
        return bool(
            all((numbers >= 0).all() for numbers in least)
            and (np.diff(texts) > 0).all()
            and (texts < text_bytes).all()
            and (rows["length"] <= MOST_PICTURE_BYTES).all()
            and (rows["block"] < self.num_blocks).all()
            and ((rows["split"] >= -1) & (rows["split"] < len(SPLITS))).all()
            and ((rows["label"] >= -1) & (rows["label"] < len(self.labels))).all()
        )

    @property
    def _texts_start(self) -> int:
        return self.start + self.num_rows * (ROW.itemsize + LOOK_BYTES)

    @cached_property
    def _content(self) -> mmap.mmap:
        try:
            with self.path.open("rb") as file:
                return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            raise ValueError(
                f"{self.path}, the index of a shard, cannot be read: {error.strerror}: {WAY_ON}"
            ) from error

    def __getstate__(self) -> dict[str, Any]:
        return {name: self.__dict__[name] for name in self.__dataclass_fields__}  # a process maps the file itself


def _are_sizes(numbers: Sequence[Any]) -> bool:
    return len(numbers) == 4 and all(type(number) is int and number >= 0 for number in numbers)


def _fill(row: Any, entry: Entry, text: int) -> None:
    split = SPLITS.index(entry.split) if entry.split in SPLITS else -1
    row["name"], row["content"], row["text"], row["split"] = entry.name, entry.content, text, split
    row["block"], row["offset"], row["length"] = entry.place
