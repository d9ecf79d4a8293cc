"""A file of captions that belongs to one request, so that the same request goes on where it was killed.

Beside `FILE` stands `.FILE.request.json`. It says which run, options and pictures the captions are of, and whether all
of them were written.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, Self

from diptych.config.errors import UserError
from diptych.runs.folder.files import write_whole
from diptych.runs.labelling.files import FORMATS, CaptionFile, Entry

FINISHED = "finished"


class Labels:
    """The captions of a request in a file. Of those that are there, eight bytes each are in memory."""

    def __init__(self, file: CaptionFile, record: Path, request: Mapping[str, Any], keys: Iterable[str]) -> None:
        self._file, self._record, self._request = file, record, request
        self._known = {_digest(key) for key in keys}

    @classmethod
    def begun(cls, path: Path, kind: str, request: Mapping[str, Any]) -> Self:
        """The file of the request, new or with what is there of it.

        A finished file of another request is replaced. A UserError names an unfinished one of another, and a file that
        has no record of a request: it is somebody else's.
        """
        record, request = path.with_name(f".{path.name}.request.json"), {**request, "format": kind}
        before = _read(record) if path.exists() else {}
        is_same = {**before, FINISHED: None} == {**request, FINISHED: None}
        if before and not before.get(FINISHED) and not is_same:
            raise UserError(_unfinished(path, before, request))
        if not before and _has_content(path):
            raise UserError(f"{path} is there and not known to be diptych's: name another file, or delete it")
        path.parent.mkdir(parents=True, exist_ok=True)
        if is_same:
            return cls._gone_on(FORMATS[kind](path, fresh=False), record, request)
        record.unlink(missing_ok=True)
        file = FORMATS[kind](path, fresh=True)
        write_whole(record, json.dumps({**request, FINISHED: False}, indent=1))
        return cls(file, record, request, ())

    @classmethod
    def _gone_on(cls, file: CaptionFile, record: Path, request: Mapping[str, Any]) -> Self:
        try:
            return cls(file, record, request, file.keys())
        except BaseException:
            file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file, finished or not."""
        self._file.close()

    def __len__(self) -> int:
        return len(self._known)

    def has(self, entry: Entry) -> bool:
        """Whether this picture has its caption in the file."""
        return _digest(self._file.key(entry)) in self._known

    def write(self, entries: Sequence[Entry]) -> None:
        """Append captions of pictures that have none."""
        self._file.write(entries)
        self._known.update(_digest(self._file.key(entry)) for entry in entries)

    def finish(self) -> None:
        """Say that all is written."""
        write_whole(self._record, json.dumps({**self._request, FINISHED: True}, indent=1))


def _has_content(path: Path) -> bool:
    """Whether a file has more than what every new one begins with."""
    fresh = {kind.FRESH for kind in FORMATS.values()}
    if not path.exists():
        return False
    with path.open("rb") as file:
        return file.read(max(map(len, fresh)) + 1) not in fresh


def _digest(key: str) -> int:
    return int.from_bytes(blake2b(key.encode(errors="surrogateescape"), digest_size=8).digest())


def _read(record: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(record.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return {}


def _unfinished(path: Path, before: Mapping[str, Any], request: Mapping[str, Any]) -> str:
    other = [name for name in request if before.get(name) != request[name]]
    begun, asked = (", ".join(f"{name} {of.get(name)}" for name in other) for of in (before, request))
    return f"{path} is unfinished and was begun with {begun}, not {asked}: ask for the same, or delete the file"
