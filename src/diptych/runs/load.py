"""A trained run in Python: `diptych.load(run)` gives a handle that generates, captions or classifies."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch

from diptych.config.errors import UserError
from diptych.runs.checkpoints import read_checkpoint
from diptych.runs.folder.find import default_outputs, find_run
from diptych.runs.folder.layout import RunFolder
from diptych.runs.handles import ImageCaptioner, ImageClassifier, ImageGenerator, handle_for
from diptych.runs.restore import restored


def load(run: str | Path, *, checkpoint: str | Path | None = None, trust: Collection[str] = ()) -> Any:
    """The run that `run` names: a run folder, an id or its beginning, or `latest`.

    An `ImageGenerator`, `ImageCaptioner` or `ImageClassifier`, by what its system can do, and a plain `Handle` where it
    can do something else. `checkpoint` is `best`, `last` or a file of the run (by default its best, or else its last).
    `trust` names packages of your own whose classes the run was built from.
    """
    return load_checkpoint(find_run(str(run), default_outputs()), checkpoint, trust=trust)


def load_checkpoint(folder: RunFolder, checkpoint: str | Path | None = None, *, trust: Collection[str] = ()) -> Any:
    """The run in `folder` as it was at `checkpoint` (see `RunFolder.checkpoint`), from that file alone."""
    file = folder.checkpoint(checkpoint)
    content = read_checkpoint(file)
    if not file.is_relative_to(folder.path) and content["run_id"] != folder.run_id:
        raise UserError(f"{file} is a checkpoint of run {content['run_id']}, not of {folder.run_id}: name that run")
    system = restored(content, trust)
    return handle_for(system)(
        folder, file, system.to("cuda" if torch.cuda.is_available() else "cpu"), content["config"]
    )


def load_generator(
    run: str | Path, *, checkpoint: str | Path | None = None, trust: Collection[str] = ()
) -> ImageGenerator:
    """The run, which must generate; `latest` is the latest that does."""
    return _load(run, ImageGenerator, checkpoint, trust)


def load_captioner(
    run: str | Path, *, checkpoint: str | Path | None = None, trust: Collection[str] = ()
) -> ImageCaptioner:
    """The run, which must caption; `latest` is the latest that does."""
    return _load(run, ImageCaptioner, checkpoint, trust)


def load_classifier(
    run: str | Path, *, checkpoint: str | Path | None = None, trust: Collection[str] = ()
) -> ImageClassifier:
    """The run, which must classify; `latest` is the latest that does."""
    return _load(run, ImageClassifier, checkpoint, trust)


def load_partner(run: str | Path, *, trust: Collection[str] = ()) -> Any:
    """The run that stands beside the evaluated one (--with); `latest` is the latest that captions."""
    return load_checkpoint(find_run(str(run), default_outputs(), ImageCaptioner.task), trust=trust)


def _load(run: str | Path, kind: type[Any], checkpoint: str | Path | None, trust: Collection[str]) -> Any:
    handle = load_checkpoint(find_run(str(run), default_outputs(), kind.task), checkpoint, trust=trust)
    if not isinstance(handle, kind):
        raise UserError(f"{handle.run.run_id} is a run that cannot {kind.does}: name another")
    return handle
