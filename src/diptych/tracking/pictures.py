"""Which pictures a record has shown, so that a new record of a resumed run can show them again."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self


@dataclass(frozen=True)
class ShownPicture:
    """A picture file as it was handed to a tracker."""

    name: str
    file: Path
    images: int
    caption: str


@dataclass
class PictureList:
    """A JSON-lines file beside the record; its paths are relative, so that a run folder can be moved."""

    path: Path = Path()
    shown: list[ShownPicture] = field(default_factory=list)

    @classmethod
    def open(cls, path: Path, up_to: int | None) -> Self:
        """The list at `path`, cut back to what was shown when `up_to` images had been seen; empty for None."""
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() and up_to is not None else []
        entries = [json.loads(line) for line in lines]
        kept = [e | {"file": path.parent / e["file"]} for e in entries if e["images"] <= (up_to or 0)]
        pictures = cls(path, [ShownPicture(**entry) for entry in kept])
        path.write_text("".join(map(pictures._line, pictures.shown)), encoding="utf-8")
        return pictures

    def add(self, shown: ShownPicture) -> None:
        """Append one picture, written through."""
        self.shown.append(shown)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(self._line(shown))

    def _line(self, shown: ShownPicture) -> str:
        entry = {"name": shown.name, "file": os.path.relpath(shown.file, self.path.parent)}
        return json.dumps(entry | {"images": shown.images, "caption": shown.caption}) + "\n"
