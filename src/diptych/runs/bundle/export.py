"""Export a run: the networks that generate or caption, in a folder that `diptych.load` reads without the run."""

import hashlib
import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from diptych.config.errors import UserError
from diptych.runs.bundle.contents import contents_of
from diptych.runs.bundle.layout import FORMAT, WEIGHTS
from diptych.runs.bundle.reading import read_bundle
from diptych.runs.bundle.same import check_same
from diptych.runs.bundle.writing import write_bundle
from diptych.runs.capabilities import TakesCaptionOptions, TakesOptions
from diptych.runs.checkpoints import read_checkpoint
from diptych.runs.folder.environment import version_of
from diptych.runs.sampling_options import as_values

Figures = Sequence[Mapping[str, Any]]


def export_weights(handle: Any, out: Path, card: str, figures: Figures = ()) -> dict[str, Any]:
    """Write the export of safetensors to `out`; its description.

    `card` is the text of its README.md, `figures` are what was measured of the run. The export is read again before it
    is put in place, and has to say what the run says.
    """
    checkpoint = read_checkpoint(handle.checkpoint)
    system, tensors = contents_of(checkpoint, handle.system, handle.trust)
    content = _saved(tensors)
    description = {
        **about(handle, "safetensors", figures),
        "system": system,
        "weights": {"file": WEIGHTS, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)},
    }

    def fill(folder: Path) -> None:
        (folder / WEIGHTS).write_bytes(content)

    def check(folder: Path) -> None:
        check_same(handle, read_bundle(folder, handle.trust), checkpoint.get("sample_sentences", ()))

    write_bundle(out, description, card, fill, check)
    return description


def about(handle: Any, to: str, figures: Figures) -> dict[str, Any]:
    """What every export says of itself and of its run, in plain values without paths."""
    return {
        "format": FORMAT,
        "diptych": version_of("diptych") or "",
        "to": to,
        "task": handle.task,
        "run": {
            "run_id": handle.run.run_id,
            "experiment": handle.run.experiment,
            "checkpoint": handle.checkpoint_name,
            "images_seen": handle.images_seen,
            "digest": handle.digest,
        },
        "options": _usual_options(handle),
        "figures": [dict(figure) for figure in figures],
    }


def _usual_options(handle: Any) -> dict[str, Any]:
    if isinstance(handle, TakesOptions):
        return handle.sampling
    return as_values(handle.caption_options()) if isinstance(handle, TakesCaptionOptions) else {}


def _saved(tensors: Mapping[str, Any]) -> bytes:
    try:
        return importlib.import_module("safetensors.torch").save(tensors)
    except ModuleNotFoundError:
        raise UserError("exports need the package safetensors: pip install diptych[export]") from None
