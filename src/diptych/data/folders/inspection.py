"""What was found out about a folder, kept until the folder, its captions or what reads them changes.

A folder is known again by the names, sizes and times of all files in it: 100,000 of them are listed in a second, and
nothing else has to be read.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from diptych.data.caption_files.faults import KINDS, NOTES, names_by_kind
from diptych.data.caption_files.text import CONTROL
from diptych.data.derived import DERIVED, derived_files, derived_folder, locked, replaced
from diptych.data.folders.arrays import read_arrays
from diptych.data.folders.checks import Findings
from diptych.data.folders.picture import PackedPictures
from diptych.data.folders.readers import readers
from diptych.data.walk import Unread, walk

READERS = (
    "caption_files",
    "folders",
    "picture_limits.py",
    "pictures.py",
    "plain_pickle.py",
    "split_names.py",
    "walk.py",
)


def inspected(
    root: Path, settings: Mapping[str, Any], outside: Iterable[Path], find_out: Callable[[], Findings]
) -> Findings:
    """The findings about `root` under these settings: as kept, or as found out now, and kept.

    `outside` are the files and folders that are read besides, whether they are there or not. Findings that were kept
    have no `named` paths.
    """
    name = f"inspection-{hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]}.npz"
    places = [root, *outside]
    state = _state(places)
    for path in derived_files(root, name):
        if (kept := _read(path, state, root, places)) is not None:
            return kept
    findings = find_out()
    if findings.lasting:
        _keep(root, name, state, findings)
    return findings


def lies_outside(path: Path, root: Path) -> bool:
    """Whether the state of the root says nothing of this path."""
    return not path.resolve().is_relative_to(root.resolve())


def _state(places: Iterable[Path]) -> str:
    """A digest of what the findings depend on."""
    digest = hashlib.sha256(readers(READERS).encode())
    for place in places:
        for line in _listing(place) if place.is_dir() else _sized(place.name, place.stat):
            digest.update(line)
    return digest.hexdigest()


def _listing(folder: Path) -> Iterator[bytes]:
    """A line for each file and folder below the folder, hidden ones as well: captions may name them."""
    for found in walk(folder, leave_out=lambda name: name == DERIVED):
        yield b"%s/\n" % os.fsencode(os.path.relpath(found.path, folder))
        if isinstance(found, Unread):
            yield f"{found.reason}\n".encode()
            continue
        for entry in found.files:
            yield from _sized(entry.name, entry.stat)


def _sized(name: str, stat: Callable[[], os.stat_result]) -> Iterator[bytes]:
    try:
        state = stat()
        yield b"%s %d %d\n" % (os.fsencode(name), state.st_size, state.st_mtime_ns)
    except OSError:  # a link that leads nowhere
        yield os.fsencode(name) + b"\n"


def _keep(root: Path, name: str, state: str, findings: Findings) -> None:
    packed = PackedPictures.of(findings.pictures, root)
    said = json.dumps({"state": state, "problems": findings.problems, "notes": findings.notes}).encode()
    arrays: dict[str, Any] = {"said": np.frombuffer(said, dtype=np.uint8), **packed.arrays()}
    try:
        path = derived_folder(root) / name
        with locked(path), replaced(path) as file:
            np.savez(file, **arrays)
    except OSError:  # nowhere to write, or a full disk: the next run finds out again
        return


def _read(path: Path, state: str, root: Path, places: Sequence[Path]) -> Findings | None:
    """What is kept, if it is of this state, whole, and about files that lie in one of the places."""
    try:
        kept = read_arrays(path)
        said: dict[str, Any] = json.loads(kept["said"].tobytes())
        if said["state"] != state:
            return None
        packed = PackedPictures.of_arrays(kept, root)
        problems, notes = names_by_kind(said["problems"], KINDS), names_by_kind(said["notes"], NOTES)
        return Findings(packed, set(), problems, notes) if _may_be_ours(packed, places) else None
    except (ValueError, LookupError, TypeError, RecursionError):
        return None


def _may_be_ours(packed: PackedPictures, places: Sequence[Path]) -> bool:
    """Whether a check can have found these pictures: with captions and plain names, in one of the places."""
    has_captions = bool((np.diff(packed.first_captions) > 0).all())
    is_plain = not any(CONTROL.search(text) for texts in (packed.keys, packed.captions) for text in texts)
    return has_captions and is_plain and all(_lies_in(file, places) for file in packed.files)


def _lies_in(file: str, places: Sequence[Path]) -> bool:
    """Whether the name leads into one of the places; relative ones begin at the first."""
    path = os.path.normpath(os.path.join(places[0], file))
    return any(path.startswith(f"{os.path.normpath(place)}{os.sep}") for place in places)
