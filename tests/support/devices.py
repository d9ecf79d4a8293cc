"""The same short training on one device or on several, in processes that share nothing but a port."""

import socket
from contextlib import nullcontext
from dataclasses import replace
from functools import partialmethod
from pathlib import Path
from typing import Any

import processes
import torch
from pytorch_lightning import Callback
from torch.distributed.tensor import DTensor

from diptych.config.composition import compose
from diptych.data.loading.collate import Collate
from diptych.runs.distributed.topology import process_group, store_of
from diptych.runs.execution import Execution, build, fit, topology_for, trainer_for
from diptych.runs.folder.layout import RunFolder
from diptych.runs.lifecycle.signals import StopSignals
from diptych.runs.parts import borrow
from diptych.runs.requirements import find_lenders
from diptych.runs.trainer import quiet
from diptych.systems.autoencoding.quality import ReconstructionQuality
from diptych.systems.generation_quality import GenerationQuality
from diptych.tracking import Trackers
from diptych.types import Batch

CONF = Path(__file__).resolve().parent / "conf"


class Witness(Callback):
    """Every gradient of an optimiser step, the logged and measured figures, and the number of tokens per batch."""

    def __init__(self) -> None:
        self.gradients: list[list[torch.Tensor]] = []
        self.figures: list[dict[str, float]] = []
        self.tokens: list[int] = []

    def on_train_start(self, trainer, pl_module) -> None:
        for optimizer in trainer.optimizers:
            optimizer.register_step_pre_hook(self._look)

    def on_validation_end(self, trainer, pl_module) -> None:
        measured = {name: float(value) for name, value in trainer.callback_metrics.items() if "val/" in name}
        self.figures.append(measured)

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        self.tokens.append(int(batch.token_mask.sum()))
        self.figures.append({name: float(value) for name, value in pl_module.step_figures.items()})

    def _look(self, optimizer, args, kwargs) -> None:
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        self.gradients.append([torch.zeros(()) if p.grad is None else whole(p.grad).clone() for p in parameters])


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """The whole tensor, if it is sharded over devices."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def trained(overrides: list[str], devices: int, folder: Path, strategy: str = "ddp") -> list[dict[str, Any]]:
    """Each device's record of the run with these overrides, and its final state."""
    folder.mkdir()
    port = free_port()
    settings = [f"trainer={strategy}", "trainer.accelerator=cpu", f"trainer.devices={devices}"] if devices > 1 else []
    arguments = [([*overrides, *settings], rank, port, folder) for rank in range(devices)]
    ranks = [processes.CONTEXT.Process(target=_train, args=args) for args in arguments]
    for process in ranks:
        process.start()
    for process in ranks:
        process.join(120)
        assert process.exitcode == 0, "see the traceback above"
    return [torch.load(folder / f"{rank}.pt") for rank in range(devices)]


def _train(overrides: list[str], rank: int, port: int, folder: Path) -> None:
    torch.set_num_threads(1)
    _compute_in_double()
    config = compose([f"paths.outputs={folder}", *overrides], config_dir=CONF)
    run = RunFolder.create(folder, config["name"], f"rank{rank}")
    borrow(find_lenders(config["parts"], folder), run)
    start = Execution(run, config, replace(topology_for(config), rank=rank, local_rank=rank, port=port))
    with StopSignals() as signals, quiet():
        work, witness = build(start), Witness()
        with _company(start):
            trainer = trainer_for(start, work, Trackers(), signals)
            trainer.callbacks.append(witness)
            fit(trainer, start, work, signals)
            state = {name: whole(value) for name, value in work.system.state_dict().items()}
    seen = {name: getattr(witness, name) for name in ("gradients", "figures", "tokens")}
    torch.save(seen | {"state": state}, folder / f"{rank}.pt")


def _compute_in_double() -> None:
    """Use double precision for networks and pictures, so that rounding does not count as a difference."""
    torch.set_default_dtype(torch.float64)
    collate = Collate.__call__
    Collate.__call__ = lambda *args: _in_single(collate, *args)
    for quality in (GenerationQuality, ReconstructionQuality):
        quality.update = partialmethod(_of_quality, quality.update)


def _of_quality(self: Any, update: Any, *args: Any) -> None:
    _in_single(update, self, *args)


def _in_single(function: Any, *args: Any) -> Any:
    """The world renders and reads pictures in float32; batches come out in double."""
    torch.set_default_dtype(torch.float32)
    result = function(*args)
    torch.set_default_dtype(torch.float64)
    return replace(result, images=result.images.double()) if isinstance(result, Batch) else result


def _company(start: Execution) -> Any:
    if start.settings["strategy"] is None:
        return nullcontext()
    return process_group(start.topology, store_of(start.topology, start.settings), start.settings)


def free_port() -> int:
    """A port that is free at the moment."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]
