"""Find and name problems in a folder of captioned pictures before training."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from diptych.data.caption_files import CaptionRow, Fault, picture_name
from diptych.data.caption_files.faults import HARMLESS, KINDS, NOTES
from diptych.data.caption_files.text import is_blank, shown
from diptych.data.folders.located import located, near_file, picture_files
from diptych.data.folders.picture import Picture
from diptych.data.folders.picture_index import PictureIndex
from diptych.data.split_names import SPLIT_NAMES
from diptych.data.walk import followed_links

FEW_CAPTIONS = 32


@dataclass
class Findings:
    """The good pictures of a folder, the problems of the others by kind, and all named paths.

    `notes` tell of good pictures what training does with them. They are `lasting` unless a file could not be read or
    decoded for reasons that may pass.
    """

    pictures: Sequence[Picture] = field(default_factory=list)
    named: set[str] = field(default_factory=set)
    problems: dict[str, list[str]] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)
    lasting: bool = True

    def report(self, kind: str, name: str) -> None:
        """Record one problem with its name."""
        assert kind in KINDS
        self.problems.setdefault(kind, []).append(shown(name))

    def note(self, kind: str, name: str) -> None:
        """Record what is no problem."""
        assert kind in NOTES
        self.notes.setdefault(kind, []).append(shown(name))

    @property
    def num_pictures(self) -> int:
        """The good ones."""
        return len(self.pictures)

    @property
    def blocking(self) -> dict[str, list[str]]:
        """The problems that training must not ignore."""
        return {kind: names for kind, names in self.problems.items() if kind not in HARMLESS}

    def drop(self, kind: str, bad: Sequence[Picture], hint: Callable[[str], str] = lambda path: "") -> None:
        """Leave pictures out and record the problem, each with what `hint` makes of its path."""
        for picture in bad:
            self.report(kind, picture.key + hint(picture.file))
        keys = {picture.key for picture in bad}
        self.pictures = [picture for picture in self.pictures if picture.key not in keys]


def examine(
    rows: Iterable[CaptionRow | Fault], folder: Path, *, split: str | None = None, index: PictureIndex | None = None
) -> Findings:
    """Check every row of a caption file against the pictures in `folder`, of which `index` knows the facts.

    A path leaves the folder if its text does (absolute, or through `..`); symbolic links are followed.
    """
    findings = Findings()
    findings.pictures = list(gathered(rows, folder, split, findings).values())
    findings.drop("outside_paths", [p for p in findings.pictures if leaves(p.key)])
    for picture in findings.pictures:
        picture.file = located(folder, picture.key)
    findings.named |= {picture.file for picture in findings.pictures}
    findings.drop("missing_files", [p for p in findings.pictures if not os.path.isfile(p.file)], near_file)
    findings.drop("pictures_without_captions", [p for p in findings.pictures if not p.captions])
    _add_facts(findings, index or PictureIndex(folder))
    for picture in linked_out(findings.pictures, folder):
        findings.note("linked_pictures", picture.key)
    return findings


def merged(parts: Iterable[Findings]) -> Findings:
    """Merge the findings of several caption files; a picture in two of them stays in the first."""
    whole = Findings()
    paths: set[str] = set()
    for part in parts:
        part.drop("duplicate_ids", [picture for picture in part.pictures if picture.file in paths])
        for kind, names in part.problems.items():
            whole.problems.setdefault(kind, []).extend(names)
        for kind, names in part.notes.items():
            whole.notes.setdefault(kind, []).extend(names)
        whole.pictures = [*whole.pictures, *part.pictures]
        whole.lasting = whole.lasting and part.lasting
        whole.named |= part.named
        paths.update(picture.file for picture in part.pictures)
    return whole


def report_unlisted(findings: Findings, folders: Iterable[Path]) -> None:
    """Report pictures in the folders that no caption file names, by this path or through a link."""
    place = _places()
    named = set(map(place, findings.named))
    for folder in folders:
        for path in sorted(path for path in picture_files(folder) if place(path) not in named):
            findings.report("unlisted_files", os.path.relpath(path, folder))


def note_links(findings: Findings, root: Path, folders: Iterable[Path]) -> None:
    """Note the links to folders that are followed below the root and below these folders."""
    for link in sorted({link for folder in (root, *folders) for link in followed_links(folder)}):
        findings.note("followed_links", os.path.relpath(link, root))


def gathered(
    rows: Iterable[CaptionRow | Fault], folder: Path, split: str | None, findings: Findings
) -> dict[str, Picture]:
    """Captions by picture, including pictures without any non-empty caption."""
    pictures: dict[str, Picture] = {}
    identities: set[str] = set()
    files: dict[str, str] = {}
    said = _Said()
    for row in rows:
        if isinstance(row, Fault):
            findings.report(row.kind, row.name)
            if row.file:
                findings.named.add(os.path.join(folder, picture_name(row.file)))
        elif row.file is None:
            findings.report("missing_files", f"{row.place} (it names no file, only the id {row.picture_id})")
        elif row.identity is not None and row.identity in identities:
            findings.report("duplicate_ids", f"{row.place} ({row.identity})")
        elif row.picture_id is not None and files.setdefault(row.picture_id, row.file) != row.file:
            findings.report("duplicate_ids", f"{row.place} (id {row.picture_id}: {files[row.picture_id]}, {row.file})")
        else:
            identities |= {row.identity} if row.identity is not None else set()
            picture = pictures.setdefault(row.file, Picture(row.file, "", split=split))
            _add(row, picture, findings, said)
    return pictures


def _add(row: CaptionRow, picture: Picture, findings: Findings, said: "_Said") -> None:
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
    if said.again(row.caption, picture) and row.identity is None:
        findings.report("repeated_captions", f"{row.place} ({row.file}: {row.caption})")
    picture.captions.append(row.caption)


class _Said(dict[str, set[str]]):
    """The captions of each picture that has many, so that a text of 100,000 lines takes no hours."""

    def again(self, caption: str, picture: Picture) -> bool:
        """Whether the picture was given this caption before; it is given it now."""
        if len(picture.captions) < FEW_CAPTIONS:
            return caption in picture.captions
        known = self.get(picture.key) or self.setdefault(picture.key, set(picture.captions))
        is_known = caption in known
        known.add(caption)
        return is_known


def leaves(name: str) -> bool:
    """Whether a `picture_name` lies outside of its folder."""
    return name.startswith("/") or name.split("/")[0] == ".."


def _add_facts(findings: Findings, index: PictureIndex) -> None:
    """What the files say of themselves; those that do not decode are left out."""
    facts = dict(zip(map(_key, findings.pictures), index.facts([p.file for p in findings.pictures]), strict=True))
    bad = [picture for picture in findings.pictures if facts[picture.key].fault]
    findings.drop("undecodable_files", bad)
    findings.lasting = all(each.is_lasting for each in facts.values())
    seen: dict[str, str] = {}
    for picture in findings.pictures:
        its = facts[picture.key]
        picture.size, picture.digest = its.size, its.digest
        for kind in its.notes:
            findings.note(kind, picture.key)
        if seen.setdefault(its.digest, picture.key) != picture.key:
            findings.note("same_pictures", f"{picture.key} (as {seen[its.digest]})")


def linked_out(pictures: Iterable[Picture], folder: Path) -> Iterator[Picture]:
    """Those whose files are elsewhere, because they or the folders on their way are links."""
    home, place = os.path.join(os.path.realpath(folder), ""), _places()
    for picture in pictures:
        real = os.path.realpath(picture.file) if os.path.islink(picture.file) else place(picture.file)
        if not real.startswith(home):
            yield picture


def _places() -> Callable[[str], str]:
    """A function from a path to the path without links on its way; what it ends in may be a link."""
    real = lru_cache(maxsize=1024)(os.path.realpath)

    def place(path: str) -> str:
        folder, name = os.path.split(path)
        return os.path.join(real(folder), name)

    return place


def _key(picture: Picture) -> str:
    return picture.key
