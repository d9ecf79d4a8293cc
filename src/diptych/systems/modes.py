"""Networks that stand still: for good, while the other one learns, or while they are used and not trained."""

import types
from collections.abc import Iterator
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

    Parameters take no gradient, batch normalisation normalises by the batch without tracking it, and spectral
    normalisation keeps its estimate. (Freezing also keeps autocast from reusing half-precision copies of weights
    that an optimiser has changed since.)
    """
    modules = [module for network in networks if network is not None for module in network.modules()]
    parameters = [p for module in modules for p in module.parameters(recurse=False) if p.requires_grad]
    trackers = [module for module in modules if getattr(module, "track_running_stats", False)]
    estimators = [m for module in modules if isinstance(module, ParametrizationList) for m in module if m.training]
    _set(parameters, "requires_grad", False)
    _set(trackers, "track_running_stats", False)
    _set(estimators, "training", False)
    try:
        yield
    finally:
        _set(parameters, "requires_grad", True)
        _set(trackers, "track_running_stats", True)
        _set(estimators, "training", True)


@contextmanager
def evaluating(*networks: nn.Module | None) -> Iterator[None]:
    """Evaluation mode, and each module's own mode again afterwards."""
    modules = [module for network in networks if network is not None for module in network.modules()]
    trained = [module for module in modules if module.training]
    _set(trained, "training", False)
    try:
        yield
    finally:
        _set(trained, "training", True)


def _set(things: list, attribute: str, value: bool) -> None:
    for thing in things:
        setattr(thing, attribute, value)
