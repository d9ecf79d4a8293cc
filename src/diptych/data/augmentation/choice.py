"""Which operations `data.augmentation` asks for."""

from collections.abc import Mapping
from typing import Any

from diptych.data.augmentation.blur import Blur
from diptych.data.augmentation.colour import Colour, Grey, Hue
from diptych.data.augmentation.geometry import Crop, Flip, Rotation
from diptych.data.augmentation.operation import Operation

OPERATIONS: dict[str, type[Operation]] = {kind.name: kind for kind in (Flip, Crop, Rotation, Colour, Hue, Grey, Blur)}
"""In the order in which they are applied, whatever the order in which they are named."""


def operations_of(chosen: Mapping[str, Any]) -> tuple[Operation, ...]:
    """The operations of a mapping from names to strengths; true is the usual strength, false and null are none.

    A ValueError names the key, the value and what is known.
    """
    if not isinstance(chosen, Mapping):
        raise ValueError(f"data.augmentation={chosen!r}: name operations and strengths, {_known()}")
    unknown = [name for name in chosen if name not in OPERATIONS]
    if unknown:
        raise ValueError(f"data.augmentation.{unknown[0]}: there is no such operation; choose of {_known()}")
    strengths = {name: _strength(kind, chosen.get(name)) for name, kind in OPERATIONS.items()}
    operations = (OPERATIONS[name](strength) for name, strength in strengths.items() if strength is not None)
    return tuple(operation for operation in operations if operation.strength != operation.NONE)


def _strength(kind: type[Operation], value: Any) -> float | None:
    if value is None or value is False:
        return None
    if value is True:
        return kind.USUAL
    if not isinstance(value, int | float):
        raise ValueError(f"data.augmentation.{kind.name}={value!r}: give a number ({kind.MEANING}), true or false")
    return float(value)


def _known() -> str:
    return "{" + ", ".join(f"{name}: {kind.USUAL:g}" for name, kind in OPERATIONS.items()) + "}"
