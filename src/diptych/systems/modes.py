"""Networks that stand still: for good, while the other one learns, or while they are used and not trained."""

import types
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from torch import nn
from torch.nn.utils.parametrize import ParametrizationList


def freeze(network: nn.Module) -> None:
    """Let the network stay as it is for good: no gradients, and always in evaluation mode."""
    network.requires_grad_(False).eval()
    network.train = types.MethodType(_stay_in_evaluation, network)


def _stay_in_evaluation(network: nn.Module, mode: bool = True) -> nn.Module:
    return type(network).train(network, False)


@contextmanager
def frozen(*networks: nn.Module | None) -> Iterator[None]:
    """Nothing in these networks changes, though gradients pass through them; all is restored afterwards.

    Parameters take no gradient, and statistics are `still`. (Freezing also keeps autocast from reusing half-precision
    copies of weights that an optimiser has changed since.)
    """
    modules = _modules_of(networks)
    parameters = [p for module in modules for p in module.parameters(recurse=False) if p.requires_grad]
    with still(*networks):
        _set(parameters, "requires_grad", False)
        try:
            yield
        finally:
            _set(parameters, "requires_grad", True)


@contextmanager
def still(*networks: nn.Module | None) -> Iterator[None]:
    """Batch normalisation normalises by the batch without tracking it; spectral normalisation keeps its estimate."""
    modules = _modules_of(networks)
    trackers, estimators = [m for m in modules if getattr(m, "track_running_stats", False)], _estimators(modules)
    _set(trackers, "track_running_stats", False)
    _set(estimators, "training", False)
    try:
        yield
    finally:
        _set(trackers, "track_running_stats", True)
        _set(estimators, "training", True)


@contextmanager
def once_a_step(modules: Iterable[nn.Module], *, share: float, earlier: float) -> Iterator[None]:
    """Let statistics follow this share of a batch's examples as they follow it in the whole batch.

    `earlier` is the share that has gone before. After all parts, running statistics have moved once by their momentum,
    towards the mean of the parts' statistics; spectral estimates take a step in the first part only.
    """
    modules = list(modules)
    norms = [m for m in modules if getattr(m, "track_running_stats", False) and getattr(m, "momentum", None)]
    momenta, later = [norm.momentum for norm in norms], 1 - earlier - share
    estimators = _estimators(modules) if earlier else []
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum * share / (1 - momentum * later)  # pyright: ignore[reportOperatorIssue]
    _set(estimators, "training", False)
    try:
        yield
    finally:
        _set(estimators, "training", True)
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum


@contextmanager
def evaluating(*networks: nn.Module | None) -> Iterator[None]:
    """Evaluation mode, and each module's own mode again afterwards."""
    modules = _modules_of(networks)
    trained = [module for module in modules if module.training]
    _set(trained, "training", False)
    try:
        yield
    finally:
        _set(trained, "training", True)


def _modules_of(networks: Iterable[nn.Module | None]) -> list[nn.Module]:
    return [module for network in networks if network is not None for module in network.modules()]


def _estimators(modules: Iterable[nn.Module]) -> list[nn.Module]:
    """What spectral normalisation keeps its estimates in."""
    return [m for module in modules if isinstance(module, ParametrizationList) for m in module if m.training]


def _set(things: list, attribute: str, value: bool) -> None:
    for thing in things:
        setattr(thing, attribute, value)
