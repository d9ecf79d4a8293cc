"""What lies in one shard: pictures by name, the captions of each, and what is wrong with them.

Captions and pictures are judged by the functions that judge a folder's (`caption_files`, `folders.checks`,
`folders.facts`), which decode as training does.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from diptych.data.caption_files import CaptionRow, Fault, checked
from diptych.data.folders.checks import Findings, gathered
from diptych.data.folders.facts import PictureFacts
from diptych.data.folders.picture import Picture
from diptych.data.membership import Identity
from diptych.data.shards.packed import Label
from diptych.data.shards.table import Entry, Place


@dataclass
class Contents:
    """The pictures and captions of the shard `name`, as they are found; `entries` are the good ones."""

    name: str
    findings: Findings = field(default_factory=Findings)
    pictures: dict[str, tuple[Place, PictureFacts]] = field(default_factory=dict)
    """By name: the place, and the facts of the bytes."""
    labels: dict[str, Label] = field(default_factory=dict)
    """By name, of the pictures that have one."""
    rows: list[CaptionRow | Fault] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    _first_ignored: dict[str, str] = field(default_factory=dict)

    def report(self, kind: str, what: str) -> None:
        """Record a problem in this shard."""
        self.findings.report(kind, f"{self.name}: {what}")

    def ignore(self, kind: str, name: str) -> None:
        """Count a member that is part of no example."""
        self.ignored[kind] += 1
        self._first_ignored.setdefault(kind, name)

    def add(self, name: str, place: Place, facts: PictureFacts) -> bool:
        """Take a picture; a second one of a name must be the same picture, whose captions are added to the first's."""
        known_place, known = self.pictures.setdefault(name, (place, facts))
        if known_place == place or (not facts.fault and known.digest == facts.digest):
            return True
        self.report("duplicate_ids", f"{name} (two pictures have this name)")
        return False

    def say(self, rows: Iterable[CaptionRow | Fault]) -> None:
        """Add captions, each checked as those of a caption file."""
        self.rows += (checked(row) if isinstance(row, CaptionRow) else row for row in rows)

    def entries(self, prefix: str = "") -> list[Entry]:
        """The good pictures with their captions, in the order of their places; `prefix` goes before their names."""
        described = gathered(self.rows, Path(), None, self.findings)
        for name in described:
            if name not in self.pictures:
                self.report("missing_files", f"{name} (it has captions, but there is no picture of this name)")
        entries = []
        for name, (place, facts) in self.pictures.items():
            picture = described.get(name)
            if facts.fault:
                self.report("undecodable_files", name)
            elif picture is None or not picture.captions:
                self.report("pictures_without_captions", name)
            else:
                entries.append(self._entry(name, prefix, place, facts, picture))
        for kind, number in self.ignored.items():
            self.report("ignored_members", f"{number:,} {kind}, for example {self._first_ignored[kind]}")
        return entries

    def _entry(self, name: str, prefix: str, place: Place, facts: PictureFacts, picture: Picture) -> Entry:
        key = f"{prefix}{name}"
        for kind in facts.notes:
            self.findings.note(kind, key)
        named, content = (int(digest, 16) for digest in Identity.of_digest(key, facts.digest))
        told = (picture.captions, picture.split, self.labels.get(name))
        return Entry(key, named, content, place, *told, look=bytes.fromhex(facts.look))
