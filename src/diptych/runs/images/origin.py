"""The run that made an image, found by the digest of the weights that the image's record names."""

from collections.abc import Collection, Iterator
from pathlib import Path

from diptych.config.errors import UserError
from diptych.metrics.weights_digest import weights_digest
from diptych.runs.checkpoints import candidates, read_checkpoint
from diptych.runs.folder.find import all_runs, default_outputs, find_run, runs_trained_for
from diptych.runs.folder.layout import RunFolder
from diptych.runs.handles import ImageGenerator
from diptych.runs.images.record import ImageRecord
from diptych.runs.load import load_generator

SHOWN = 8
"""Digits of a digest in messages."""


def generator_of(
    record: ImageRecord, run: str | Path | None = None, *, checkpoint: str | None = None, trust: Collection[str] = ()
) -> ImageGenerator:
    """The run that made an image, as it was then: `run`, or else the one of all runs that has these weights.

    A UserError says which weights were looked for, where none of the checkpoints has them.
    """
    if run is not None and (checkpoint is not None or Path(run).expanduser().is_file()):
        return load_generator(run, checkpoint=checkpoint, trust=trust)
    if checkpoint is not None:
        raise UserError(f"--checkpoint {checkpoint}: name the run that it is of")
    outputs = default_outputs()
    folders = _likely(record.run, outputs) if run is None else iter([find_run(str(run), outputs, ImageGenerator.task)])
    for folder in folders:
        for file in _checkpoints(folder):
            if _digest(file) == record.checkpoint:
                return load_generator(folder.path, checkpoint=str(file), trust=trust)
    raise UserError(_not_found(record, run, outputs))


def names_run(text: str) -> bool:
    """Whether the text names one run or a checkpoint file; a sentence does not."""
    if Path(text).expanduser().is_file():
        return True
    try:
        find_run(text, default_outputs(), ImageGenerator.task)
    except (UserError, OSError):  # a sentence may be too long for the name of a file
        return False
    return True


def _likely(name: str, outputs: Path) -> Iterator[RunFolder]:
    """The run of this name, then all others that generate, the latest first."""
    yield from (run for run in all_runs(outputs) if run.run_id == name)
    yield from (run for run in runs_trained_for(ImageGenerator.task, outputs)[::-1] if run.run_id != name)


def _checkpoints(folder: RunFolder) -> list[Path]:
    usual = [path for path in (folder.best, *candidates(folder)) if path.exists()]
    return list(dict.fromkeys([*usual, *sorted(folder.checkpoints.glob("*.ckpt"))]))


def _digest(file: Path) -> str | None:
    try:
        return weights_digest(read_checkpoint(file)["state_dict"])
    except (UserError, OSError):  # what cannot be read made nothing
        return None


def _not_found(record: ImageRecord, run: str | Path | None, outputs: Path) -> str:
    weights = f"the image's weights ({record.checkpoint[:SHOWN]}, of {record.run or 'a run that it does not name'})"
    if run is not None:
        return f"no checkpoint of {run} has {weights}: leave RUN out to look through all of {outputs}/"
    if any(each.run_id == record.run for each in all_runs(outputs)):
        return f"no checkpoint in {outputs}/ has {weights}: that run was trained further since"
    return f"no run in {outputs}/ has {weights}: name the run's folder or its checkpoint file before --like"
