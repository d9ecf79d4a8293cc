"""A trained run in Python: `diptych.load(run)` gives a handle that generates, captions or classifies."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch

from diptych.config.errors import UserError
from diptych.config.own_packages import find_own_packages
from diptych.runs.checkpoints import read_checkpoint
from diptych.runs.folder.find import default_outputs, find_run
from diptych.runs.folder.layout import RunFolder, folder_of_checkpoint
from diptych.runs.handles import ImageCaptioner, ImageClassifier, ImageGenerator, handle_for
from diptych.runs.restore import restored
from diptych.runs.trust import Subject, remember, trusted

CHECKPOINT_SUFFIX = ".ckpt"


def load(run: str | Path, *, trust: Collection[str] = ()) -> Any:
    """The run that `run` names: a run folder, an id or its beginning, `latest`, or a checkpoint file.

    An `ImageGenerator`, `ImageCaptioner` or `ImageClassifier`, by what its system can do, and a plain `Handle` where it
    can do something else. The file may be one that a plain Trainer has written of what `diptych.build` gave it. `trust`
    names packages of your own whose classes the run was built from; it is remembered for this run.
    """
    return _opened(run, trust)


def load_checkpoint(folder: RunFolder, checkpoint: Path | None = None, *, trust: Collection[str] = ()) -> Any:
    """The run in `folder` as it was at `checkpoint` (by default its best, else its last), from that file alone."""
    find_own_packages()
    checkpoint = checkpoint or folder.checkpoint()
    content = read_checkpoint(checkpoint)
    subject = Subject.of({"run_id": folder.run_id, **content})
    in_force = trusted(subject, _packages(trust))
    system = restored(content, in_force)
    remember(subject, in_force)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return handle_for(system)(folder, checkpoint, system.to(device), content["config"], in_force)


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
    return _opened(run, trust, ImageCaptioner.task)


def _load(run: str | Path, kind: type[Any], trust: Collection[str]) -> Any:
    handle = _opened(run, trust, kind.task)
    if not isinstance(handle, kind):
        raise UserError(f"{handle.run.run_id} is a run that cannot {kind.does}: name another")
    return handle


def _opened(run: str | Path, trust: Collection[str], task: str | None = None) -> Any:
    """The run or checkpoint file that `run` names."""
    path = Path(run).expanduser()
    if path.is_file():
        return load_checkpoint(folder_of_checkpoint(path.absolute()), path, trust=trust)
    if path.suffix == CHECKPOINT_SUFFIX:
        raise UserError(f"there is no checkpoint {run}: name a file, a run folder, a run id or latest")
    return load_checkpoint(find_run(str(path), default_outputs(), task), trust=trust)


def _packages(trust: Collection[str]) -> tuple[str, ...]:
    return (trust,) if isinstance(trust, str) else tuple(trust)
