"""The whole work: shard after shard into a folder, gone on with after a kill, and a manifest at its end.

A journal in `.diptych` of the folder says which shards are whole. Its first row has the settings, so that nobody goes
on with others. The manifest is written last: where it lies, all shards do.
"""

import errno
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diptych.data.derived import DERIVED, Journal, locked, replaced
from diptych.data.packing.plan import Part, Plan
from diptych.data.packing.shard import Advance, Written, write

MANIFEST = "pack.json"
JOURNAL = "pack.jsonl"
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class NoRoomError(ValueError):
    """The disk is full; what is whole stays, and the same command goes on from there."""

    exit_code = os.EX_TEMPFAIL


@dataclass(frozen=True)
class Packing:
    """A plan that is carried out in `folder`."""

    plan: Plan
    folder: Path

    def run(self, advance: Advance) -> list[Written]:
        """Write what is not there yet; `advance` is told of every picture that is done."""
        with self._writing():
            (self.folder / DERIVED).mkdir(parents=True, exist_ok=True)
            journal = Journal(self.folder / DERIVED / JOURNAL)
            with locked(journal.path):
                known = self._begun(journal)
                parts = list(self.plan.parts())
                kept = {part.file: self._kept(part, known, advance) for part in parts}
                self._check_room([part for part in parts if kept[part.file] is None])
                return [kept[part.file] or self._written(part, journal, advance) for part in parts]

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Say what has been packed, once all of it is."""
        with self._writing(), replaced(self.folder / MANIFEST) as file:
            file.write(json.dumps(manifest, indent=1, ensure_ascii=False).encode() + b"\n")

    def _begun(self, journal: Journal) -> dict[str, Written]:
        """The shards that were written before by the same settings; a ValueError says what else is there."""
        rows = list(journal.rows() if journal.path.is_file() else ())
        if not rows:
            self._refuse_other_files()
            journal.append([[self.plan.settings]])
            return {}
        before = rows[0][0] if rows[0] and isinstance(rows[0][0], dict) else {}
        differing = [key for key, value in self.plan.settings.items() if before.get(key) != value]
        if differing:
            raise ValueError(
                f"--out {self.folder} holds data that were packed from other examples or with other settings "
                f"({', '.join(_told(key, before, self.plan.settings) for key in differing)}): name another folder, or "
                "delete this one"
            )
        return {each.file: each for each in map(Written.of_row, rows[1:]) if each is not None}

    def _refuse_other_files(self) -> None:
        others = sorted(path.name for path in self.folder.iterdir() if path.name != DERIVED)
        if others:
            raise ValueError(f"--out {self.folder} has other files in it ({others[0]}): name a new or an empty folder")

    def _kept(self, part: Part, known: Mapping[str, Written], advance: Advance) -> Written | None:
        written = known.get(part.file)
        if written is None or not written.is_at(self.folder / part.file):
            return None
        advance(len(part.indices))
        return written

    def _written(self, part: Part, journal: Journal, advance: Advance) -> Written:
        written = write(self.plan, part, self.folder / part.file, advance)
        journal.append([written.to_row()])
        return written

    def _check_room(self, missing: Sequence[Part]) -> None:
        """Refuse to begin what cannot end; how small pictures become cannot be known before."""
        if self.plan.side is None:
            needed, free = sum(map(self.plan.bytes_of, missing)), shutil.disk_usage(self.folder).free
            if needed > free:
                raise NoRoomError(
                    f"--out {self.folder}: {needed / 1e9:,.2f} GB are still to be written, and the disk has room for "
                    f"{free / 1e9:,.2f} GB: name a folder on another disk, or give --size"
                )

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in NO_ROOM:
                raise NoRoomError(
                    f"--out {self.folder}: the disk is full; shards that are whole stay, and the same command goes on "
                    "once there is room"
                ) from error
            raise ValueError(f"--out {self.folder} cannot be written to ({error.strerror or error})") from error


def _told(key: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What differs, in the words of the command."""
    options = {"size": "--size", "samples": "--samples"}
    return f"{options[key]} {before.get(key)}, not {now[key]}" if key in options else f"other {key}"
