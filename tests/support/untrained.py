"""Run folders of systems that nobody trained: their weights, and the averages of them, are random, and all differ."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from diptych.config.composition import compose
from diptych.runs.build import build_data, build_system
from diptych.runs.folder.layout import RunFolder
from diptych.runs.restore import as_part, restorable, restored
from diptych.systems.base import System

SUPPORT = Path(__file__).resolve().parent / "conf"


def untrained_run(
    outputs: Path, model: str, *overrides: str, parts: Mapping[str, RunFolder] | None = None
) -> RunFolder:
    """The folder of a run of this model whose checkpoint is complete, though no step was taken.

    `parts` are such runs that it borrows for generation, by name.
    """
    named = [f"parts.{name}.run={folder.path}" for name, folder in (parts or {}).items()]
    config = compose([f"model={model}", f"paths.outputs={outputs}", *named, *overrides], config_dir=SUPPORT)
    lent = {name: as_part(_read(folder)) for name, folder in (parts or {}).items()}
    torch.manual_seed(1)
    data = build_data(config)
    system = build_system(config, data.spec, {name: restored(part) for name, part in lent.items()})
    _stir(system)
    batch = data.example_batch()
    folder = RunFolder.create(outputs, config["name"], "run")
    folder.write_config(config)
    if getattr(system, "text_encoder", None) is not None:
        system.sample_sentences = system.reference_sentences = tuple(said[0] for said in batch.sentences[:4])
    content: dict[str, Any] = {"run_id": folder.run_id, "state_dict": system.state_dict()}
    content |= restorable(config, data.spec, lent)
    system.on_save_checkpoint(content)
    torch.save(content, folder.best)
    return folder


def _read(folder: RunFolder) -> Any:
    return torch.load(folder.best, weights_only=True)


@torch.no_grad()
def _stir(system: System) -> None:
    """Move every weight and statistic, so that averages differ from what they average."""
    rng = torch.Generator().manual_seed(2)
    for name, tensor in system.state_dict().items():
        if tensor.is_floating_point() and not name.endswith("running_var"):
            tensor += 0.05 * torch.randn(tensor.shape, generator=rng)
    if hasattr(system, "image_std"):
        system.image_std.fill_(0.5)
