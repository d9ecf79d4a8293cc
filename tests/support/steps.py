"""A few training steps of a composed system in float64, in this process, with all that they learned from."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial
from typing import Any

import torch
from devices import Witness
from pytorch_lightning import Trainer
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.data import DataLoader

from diptych.config.composition import compose
from diptych.runs.build import build_data, build_system
from diptych.runs.trainer import quiet
from diptych.systems.base import System
from diptych.types import Batch, DataSpec

SGD = partial(torch.optim.SGD, lr=0.02)


def built(overrides: Sequence[str], *, batch_norm: bool = True, **parts: Any) -> System:
    """The system of a configuration, in float64 and with plain SGD; without batch normalisation if not wanted.

    `parts` are systems that it borrows.
    """
    config = compose(overrides)
    spec, _ = _data(_of_data(overrides), 1)
    torch.manual_seed(0)
    with double():
        system: Any = build_system(config, spec, parts).double()
    for name in ("make_optimizer", "make_optimizers"):
        if hasattr(system, name):
            setattr(system, name, (SGD, SGD) if name.endswith("s") else SGD)
    if not batch_norm:
        _drop_norms(system)
    return system


def taught(system: System, overrides: Sequence[str], number: int = 3, **settings: Any) -> Witness:
    """What the system learned from its first batches."""
    batches = batches_of(overrides, number)
    witness = Witness()
    silent = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    usual = {"accelerator": "cpu", "max_epochs": 1, "enable_model_summary": False, "limit_val_batches": 0}
    torch.manual_seed(1)
    with quiet(), double():
        loader = DataLoader(batches, batch_size=None)  # pyright: ignore[reportArgumentType]
        Trainer(**(usual | silent | settings), callbacks=[witness]).fit(system, loader, loader)
    return witness


def batches_of(overrides: Sequence[str], number: int) -> list[Batch]:
    """The configuration's first batches, with images in float64."""
    return _data(_of_data(overrides), number)[1]


@contextmanager
def double() -> Iterator[None]:
    """New tensors are of double precision meanwhile."""
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


def _of_data(overrides: Sequence[str]) -> tuple[str, ...]:
    return tuple(o for o in overrides if o.startswith("data"))


@cache
def _data(overrides: tuple[str, ...], number: int) -> tuple[DataSpec, list[Batch]]:
    data: Any = build_data(compose(overrides))
    stream = iter(data.train_dataloader())
    batches = [next(stream) for _ in range(number)]
    return data.spec, [replace(batch, images=batch.images.double()) for batch in batches]


def _drop_norms(module: nn.Module) -> None:
    for name, child in list(module.named_children()):
        if isinstance(child, _BatchNorm):
            setattr(module, name, nn.Identity())
        else:
            _drop_norms(child)
