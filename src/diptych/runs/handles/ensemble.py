"""Several captioning runs as one: `RUN+RUN` on the command line and in `diptych.load`.

What is kept of an ensemble lies in a folder of its own, `outputs/ensembles/ID+ID`.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from diptych.config.errors import UserError
from diptych.runs.capabilities import CaptionsImages
from diptych.runs.folder.layout import RunFolder
from diptych.runs.handles.base import Handle
from diptych.runs.handles.captioner import ImageCaptioner, refused
from diptych.systems.captioning.ensemble import CaptionerEnsemble

JOIN, FOLDER, MOST_NAME = "+", "ensembles", 200


@dataclass
class CaptionerEnsembleRun(ImageCaptioner):
    """Runs that caption together; configuration and data are those of the first."""

    runs: tuple[Handle, ...] = ()

    @property
    def members(self) -> tuple[Handle, ...]:
        return self.runs

    @property
    def checkpoint_name(self) -> str:
        return JOIN.join(dict.fromkeys(member.checkpoint_name for member in self.runs))


def ensemble_of(handles: Sequence[Handle]) -> CaptionerEnsembleRun:
    """The ensemble of these runs; a UserError names two that do not go together."""
    ids = [handle.run.run_id for handle in handles]
    for handle in handles:
        if not isinstance(handle, CaptionsImages):
            raise UserError(f"{handle.run.run_id} is a run that cannot {ImageCaptioner.does}: an ensemble captions")
    if len(set(ids)) < len(ids):
        raise UserError(f"{JOIN.join(ids)}: an ensemble has each run once")
    with refused():
        system = CaptionerEnsemble(dict(zip(ids, (handle.system for handle in handles), strict=True)))
    first = handles[0]
    folder = RunFolder(first.run.path.parent.parent / FOLDER / _name(ids))
    config = {**first.config, "tracking": {}}  # trackers know single runs
    trust = tuple(dict.fromkeys(package for handle in handles for package in handle.trust))
    return CaptionerEnsembleRun(folder, first.checkpoint, system.eval(), config, trust, runs=tuple(handles))


def _name(ids: Sequence[str]) -> str:
    name = JOIN.join(ids)
    return name if len(name) <= MOST_NAME else f"{len(ids)}-runs-{hashlib.sha256(name.encode()).hexdigest()[:16]}"
