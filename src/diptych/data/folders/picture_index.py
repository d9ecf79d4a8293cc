"""The facts of a folder's picture files, found once and kept beside them.

A file is known again by its size and time of change. Where the time alone has changed, its content decides; else it is
read anew. What was found before a kill is kept.
"""

import logging
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.progress import track

from diptych.data.derived import Journal, derived_files, derived_folder, locked
from diptych.data.folders.facts import PictureFacts, facts_of
from diptych.data.loading.workers import usable_cores
from diptych.data.membership import digest_of
from diptych.data.picture_limits import read_picture
from diptych.data.pictures import decoders_silent

FILE = "pictures-2.jsonl"
"""The number changes whenever facts of an earlier version would not be those of this one."""
AT_ONCE = 256
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PictureIndex:
    """The index of `folder`; files outside of it are indexed by their absolute names."""

    folder: Path

    def facts(self, paths: Sequence[str]) -> list[PictureFacts]:
        """The facts of existing files, from the index where they have not changed."""
        known = self._known()
        changed = list(self._changed(paths, known))
        if changed:
            try:
                self._find_out_and_keep(changed, known)
            except OSError as error:
                log.warning("data.root=%s: pictures are checked anew at every start: %s", self.folder, error)
                self._find_out(list(self._changed(changed, known)), known, None)
        return [known[self._name(path)] for path in paths]

    def _find_out_and_keep(self, changed: Sequence[str], known: dict[str, PictureFacts]) -> None:
        """An OSError where nothing can be kept: the folder is read-only, or the disk is full."""
        journal = Journal(derived_folder(self.folder) / FILE)
        with locked(journal.path):
            known |= _facts_in(journal)  # another run may have found them out meanwhile
            self._find_out(list(self._changed(changed, known)), known, journal)
            self._tidy(journal, known)

    def _known(self) -> dict[str, PictureFacts]:
        known: dict[str, PictureFacts] = {}
        for path in derived_files(self.folder, FILE):
            known |= _facts_in(Journal(path))
        return known

    def _find_out(self, changed: Sequence[str], known: dict[str, PictureFacts], journal: Journal | None) -> None:
        """Bring `known` up to date, in parallel, with a progress bar on a terminal."""
        console = Console(stderr=True)
        parts = [changed[start : start + AT_ONCE] for start in range(0, len(changed), AT_ONCE)]
        shown = track(parts, "checking pictures", console=console, disable=not console.is_terminal)
        with decoders_silent(), ThreadPoolExecutor(usable_cores()) as pool:
            for part in shown:
                before = [known.get(self._name(path)) for path in part]
                found = dict(zip(map(self._name, part), pool.map(_renewed, part, before), strict=True))
                known.update(found)
                if journal is not None:
                    journal.append([name, *facts.to_row()] for name, facts in found.items())

    def _changed(self, paths: Sequence[str], known: dict[str, PictureFacts]) -> Iterator[str]:
        for path in paths:
            facts = known.get(self._name(path))
            if facts is None or not facts.holds(*_state(path)):
                yield path

    def _tidy(self, journal: Journal, known: dict[str, PictureFacts]) -> None:
        """Write the journal anew where half of its lines are out of date, without files that are gone."""
        if journal.num_lines() > 2 * len(known):
            present = {name: facts for name, facts in known.items() if os.path.exists(os.path.join(self.folder, name))}
            journal.replace([name, *facts.to_row()] for name, facts in present.items())

    def _name(self, path: str) -> str:
        inside = f"{self.folder}{os.sep}"
        return path.removeprefix(inside) if path.startswith(inside) else os.path.abspath(path)


def _facts_in(journal: Journal) -> dict[str, PictureFacts]:
    known: dict[str, PictureFacts] = {}
    for row in journal.rows():
        try:
            name, *values = row
            known[name] = PictureFacts.from_row(values)
        except (TypeError, ValueError):  # a damaged line is no fact
            continue
    return known


def _renewed(path: str, before: PictureFacts | None) -> PictureFacts:
    """The facts of a new or changed file; a touched one has those it had."""
    size, mtime_ns = _state(path)
    if before is not None and not before.fault and before.size == size and before.digest == _digest(path):
        return replace(before, mtime_ns=mtime_ns)
    return facts_of(Path(path))


def _state(path: str) -> tuple[int, int]:
    """Size and time of change; of a file that has just gone none."""
    try:
        state = os.stat(path)
    except OSError:
        return -1, -1
    return state.st_size, state.st_mtime_ns


def _digest(path: str) -> str:
    try:
        return digest_of(read_picture(Path(path)))
    except (OSError, ValueError):
        return ""
