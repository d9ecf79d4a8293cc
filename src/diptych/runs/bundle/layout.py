"""The layout of an export's folder; no other module knows it.

`diptych.json` says what it is, `README.md` is its model card, and the rest are weights or networks.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diptych.config.errors import UserError
from diptych.runs.folder.layout import RunFolder

FORMAT = 1
"""Of `diptych.json`; an older diptych refuses a higher one."""
DESCRIPTION, CARD, WEIGHTS = "diptych.json", "README.md", "model.safetensors"


@dataclass(frozen=True)
class BundleFolder(RunFolder):
    """An export in place of a run's folder; it goes by the id of its run."""

    origin: str = ""
    of_experiment: str = ""

    @property
    def run_id(self) -> str:
        return self.origin

    @property
    def experiment(self) -> str:
        return self.of_experiment


def is_bundle(path: Path) -> bool:
    """Whether the folder is an export."""
    return (path / DESCRIPTION).is_file()


def read_description(folder: Path) -> dict[str, Any]:
    """What `diptych.json` says; a `UserError` for one that is damaged, or newer than this diptych."""
    path = folder / DESCRIPTION
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        version, made_by = int(content["format"]), str(content["diptych"])
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(f"{path} is no description of an export ({error}): export the run again") from None
    if version > FORMAT:
        raise UserError(
            f"{path} has format {version}, and this diptych reads {FORMAT}: install diptych {made_by} or newer"
        )
    return content
