"""Files of captions that grow entry by entry: JSON lines, CSV, and COCO's results.

An entry is a line. Whatever a process that was killed left of its last line is cut off before the file goes on.
"""

import csv
import io
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from diptych.config.errors import UserError

Entry = Mapping[str, Any]


class CaptionFile(ABC):
    """A file of captions, open at its end. `key` names the picture of an entry.

    `FRESH` is what a file without entries has. One that `holds_all` keeps further captions and words of a picture, too.
    """

    FRESH: ClassVar[bytes] = b""
    holds_all: ClassVar[bool] = False

    def __init__(self, path: Path, *, fresh: bool) -> None:
        self.path = path
        self._file = path.open("w+b" if fresh else "r+b")
        if fresh:
            self._begin()

    def keys(self) -> Iterator[str]:
        """The pictures in the file, which is repaired on the way; to be read to its end before anything is written."""
        self._file.seek(0)
        end, number = 0, 0
        for number, line in enumerate(self._file, 1):
            if not line.endswith(b"\n"):
                break
            try:
                key = self._read(line)
            except (ValueError, KeyError, IndexError, TypeError):
                raise UserError(
                    f"{self.path}: line {number} is not one that diptych wrote: delete the line or name another file"
                ) from None
            end += len(line)
            if key is not None:
                yield key
        self._go_on(end)

    def write(self, entries: Sequence[Entry]) -> None:
        """Append the entries; they are the system's to keep when this returns."""
        if entries:
            self._append(entries)
            self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @abstractmethod
    def key(self, entry: Entry) -> str:
        """What names an entry's picture in this format."""

    def _begin(self) -> None:
        """Write what a file without entries has."""
        self._file.write(self.FRESH)

    @abstractmethod
    def _read(self, line: bytes) -> str | None:
        """The key in a whole line; None in one without a caption."""

    @abstractmethod
    def _append(self, entries: Sequence[Entry]) -> None:
        """Write entries behind the others."""

    def _go_on(self, end: int) -> None:
        """Cut the file after its whole lines."""
        self._file.truncate(end)
        self._file.seek(end)
        if not end:
            self._begin()


class JsonLines(CaptionFile):
    """An object a line."""

    holds_all = True

    def key(self, entry: Entry) -> str:
        return str(entry["file_name"])

    def _read(self, line: bytes) -> str | None:
        return str(json.loads(line)["file_name"])

    def _append(self, entries: Sequence[Entry]) -> None:
        self._file.write("".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries).encode())


class Csv(CaptionFile):
    """A header, and a row a picture: file name, id where its captions have one, caption, score."""

    COLUMNS: ClassVar = ("file_name", "image_id", "caption", "score")
    FRESH = (",".join(COLUMNS) + "\n").encode()

    def key(self, entry: Entry) -> str:
        return str(entry["file_name"])

    def _read(self, line: bytes) -> str | None:
        fields = next(csv.reader([line.decode()], strict=True))
        if len(fields) != len(self.COLUMNS):
            raise ValueError
        return None if fields == list(self.COLUMNS) else fields[0]

    def _append(self, entries: Sequence[Entry]) -> None:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerows([entry.get(column, "") for column in self.COLUMNS] for entry in entries)
        self._file.write(text.getvalue().encode())


class CocoResults(CaptionFile):
    """One JSON list of objects with `image_id` and `caption`; pictures without an id have their file's name for it.

    Every entry ends with a line's end, and the list's end is written behind them each time, and written over next time:
    the file is whole JSON whenever nobody writes.
    """

    END: ClassVar = b"]\n"
    FRESH = b"[\n" + END

    def key(self, entry: Entry) -> str:
        return str(entry.get("image_id", entry["file_name"]))

    def _begin(self) -> None:
        super()._begin()
        self._file.seek(-len(self.END), io.SEEK_CUR)

    def keys(self) -> Iterator[str]:
        self._has_entries = False
        yield from super().keys()

    def _read(self, line: bytes) -> str | None:
        text = line.strip().removesuffix(b",").removeprefix(b",")
        if text in (b"[", b"]"):
            return None
        self._has_entries = True
        return str(json.loads(text)["image_id"])

    def _append(self, entries: Sequence[Entry]) -> None:
        texts = [json.dumps(self._object(entry), ensure_ascii=False) for entry in entries]
        first = "," if self._has_entries else ""
        self._file.write((first + "\n,".join(texts) + "\n").encode() + self.END)
        self._file.seek(-len(self.END), io.SEEK_CUR)
        self._has_entries = True

    def _go_on(self, end: int) -> None:
        self._file.seek(max(0, end - len(self.END)))
        ends = self._file.read(len(self.END)) == self.END
        start = end - len(self.END) if ends else end
        super()._go_on(start)
        if start:
            self._file.write(self.END)
            self._file.seek(start)

    _has_entries = False

    @staticmethod
    def _object(entry: Entry) -> dict[str, Any]:
        return {"image_id": entry.get("image_id", entry["file_name"]), "caption": entry["caption"]}


FORMATS: Mapping[str, type[CaptionFile]] = {"jsonl": JsonLines, "csv": Csv, "coco": CocoResults}
SUFFIXES = {".csv": "csv", ".json": "coco"}


def format_of(path: Path, named: str | None) -> str:
    """The format that is named, or else that of the suffix: .csv, .json for COCO's results, any other JSON lines."""
    if named is not None and named not in FORMATS:
        raise UserError(f"--format {named}: choose {', '.join(FORMATS)}")
    return named or SUFFIXES.get(path.suffix.lower(), "jsonl")


def check_holds(kind: str, asked: Mapping[str, bool]) -> None:
    """Refuse what is asked for and a file of this kind would drop."""
    if not FORMATS[kind].holds_all and (dropped := [name for name, is_asked in asked.items() if is_asked]):
        raise UserError(
            f"{dropped[0]}: a {kind} file has one caption a picture and nothing of its words; write JSON lines "
            "(--out FILE.jsonl, or --format jsonl), or leave it out"
        )
