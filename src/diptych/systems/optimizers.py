"""Optimisers as systems with several networks use them."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.nn.utils import clip_grads_with_norm_, get_total_norm
from torch.optim import Optimizer

from diptych.systems.schedules import Schedule

MakeOptimizer = Callable[[list[dict[str, Any]]], Optimizer]
"""An optimiser class with all arguments but its parameter groups."""


def optimizer_for(make: MakeOptimizer, network: nn.Module, *helpers: tuple[nn.Module | None, float]) -> Optimizer:
    """One optimiser for what is trainable in a network and its helpers, each with its multiple of the learning rate."""
    parts = [(network, 1.0), *helpers]
    groups = [(_trainable(part), multiplier) for part, multiplier in parts]
    groups = [(parameters, multiplier) for parameters, multiplier in groups if parameters]
    if not groups:
        raise ValueError(
            f"freeze: {type(network).__name__} and its helpers have nothing left to learn: thaw one of them"
        )
    optimizer = make([{"params": parameters} for parameters, _ in groups])
    for group, (_, multiplier) in zip(optimizer.param_groups, groups, strict=True):
        group["lr"] = group["initial_lr"] = group["lr"] * multiplier
    return optimizer


def set_learning_rate(schedule: Schedule | None, optimizer: Optimizer, images_seen: int) -> float:
    """Set every group's learning rate by the schedule (None: as configured); returns the first group's."""
    factor = 1.0 if schedule is None else schedule(images_seen)
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] * factor
    return optimizer.param_groups[0]["lr"]


def check_finite(values: Mapping[str, Tensor], images_seen: int) -> None:
    """Stop before a step that would spoil the weights; one wait for the device."""
    finite = torch.stack([value.detach().float() for value in values.values()]).isfinite().tolist()
    for (name, value), is_finite in zip(values.items(), finite, strict=True):
        if not is_finite:
            raise FloatingPointError(
                f"{name} is {value.item()} after {images_seen:,} images: lower the learning rates, or set "
                "system.max_grad_norm; the weights before this step were sound"
            )


def clip(optimizer: Optimizer, max_norm: float | None) -> Tensor:
    """The norm of all gradients together, which are scaled down to `max_norm` where they exceed it."""
    parameters = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
    norm = get_total_norm([p.grad for p in parameters])
    norm = norm.full_tensor() if isinstance(norm, DTensor) else norm
    if max_norm is not None:
        clip_grads_with_norm_(parameters, max_norm, norm)
    return norm


def parameters_of(optimizer: Optimizer) -> list[nn.Parameter]:
    """All that the optimiser changes."""
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def _trainable(network: nn.Module | None) -> list[nn.Parameter]:
    return [p for p in network.parameters() if p.requires_grad] if network else []
