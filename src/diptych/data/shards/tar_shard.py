"""A tar file in the layout of WebDataset: members `KEY.jpg` with `KEY.txt` or `KEY.json` beside it.

KEY is a member's name up to the first dot behind its last slash. `KEY.txt` has a caption a line; `KEY.json` is an
object with the columns of a caption file (without `KEY.txt` its captions count, and always its `split`), and with what
`packed` says of the picture. All other members are ignored, and counted: `KEY.cls`, arrays, pickles, hidden files.
"""

import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from diptych.data.caption_files import CaptionRow, Fault, picture_name
from diptych.data.caption_files.documents import parsed
from diptych.data.caption_files.rows import (
    CAPTION_COLUMNS,
    FILE_COLUMNS,
    ID_COLUMNS,
    PICTURE_SUFFIXES,
    brief,
    column_name,
    row_of,
)
from diptych.data.folders.checks import leaves
from diptych.data.folders.facts import PictureFacts, facts_of_content
from diptych.data.loading.workers import usable_cores
from diptych.data.picture_limits import MOST_PICTURE_BYTES
from diptych.data.pictures import decoders_silent
from diptych.data.shards.contents import Contents
from diptych.data.shards.files import ShardFile
from diptych.data.shards.packed import Packed
from diptych.data.shards.table import Place
from diptych.data.shards.tar import DamagedTarError, Member, members

MOST_TEXT_BYTES = 1 << 20
HIDDEN = ("__MACOSX",)


@dataclass
class Sample:
    """The members of one key: the picture, its captions, and the fields of its JSON, with where each was found."""

    picture: str | None = None
    place: Place | None = None
    lines: list[tuple[str, str]] | None = None
    fields: tuple[str, Any] | None = None
    names: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class TarShard:
    """A tar file, whose pictures are read by their places."""

    file: ShardFile
    settings: Mapping[str, Any] = field(default_factory=dict)

    def read(self, place: Place) -> bytes:
        """The bytes of one picture."""
        return self.file.read(place.offset, place.length)

    def survey(self) -> Contents:
        """All that lies in it; what is wrong stands in the findings."""
        contents = Contents(self.file.name)
        samples = self._samples(contents)
        found = [(s, s.picture, s.place) for s in samples.values() if s.picture is not None and s.place is not None]
        with decoders_silent(), ThreadPoolExecutor(usable_cores()) as pool:
            known = pool.map(lambda each: facts_of_content(self.read(each[2])), found)
            for (sample, name, place), facts in zip(found, known, strict=True):
                _add(sample, name, place, facts, contents)
        for sample in samples.values():
            if sample.picture is None and sample.names:
                contents.report("missing_files", f"{sample.names[0]} (there is no picture of its key)")
        return contents

    def _samples(self, contents: Contents) -> dict[str, Sample]:
        samples: dict[str, Sample] = {}
        seen: set[str] = set()
        with self.file.opened() as file:
            try:
                for member in members(file, self.file.version["size"]):
                    if not member.is_folder and _is_fit(member, seen, contents):
                        _take(member, file, samples, contents)
            except DamagedTarError as error:
                contents.report("damaged_shards", str(error))
        return samples


def _is_fit(member: Member, seen: set[str], contents: Contents) -> bool:
    """Whether it may be part of an example; what is wrong with it is reported."""
    name = picture_name(member.name)
    if member.name.startswith("/") or leaves(name):
        contents.report("outside_paths", member.name)
    elif any(part.startswith(".") or part in HIDDEN for part in name.split("/")):
        contents.ignore("hidden members", member.name)
    elif member.refused:
        contents.report("refused_members", f"{name} ({member.refused})")
    elif name in seen:
        contents.report("duplicate_ids", f"{name} (two members have this name)")
    else:
        seen.add(name)
        return True
    return False


def _take(member: Member, file: BinaryIO, samples: dict[str, Sample], contents: Contents) -> None:
    """Put the member into the sample of its key."""
    name = picture_name(member.name)
    folder, leaf = posixpath.split(name)
    key, dot, suffix = leaf.partition(".")
    taker = TAKERS.get(f"{dot}{suffix}".lower())
    if taker is None:
        contents.ignore(f"members {dot}{suffix}" if dot else "members without a suffix", name)
        return
    most = MOST_PICTURE_BYTES if taker is _take_picture else MOST_TEXT_BYTES
    if member.length > most:
        contents.report("refused_members", f"{name} ({member.length:,} bytes, more than {most:,})")
        return
    taker(member, name, file, samples.setdefault(posixpath.join(folder, key), Sample()), contents)


def _take_picture(member: Member, name: str, file: BinaryIO, sample: Sample, contents: Contents) -> None:
    if sample.picture is not None:
        contents.report("duplicate_ids", f"{name} (its key has another picture, {sample.picture})")
        return
    sample.picture, sample.place = name, Place(0, member.offset, member.length)


def _take_lines(member: Member, name: str, file: BinaryIO, sample: Sample, contents: Contents) -> None:
    text = _text(member, name, file, sample, contents)
    if text is not None:
        ends = "\n" if "\n" in text else "\r"
        numbered = enumerate(text.split(ends), start=1)
        sample.lines = [(f"{name}:{number}", line) for number, line in numbered if line.strip()]


def _take_fields(member: Member, name: str, file: BinaryIO, sample: Sample, contents: Contents) -> None:
    text = _text(member, name, file, sample, contents)
    if text is None:
        return
    try:
        sample.fields = (name, parsed(text))
    except ValueError as error:
        contents.report("malformed_lines", f"{name} ({getattr(error, 'msg', error)})")


def _text(member: Member, name: str, file: BinaryIO, sample: Sample, contents: Contents) -> str | None:
    sample.names.append(name)
    file.seek(member.offset)
    try:
        return file.read(member.length).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        contents.report("broken_text", f"{name} (it is not UTF-8: the byte at {error.start:,})")
        return None


TAKERS: Mapping[str, Callable[[Member, str, BinaryIO, Sample, Contents], None]] = {
    **dict.fromkeys(PICTURE_SUFFIXES, _take_picture),
    ".txt": _take_lines,
    ".json": _take_fields,
}


def _add(sample: Sample, member: str, place: Place, facts: PictureFacts, contents: Contents) -> None:
    """Take the picture with its captions, under its own name."""
    where, fields = sample.fields or ("", None)
    try:
        packed = Packed.of_fields(fields)
    except ValueError as error:
        contents.report("malformed_lines", f"{where} ({error})")
        return
    name = packed.name or member
    if leaves(name):
        contents.report("outside_paths", f"{where} ({name})")
    elif contents.add(name, place, facts):
        if packed.label is not None:
            contents.labels[name] = packed.label
        contents.say(_rows(sample, name, f"{contents.name}: "))


def _rows(sample: Sample, name: str, shard: str) -> Iterable[CaptionRow | Fault]:
    """The captions of a picture, from its lines, else from its fields."""
    fields = [] if sample.fields is None else list(_of_fields(*sample.fields, name, shard))
    if sample.lines is None:
        return fields
    lines = [CaptionRow(f"{shard}{place}", name, line, None) for place, line in sample.lines]
    splits = [CaptionRow(row.place, name, None, None, row.split) for row in fields if isinstance(row, CaptionRow)]
    return [*lines, *splits[:1]]


def _of_fields(place: str, entry: Any, name: str, shard: str) -> Iterator[CaptionRow | Fault]:
    """The rows of an object, under the picture's own name; names and ids in it are those of elsewhere."""
    if not isinstance(entry, Mapping):
        yield Fault("malformed_lines", f"{shard}{place} ({brief(entry)} is no object with {CAPTION_COLUMNS[0]})", name)
        return
    own = {key: value for key, value in entry.items() if column_name(key) not in (*FILE_COLUMNS, *ID_COLUMNS)}
    yield from row_of({FILE_COLUMNS[0]: name, **own}, f"{shard}{place}")
