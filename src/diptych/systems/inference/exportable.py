"""What of a family an export takes along: names that its sampler or speaker declares, and nothing of its training."""

import inspect
from collections.abc import Callable
from types import FunctionType
from typing import Any, ClassVar

from torch import nn


class Exportable:
    """The base of classes that say how trained networks are used; a system that trains them derives from one.

    `networks` and `mathematics` (what has no weights) are roles of the configuration, and attributes of these names;
    `settings` are attributes of plain values, `tensors` buffers, and `borrows` the parts of other runs, which `borrow`
    takes by name. All else of a system belongs to its training.
    """

    networks: ClassVar[tuple[str, ...]] = ()
    mathematics: ClassVar[tuple[str, ...]] = ()
    settings: ClassVar[tuple[str, ...]] = ()
    tensors: ClassVar[tuple[str, ...]] = ()
    borrows: ClassVar[tuple[str, ...]] = ()
    only_averages: bool = False
    """Whether there are averaged weights, and those of now are left behind."""

    @classmethod
    def exported_networks(cls) -> tuple[str, ...]:
        """The roles of the networks that an export takes along."""
        return cls.networks

    def exported_network(self, name: str) -> Any:
        """The network of this role as it is used: averaged where averages are kept; None where there is none."""
        return getattr(self, name)

    def graphs(self) -> dict[str, Callable[[], Any]]:
        """Networks as graphs, by name, each made when it is asked for (`graphs.py`); a `ValueError` says why not."""
        return {}

    def derived_tensors(self) -> dict[str, Any]:
        """What is computed from training data once, and kept in place of them."""
        return {}


def use_of(kind: type) -> type[Exportable]:
    """The class that says how networks of this kind of system are used; `ValueError` says why there is none."""
    found = [c for c in kind.__mro__ if issubclass(c, Exportable) and not issubclass(c, nn.Module)]
    uses = [c for c in found if c is not Exportable and c.exported_networks()]
    if not uses:
        raise ValueError(
            f"{kind.__name__} does not keep apart how its networks are used from how they learn, so it has no export"
        )
    if own := _overridden(kind, uses[0]):
        raise ValueError(
            f"{kind.__name__}.{own[0]} is its own, and {uses[0].__name__} does not know it: write it in a class "
            f"derived from {uses[0].__name__}, and derive {kind.__name__} from that"
        )
    return uses[0]


def _overridden(kind: type, use: type) -> list[str]:
    """What a system does in another way than its use."""
    methods = {name for base in use.__mro__ for name, value in vars(base).items() if _is_behaviour(name, value)}
    found = ((inspect.getattr_static(kind, name), inspect.getattr_static(use, name), name) for name in sorted(methods))
    return [name for own, known, name in found if own is not known]


def _is_behaviour(name: str, value: Any) -> bool:
    return isinstance(value, FunctionType | property | classmethod) and not name.startswith("__")
