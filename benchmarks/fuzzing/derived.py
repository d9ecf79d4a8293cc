"""Parsers of diptych's own files beside data: they may be damaged, or come with data from elsewhere."""

import os
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from diptych.data.caption_files import CaptionRow
from diptych.data.caption_files.faults import sentence
from diptych.data.derived import DERIVED
from diptych.data.folders.checks import Findings, examine
from diptych.data.folders.inspection import inspected
from diptych.data.folders.leaks import look_alikes
from diptych.data.folders.picture_index import PictureIndex
from diptych.data.shards.files import LocalFile
from diptych.data.shards.index import table_of
from diptych.data.shards.samples import Samples
from diptych.data.shards.tar_shard import TarShard

from . import seeds
from .mutations import damaged, either
from .parser import Parser
from .structures import nested_json, other_json

WHEN = 1_700_000_000
"""The files of data are all of this second, so that what was derived from them is believed."""
PICTURES = ("0.png", "1.png")
ROWS = [CaptionRow(f"captions:{n}", name, "a dog", None) for n, name in enumerate(PICTURES)]


def _pictures(root: Path) -> None:
    for place, name in enumerate(PICTURES):
        _dated(root / name, seeds.pictures()[3 + place])


def _shard(root: Path) -> None:
    _dated(root / "0.tar", seeds.tars()[0])


def _dated(path: Path, content: bytes) -> None:
    if not path.exists():
        path.write_bytes(content)
        os.utime(path, (WHEN, WHEN))


def _examined(root: Path) -> Findings:
    return examine(ROWS, root, index=PictureIndex(root))


def _read_journal(root: Path) -> Any:
    _examined(root)
    facts = PictureIndex(root).facts([str(root / name) for name in PICTURES])
    looks = [each.look for each in facts if each.look]
    return look_alikes(looks, list(range(len(looks))))


def _read_inspection(root: Path) -> Any:
    findings = inspected(root, {}, (), lambda: _examined(root))
    outside = [each.file for each in findings.pictures if not Path(each.file).resolve().is_relative_to(root.resolve())]
    assert not outside, f"it leads out of the folder: {outside[0]}"
    return [sentence(kind, names) for kind, names in findings.problems.items()], findings.pictures[0]


def _read_index(root: Path) -> Any:
    shard = TarShard(LocalFile(root / "0.tar"))
    table = table_of(shard)
    samples = Samples((shard,), (table,), (None,))
    samples.split_by_share(samples.repeated(), val_share=0.5, test_share=0.5)
    said = [sentence(kind, names) for kind, names in table.problems.items()]
    return said, [(samples.texts(n), samples.read(n), samples.identity(n)) for n in range(len(samples))]


@cache
def _made(data: Callable[[Path], None], read: Callable[[Path], Any], pattern: str) -> tuple[str, bytes]:
    """What diptych itself writes beside the data: its name and its bytes."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        data(root)
        read(root)
        found = next((root / DERIVED).glob(pattern))
        return found.name, found.read_bytes()


def _beside(name: str, data: Callable[[Path], None], read: Callable[[Path], Any], pattern: str, **given: Any) -> Parser:
    """A parser of the file that matches the pattern."""

    def put(path: Path, content: bytes) -> None:
        data(path.parent)
        (path.parent / DERIVED).mkdir(exist_ok=True)
        (path.parent / DERIVED / _made(data, read, pattern)[0]).write_bytes(content)

    def seeds_of() -> Sequence[bytes]:
        return (_made(data, read, pattern)[1],)

    return Parser(name, DERIVED, seeds_of, lambda path: read(path.parent), put=put, **given)


LINES_OF_JSON = either(other_json, damaged, nested_json)

PARSERS = (
    _beside("picture index", _pictures, _read_journal, "pictures-*.jsonl", mutate=LINES_OF_JSON),
    _beside("inspection", _pictures, _read_inspection, "*.npz"),
    _beside("shard index", _shard, _read_index, "*.index"),
)
