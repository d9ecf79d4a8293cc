"""One shard: written with the same bytes whenever it is written, and read again by the reader of training."""

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

from diptych.data.derived import replaced
from diptych.data.membership import digest_of
from diptych.data.packing.plan import Part, Plan, Sample
from diptych.data.packing.shrinking import shrunk, suffix_of
from diptych.data.picture_limits import MOST_PICTURE_BYTES
from diptych.data.pictures import PictureError, decoders_silent
from diptych.data.shards.files import LocalFile
from diptych.data.shards.index import table_of
from diptych.data.shards.packed import Packed
from diptych.data.shards.tar_shard import MOST_TEXT_BYTES, TarShard

AT_ONCE = 16
"""Pictures in memory."""
Advance = Callable[[int], None]


@dataclass(frozen=True)
class Written:
    """A shard that is whole; `left_out` has a name and a reason of each picture that is not in it."""

    file: str
    sha256: str
    bytes: int
    pictures: int
    captions: int
    left_out: Sequence[tuple[str, str]]

    def to_row(self) -> list[Any]:
        """As a journal has it."""
        return [*astuple(self)]

    @classmethod
    def of_row(cls, row: Sequence[Any]) -> Self | None:
        """The inverse of `to_row`; None of a row that is damaged."""
        try:
            file, sha256, size, pictures, captions, left_out = row
            return cls(file, sha256, size, pictures, captions, [(name, why) for name, why in left_out])
        except (TypeError, ValueError):
            return None

    def is_at(self, path: Path) -> bool:
        """Whether the file has these very bytes."""
        try:
            return path.stat().st_size == self.bytes and _sha256(path) == self.sha256
        except FileNotFoundError:
            return False


def write(plan: Plan, part: Part, path: Path, advance: Advance) -> Written:
    """Write the shard; it takes its place once it is whole, and is verified there."""
    said: list[tuple[Sample, str]] = []
    left_out: list[tuple[str, str]] = []
    with replaced(path) as file, tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for sample, content in _contents(plan, part):
            text = _json(sample)
            if isinstance(content, str):
                left_out.append((sample.key, content))
            elif len(text) > MOST_TEXT_BYTES:
                left_out.append((sample.key, f"its captions have {len(text):,} bytes, more than {MOST_TEXT_BYTES:,}"))
            else:
                _add(tar, sample, content, text)
                said.append((sample, digest_of(content)))
            advance(1)
    _verify(path, said)
    captions = sum(len(sample.captions) for sample, _ in said)
    return Written(part.file, _sha256(path), path.stat().st_size, len(said), captions, left_out)


def _contents(plan: Plan, part: Part) -> Iterator[tuple[Sample, bytes | str]]:
    """Each picture's file, or why it is left out."""
    samples = list(plan.samples_of(part))
    with decoders_silent(), ThreadPoolExecutor(os.cpu_count()) as pool:
        for first in range(0, len(samples), AT_ONCE):
            few = samples[first : first + AT_ONCE]
            contents = [_unchanged(sample, plan.content_of(sample)) for sample in few]
            yield from zip(few, pool.map(partial(_fit, side=plan.side), contents), strict=True)


def _unchanged(sample: Sample, content: bytes) -> bytes:
    if digest_of(content) != sample.digest:
        raise ValueError(f"{sample.key} has changed since it was checked: start again, into another --out")
    return content


def _fit(content: bytes, side: int | None) -> bytes | str:
    """The file as it is packed, or why it cannot be."""
    try:
        file = shrunk(content, side)
    except PictureError as error:
        return f"it cannot be made smaller: {error}"
    if len(file) > MOST_PICTURE_BYTES:
        return f"{len(file):,} bytes, more than the {MOST_PICTURE_BYTES:,} that a picture in a shard may have"
    return file


def _json(sample: Sample) -> bytes:
    """All that is said of a picture."""
    fields = {"text": sample.captions, "split": sample.split, **Packed(sample.key, sample.label).fields()}
    return json.dumps(fields, ensure_ascii=False).encode()


def _add(tar: tarfile.TarFile, sample: Sample, content: bytes, text: bytes) -> None:
    """The picture and its JSON, under their number: names of pictures may be no names of members."""
    for suffix, each in ((suffix_of(content), content), (".json", text)):
        member = tarfile.TarInfo(f"{sample.number:09d}{suffix}")  # of nobody, at no time
        member.size = len(each)
        tar.addfile(member, io.BytesIO(each))


def _verify(path: Path, said: Sequence[tuple[Sample, str]]) -> None:
    """Read the shard as training does; what is not as it was meant to be is removed again."""
    table = table_of(TarShard(LocalFile(path)))
    rows = range(table.num_rows)
    found = [(*table.texts(row), table.identity(row).content, table.split(row), table.label(row)) for row in rows]
    meant = [(sample.key, sample.captions, digest, sample.split, sample.label) for sample, digest in said]
    if found != meant:
        path.unlink()
        why = next((f": {names[0]}" for names in table.problems.values()), "")
        raise ValueError(
            f"{path} does not read as it was written{why}: it is removed, and the same command writes it again"
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
