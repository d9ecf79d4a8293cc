"""Packages whose names are imported when they are first asked for, so that a command pays for what it uses."""

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any


def names_on_demand(package: str, homes: Mapping[str, Iterable[str]]) -> Callable[[str], Any]:
    """The `__getattr__` of a package (PEP 562); `homes` says which of its modules defines which names.

    No name may be a module's: once that is imported, Python finds it in the name's place.
    """
    home_of = {name: module for module, names in homes.items() for name in names}
    assert not home_of.keys() & homes.keys(), f"{package}: {home_of.keys() & homes.keys()} are modules as well"

    def find(name: str) -> Any:
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{home_of[name]}"), name)

    return find
