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


def load(run: str | Path, *, trust: Collection[str] = ()) -> Any:
    """The run that `run` names: a run folder, an id or its beginning, or `latest`.

    An `ImageGenerator`, `ImageCaptioner` or `ImageClassifier`, by what its system can do, and a plain `Handle` where it
    can do something else. `trust` names packages of your own whose classes the run was built from.
    """
    return load_checkpoint(find_run(str(run), default_outputs()), trust=trust)


def load_checkpoint(folder: RunFolder, checkpoint: Path | None = None, *, trust: Collection[str] = ()) -> Any:
    """The run in `folder` as it was at `checkpoint` (by default its best, else its last), from that file alone."""
    checkpoint = checkpoint or folder.checkpoint()
    content = read_checkpoint(checkpoint)
    system = restored(content, trust)
    return handle_for(system)(
        folder, checkpoint, system.to("cuda" if torch.cuda.is_available() else "cpu"), content["config"]
    )


def load_generator(run: str | Path, *, trust: Collection[str] = ()) -> ImageGenerator:
    """The run, which must generate; `latest` is the latest that does."""
    return _load(run, ImageGenerator, trust)


def load_captioner(run: str | Path, *, trust: Collection[str] = ()) -> ImageCaptioner:
    """The run, which must caption; `latest` is the latest that does."""
    return _load(run, ImageCaptioner, trust)


def load_classifier(run: str | Path, *, trust: Collection[str] = ()) -> ImageClassifier:
    """The run, which must classify; `latest` is the latest that does."""
    return _load(run, ImageClassifier, trust)


def load_partner(run: str | Path, *, trust: Collection[str] = ()) -> Any:
    """The run that stands beside the evaluated one (--with); `latest` is the latest that captions."""
    return load_checkpoint(find_run(str(run), default_outputs(), ImageCaptioner.task), trust=trust)


def _load(run: str | Path, kind: type[Any], trust: Collection[str]) -> Any:
    handle = load_checkpoint(find_run(str(run), default_outputs(), kind.task), trust=trust)
    if not isinstance(handle, kind):
        raise UserError(f"{handle.run.run_id} is a run that cannot {kind.does}: name another")
    return handle
