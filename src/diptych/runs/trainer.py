"""Lightning's Trainer for our runs: one endless epoch, without Lightning's loggers, bars and checkpoints."""

import functools
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any

import torch
from pytorch_lightning import Callback, LightningDataModule, Trainer
from pytorch_lightning.profilers import AdvancedProfiler, Profiler, SimpleProfiler

from diptych.config import Config, UserError, components
from diptych.config.components import Trust
from diptych.runs.checkpoint_contents import CheckpointContents
from diptych.runs.distributed.strategies import device_arguments
from diptych.runs.distributed.topology import Topology
from diptych.runs.folder.environment import usable_cpus
from diptych.runs.folder.layout import RunFolder
from diptych.runs.lifecycle.collapse import CollapseWatch
from diptych.runs.lifecycle.heartbeat import Heartbeat
from diptych.runs.lifecycle.signals import StopSignals
from diptych.runs.lifecycle.stop_callback import StopCallback
from diptych.runs.parts import kept_parts
from diptych.tracking import Trackers

# Warnings of `fit`, and why they do not concern us.
NEEDLESS_WARNINGS = (
    r"The '.*_dataloader' does not have many workers",  # loading a batch is faster than training on it
    r"GPU available but not used",  # the user chose trainer=cpu
    r"`isinstance\(treespec, LeafSpec\)` is deprecated",  # Lightning's use of torch, not ours
    r"It is recommended to use `self.log\(.*sync_dist=True\)`",  # `log_metrics` averages over devices
    r"`broadcast_buffers` is deprecated",  # older versions of torch do not have its successor
    r"Found \d+ module\(s\) in eval mode at the start of training",  # averages and frozen backbones stay in eval mode
    r"The `srun` command is available on your system but is not used",  # SLURM starts runs, not their ranks
    r"`LightningModule.configure_optimizers` returned `None`",  # captions by rules learn nothing
    r"`torch.jit.script` is deprecated",  # torch's own use of it, where it loads forward derivatives
)
CALLBACK_FACTS = ("trackers", "checkpoints_folder", "samples_folder", "budget_images", "monitor", "mode")
"""The facts that a callback's constructor may request by parameter name."""
NEVER = 2**62
"""Steps until the next validation, while the images per step are unknown."""

TRIAL_BATCHES = 2
"""Validation batches before the first step, which show callbacks whether the monitored figure exists. One batch may be
a single example, for which some figures are undefined."""


@dataclass(frozen=True)
class Equipment:
    """What the Trainer and its callbacks need; `settings` are the trainer's for this machine, and are never saved."""

    folder: RunFolder
    config: Config
    settings: Mapping[str, Any]
    data: LightningDataModule
    trackers: Trackers
    signals: StopSignals
    trust: Trust = None
    topology: Topology = field(default_factory=Topology)


def make_trainer(equipment: Equipment) -> Trainer:
    """A Trainer with the runs' own callbacks around those of the configuration."""
    settings = equipment.settings
    return Trainer(
        accelerator=settings["accelerator"],
        **device_arguments(settings, equipment.topology),
        precision=settings["precision"],
        callbacks=_callbacks(equipment),
        default_root_dir=str(equipment.folder.path),
        logger=False,
        enable_progress_bar=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        num_sanity_val_steps=TRIAL_BATCHES if equipment.config["monitor"] else 0,
        use_distributed_sampler=False,
        max_epochs=-1,
        val_check_interval=NEVER,
        check_val_every_n_epoch=None,
        limit_val_batches=1.0 if settings["max_val_batches"] is None else settings["max_val_batches"],
        benchmark=settings["benchmark"],
        deterministic=settings["deterministic"],
        detect_anomaly=settings["detect_anomaly"],
        profiler=_profiler(settings["profiler"], equipment.folder) if equipment.topology.is_first else None,
    )


def prepare_machine(settings: Mapping[str, Any]) -> None:
    """Set threads and matrix precision for this process; several processes on one machine share its cores."""
    if settings["threads"]:
        torch.set_num_threads(settings["threads"])
    elif settings["devices"] > 1:
        torch.set_num_threads(max(1, usable_cpus() // settings["devices"]))
    if settings["matmul_precision"]:
        torch.set_float32_matmul_precision(settings["matmul_precision"])


@dataclass(frozen=True)
class RepeatedBatch:
    """A data loader of one batch, repeated `times` times; None means for ever."""

    batch: Any
    times: int | None

    def __iter__(self) -> Iterator[Any]:
        return repeat(self.batch) if self.times is None else repeat(self.batch, self.times)


def repeat_first_batch(data: LightningDataModule) -> None:
    """Train and validate on the stream's first batch for ever: a working model overfits it."""
    stream = data.train_dataloader
    first = functools.cache(lambda: next(iter(stream())))
    data.train_dataloader = lambda: RepeatedBatch(first(), times=None)
    data.val_dataloader = lambda: RepeatedBatch(first(), times=1)


@contextmanager
def quiet() -> Iterator[None]:
    """While entered, send Lightning's notices to log.txt only and drop its needless warnings."""
    handlers = [h for name in ("pytorch_lightning", "lightning_fabric") for h in logging.getLogger(name).handlers]
    streams = [h for h in handlers if type(h) is logging.StreamHandler]
    levels = [h.level for h in streams]
    logging.getLogger("pytorch_lightning.trainer.connectors.checkpoint_connector").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        for message in NEEDLESS_WARNINGS:
            warnings.filterwarnings("ignore", message=message)
        for handler in streams:
            handler.setLevel(logging.WARNING)
        try:
            yield
        finally:
            for handler, level in zip(streams, levels, strict=True):
                handler.setLevel(level)


def _callbacks(equipment: Equipment) -> list[Callback]:
    config, folder = equipment.config, equipment.folder
    facts = {
        "trackers": equipment.trackers,
        "checkpoints_folder": folder.checkpoints,
        "samples_folder": folder.samples,
        "budget_images": config["budget_images"],
        "monitor": config["monitor"],
        "mode": config["mode"],
    }
    assert tuple(facts) == CALLBACK_FACTS
    nodes = config["callbacks"].items()
    chosen = [components.build(node, f"callbacks.{name}", facts, equipment.trust) for name, node in nodes if node]
    spec = equipment.data.spec  # pyright: ignore[reportAttributeAccessIssue]
    kept = kept_parts(config["parts"], folder)
    contents = CheckpointContents(config, spec, folder.run_id, equipment.signals, kept)
    watching = (
        [Heartbeat(folder), CollapseWatch(folder, config["budget_images"])] if equipment.topology.is_first else []
    )
    return [contents, *watching, *chosen, StopCallback(equipment.signals, folder)]


def _profiler(name: str | None, folder: RunFolder) -> Profiler | None:
    profilers = {"simple": SimpleProfiler, "advanced": AdvancedProfiler}
    if name is None:
        return None
    if name not in profilers:
        raise UserError(f"trainer.profiler={name!r}: choose simple or advanced")
    return profilers[name](dirpath=folder.path, filename="profile")
