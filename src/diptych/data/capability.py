"""Can these examples do more than every split can? Asked of whatever wraps them, too."""

from typing import Any, TypeVar

Protocol_ = TypeVar("Protocol_")


def capable(examples: Any, protocol: type[Protocol_]) -> Protocol_ | None:
    """The examples as what the protocol describes by its methods and properties; None where they have not all of them.

    From Python 3.12 on `isinstance` of a protocol does not see what a class hands on by `__getattr__`, as `Wrapped`
    does; this asks for each name.
    """
    names = [name for name in vars(protocol) if not name.startswith("_")]
    return examples if all(hasattr(examples, name) for name in names) else None
