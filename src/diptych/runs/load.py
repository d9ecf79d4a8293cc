"""A trained run in Python: `diptych.load(run)` gives a handle that generates, captions, classifies or embeds."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch

from diptych.config.errors import UserError
from diptych.config.own_packages import find_own_packages
from diptych.runs.bundle.layout import is_bundle
from diptych.runs.bundle.reading import read_bundle
from diptych.runs.checkpoints import read_checkpoint
from diptych.runs.folder.find import default_outputs, find_run
from diptych.runs.folder.layout import RunFolder, folder_of_checkpoint
from diptych.runs.handles import ImageCaptioner, ImageClassifier, ImageGenerator, PairEmbedder, handle_for
from diptych.runs.handles.ensemble import JOIN, ensemble_of
from diptych.runs.trust import Subject, remember, trusted

CHECKPOINT_SUFFIX = ".ckpt"


def load(run: str | Path, *, checkpoint: str | Path | None = None, trust: Collection[str] = ()) -> Any:
    """The run that `run` names: a run folder, an id or its beginning, `latest`, a checkpoint file, or an export.

    `RUN+RUN` is an ensemble of runs that caption: the mean of their probabilities.

    An `ImageGenerator`, `ImageCaptioner`, `ImageClassifier`, `PairEmbedder` or `ImageAutoencoder`, by what its system
    can do, and a plain `Handle` where it can do something else. `checkpoint` is `best`, `last` or a file of the run (by
    default its best, or else its last). A checkpoint file in place of a run may be one that a plain Trainer has written
    of what `diptych.build` gave it.
    `trust` names packages of your own whose classes the run was built from; it is remembered for this run.
    """
    return _opened(run, checkpoint, trust)


def load_checkpoint(folder: RunFolder, checkpoint: str | Path | None = None, *, trust: Collection[str] = ()) -> Any:
    """The run in `folder` as it was at `checkpoint` (see `RunFolder.checkpoint`), from that file alone."""
    file = folder.checkpoint(checkpoint)
    content = read_checkpoint(file)
    if not file.is_relative_to(folder.path) and content["run_id"] != folder.run_id:
        raise UserError(f"{file} is a checkpoint of run {content['run_id']}, not of {folder.run_id}: name that run")
    return _restored(folder, file, content, trust)


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


def load_embedder(
    run: str | Path, *, checkpoint: str | Path | None = None, trust: Collection[str] = ()
) -> PairEmbedder:
    """The run, which must embed images and sentences; `latest` is the latest that does."""
    return _load(run, PairEmbedder, checkpoint, trust)


def load_partner(run: str | Path, *, trust: Collection[str] = ()) -> Any:
    """The run that stands beside the evaluated one (--with); `latest` is the latest that captions."""
    return _opened(run, None, trust, ImageCaptioner.task)


def _load(run: str | Path, kind: type[Any], checkpoint: str | Path | None, trust: Collection[str]) -> Any:
    handle = _opened(run, checkpoint, trust, kind.task)
    if not isinstance(handle, kind):
        raise UserError(f"{handle.run.run_id} is a run that cannot {kind.does}: name another")
    return handle


def _opened(run: str | Path, checkpoint: str | Path | None, trust: Collection[str], task: str | None = None) -> Any:
    """The run or checkpoint file that `run` names."""
    path = Path(run).expanduser()
    if JOIN in str(run) and not path.exists():
        return ensemble_of([_opened(part, checkpoint, trust, task) for part in str(run).split(JOIN)])
    if is_bundle(path):
        return _exported(path, checkpoint, trust)
    if path.is_file():
        if checkpoint is not None:
            raise UserError(f"{run} is a checkpoint, and another one is named ({checkpoint}): name one of them")
        path = path.absolute()
        return _restored(folder_of_checkpoint(path), path, read_checkpoint(path), trust)
    if path.suffix == CHECKPOINT_SUFFIX:
        raise UserError(f"there is no checkpoint {run}: name a file, a run folder, a run id or latest")
    return load_checkpoint(find_run(str(path), default_outputs(), task), checkpoint, trust=trust)


def _exported(path: Path, checkpoint: str | Path | None, trust: Collection[str]) -> Any:
    if checkpoint is not None:
        raise UserError(f"{path} is an export, which has no checkpoint {checkpoint}: leave it out, or name the run")
    return read_bundle(path, _packages(trust))


def _restored(folder: RunFolder, checkpoint: Path, content: Any, trust: Collection[str]) -> Any:
    """A handle on what the checkpoint holds; what is trusted is remembered once it is restored."""
    from diptych.runs.restore import restored  # what trains systems takes seconds, and an export needs none of it

    find_own_packages()
    subject = Subject.of({"run_id": folder.run_id, **content})
    in_force = trusted(subject, _packages(trust))
    system = restored(content, in_force)
    remember(subject, in_force)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return handle_for(system)(folder, checkpoint, system.to(device), content["config"], in_force)


def _packages(trust: Collection[str]) -> tuple[str, ...]:
    return (trust,) if isinstance(trust, str) else tuple(trust)
