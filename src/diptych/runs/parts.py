"""Parts from other runs: frozen systems that a loss or the generator borrows.

The borrowed checkpoint is copied to `parts/<name>.ckpt`, and its origin and SHA-256 are written beside it, so that a
run never depends on another folder once it has started; a resumed run refuses a copy that was changed. A part with
`scope: generation` is also kept in every checkpoint of the run, which can then be used without its folder.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from diptych.config import UserError
from diptych.config.components import Trust
from diptych.config.schema import GENERATION, LOSS
from diptych.runs.checkpoints import read_checkpoint
from diptych.runs.folder.layout import RunFolder
from diptych.runs.restore import as_part, restored
from diptych.runs.trust import trusted_in_lender
from diptych.systems.base import System


def borrow(lenders: Mapping[str, RunFolder], folder: RunFolder) -> None:
    """Copy every part's checkpoint into `folder`, before the run trains."""
    for name, run in lenders.items():
        source, copy = run.checkpoint(), _copy(folder, name)
        folder.parts.mkdir(exist_ok=True)
        shutil.copyfile(source, copy)
        origin = {"run": run.run_id, "experiment": run.experiment, "checkpoint": source.name, "sha256": _digest(copy)}
        copy.with_suffix(".json").write_text(json.dumps({**origin, "task": run.task}, indent=1), encoding="utf-8")


def lenders_of(folder: RunFolder) -> set[str]:
    """The ids of the runs whose parts the run has learned from."""
    return {json.loads(path.read_text(encoding="utf-8"))["run"] for path in folder.parts.glob("*.json")}


def copies_of(folder: RunFolder) -> dict[str, str]:
    """The SHA-256 of every borrowed checkpoint, by the name of its part."""
    return {path.stem: _digest(path) for path in sorted(folder.parts.glob("*.ckpt"))}


def load_parts(config: Mapping[str, Any], folder: RunFolder, trust: Trust = ()) -> dict[str, System]:
    """The borrowed systems by name, from the copies: in eval mode, without gradients for their weights."""
    return {name: _from_copy(_copy(folder, name), name, config, trust) for name in config["parts"]}


def lent(name: str, checkpoint: Path, config: Mapping[str, Any], trust: Trust) -> System:
    """The system that another run's checkpoint lends to a run of this configuration, frozen.

    Its code is trusted as `trusted_in_lender` says, whoever wrote the configuration.
    """
    content = read_checkpoint(checkpoint)
    try:
        return restored(content, trusted_in_lender(content, config, trust)).requires_grad_(False)
    except UserError as error:
        raise UserError(
            f"parts.{name}: {error} once, to a command that uses that run, such as `diptych evaluate "
            f"{content.get('run_id', 'RUN')}`: it is remembered"
        ) from error


def kept_parts(parts: Mapping[str, Any], folder: RunFolder) -> dict[str, Any]:
    """What every checkpoint of the run keeps: the parts that generation needs, by name."""
    needed = [name for name, part in parts.items() if part.get("scope", LOSS) == GENERATION]
    return {name: as_part(read_checkpoint(_copy(folder, name))) for name in needed}


def _from_copy(copy: Path, name: str, config: Mapping[str, Any], trust: Trust) -> System:
    recorded = json.loads(copy.with_suffix(".json").read_text(encoding="utf-8"))["sha256"]
    if _digest(copy) != recorded:
        raise UserError(f"{copy} is not the part '{name}' that this run was trained with (its SHA-256 differs)")
    return lent(name, copy, config, trust)


def _copy(folder: RunFolder, name: str) -> Path:
    return folder.parts / f"{name}.ckpt"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
