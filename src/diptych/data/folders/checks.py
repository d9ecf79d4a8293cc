"""Find and name problems in a folder of captioned pictures before training."""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.progress import track

from diptych.data.caption_files import CaptionRow, Fault, picture_name
from diptych.data.caption_files.faults import KINDS
from diptych.data.caption_files.text import is_blank, printable
from diptych.data.folders.located import located, near_file, pictures_in
from diptych.data.pictures import decoders_silent, is_decodable

HARMLESS = ("repeated_captions", "unlisted_files")
SPLIT_NAMES = {
    "train": "train",
    "restval": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
}


@dataclass
class Picture:
    """A picture of a folder with its captions; `key` is its name, `split` is None if unknown."""

    key: str
    path: Path
    captions: list[str] = field(default_factory=list)
    split: str | None = None


@dataclass
class Findings:
    """The good pictures of a folder, the problems of the others by kind, and all named paths."""

    pictures: list[Picture] = field(default_factory=list)
    named: set[Path] = field(default_factory=set)
    problems: dict[str, list[str]] = field(default_factory=dict)

    def report(self, kind: str, name: str) -> None:
        """Record one problem with its name."""
        assert kind in KINDS
        self.problems.setdefault(kind, []).append(printable(name))

    @property
    def blocking(self) -> dict[str, list[str]]:
        """The problems that training must not ignore."""
        return {kind: names for kind, names in self.problems.items() if kind not in HARMLESS}

    def drop(self, kind: str, bad: Sequence[Picture], hint: Callable[[Path], str] = lambda path: "") -> None:
        """Leave pictures out and record the problem, each with what `hint` makes of its path."""
        for picture in bad:
            self.report(kind, picture.key + hint(picture.path))
        keys = {picture.key for picture in bad}
        self.pictures = [picture for picture in self.pictures if picture.key not in keys]


def examine(rows: Iterable[CaptionRow | Fault], folder: Path, *, split: str | None = None) -> Findings:
    """Check every row of a caption file against the pictures in `folder`.

    A path leaves the folder if its text does (absolute, or through `..`); symbolic links are followed.
    """
    findings = Findings()
    findings.pictures = list(_gather(rows, folder, split, findings).values())
    findings.drop("outside_paths", [p for p in findings.pictures if _leaves(p.key)])
    for picture in findings.pictures:
        picture.path = located(folder, picture.key)
    findings.named |= {picture.path for picture in findings.pictures}
    findings.drop("missing_files", [p for p in findings.pictures if not os.path.isfile(p.path)], near_file)
    findings.drop("pictures_without_captions", [p for p in findings.pictures if not p.captions])
    findings.drop("undecodable_files", _undecodable(findings.pictures))
    return findings


def merged(parts: Iterable[Findings]) -> Findings:
    """Merge the findings of several caption files; a picture in two of them stays in the first."""
    whole = Findings()
    paths: set[Path] = set()
    for part in parts:
        part.drop("duplicate_ids", [picture for picture in part.pictures if picture.path in paths])
        for kind, names in part.problems.items():
            whole.problems.setdefault(kind, []).extend(names)
        whole.pictures += part.pictures
        whole.named |= part.named
        paths.update(picture.path for picture in part.pictures)
    return whole


def report_unlisted(findings: Findings, folders: Iterable[Path]) -> None:
    """Report pictures in the folders that no caption file names."""
    for folder in folders:
        for path in pictures_in(folder):
            if path not in findings.named:
                findings.report("unlisted_files", path.relative_to(folder).as_posix())


def _gather(
    rows: Iterable[CaptionRow | Fault], folder: Path, split: str | None, findings: Findings
) -> dict[str, Picture]:
    """Captions by picture, including pictures without any non-empty caption."""
    pictures: dict[str, Picture] = {}
    identities: set[str] = set()
    files: dict[str, str] = {}
    for row in rows:
        if isinstance(row, Fault):
            findings.report(row.kind, row.name)
            if row.file:
                findings.named.add(folder / picture_name(row.file))
        elif row.file is None:
            findings.report("missing_files", f"{row.place} (it names no file, only the id {row.picture_id})")
        elif row.identity is not None and row.identity in identities:
            findings.report("duplicate_ids", f"{row.place} ({row.identity})")
        elif row.picture_id is not None and files.setdefault(row.picture_id, row.file) != row.file:
            findings.report("duplicate_ids", f"{row.place} (id {row.picture_id}: {files[row.picture_id]}, {row.file})")
        else:
            identities |= {row.identity} if row.identity is not None else set()
            picture = pictures.setdefault(row.file, Picture(row.file, folder / row.file, split=split))
            _add(row, picture, findings)
    return pictures


def _add(row: CaptionRow, picture: Picture, findings: Findings) -> None:
    if row.split:
        named = SPLIT_NAMES.get(row.split.strip().lower())
        if named is None or picture.split not in (None, named):
            findings.report("malformed_lines", f"{row.place} (split {row.split!r} of {row.file})")
            return
        picture.split = named
    if row.caption is None:
        return
    if is_blank(row.caption):
        findings.report("empty_captions", f"{row.place} ({row.file})")
        return
    if row.identity is None and row.caption in picture.captions:
        findings.report("repeated_captions", f"{row.place} ({row.file}: {row.caption})")
    picture.captions.append(row.caption)


def _leaves(name: str) -> bool:
    return name.startswith("/") or name.split("/")[0] == ".."


def _undecodable(pictures: list[Picture]) -> list[Picture]:
    """Decode every picture once, in parallel, with a progress bar on a terminal."""
    console = Console(stderr=True)
    with decoders_silent(), ThreadPoolExecutor(os.cpu_count()) as pool:
        good = pool.map(is_decodable, [picture.path for picture in pictures])
        shown = track(good, "checking pictures", total=len(pictures), console=console, disable=not console.is_terminal)
        return [picture for picture, fine in zip(pictures, shown, strict=True) if not fine]
