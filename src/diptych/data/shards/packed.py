"""What `diptych data pack` says of a picture beside its captions, and how that is read again.

It stands under a word of our own in the picture's JSON: names, ids and labels that other programs write there are those
of elsewhere, and mean nothing here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from diptych.data.caption_files import picture_name
from diptych.data.caption_files.rows import brief
from diptych.data.caption_files.text import fault_of, is_blank

WORD = "diptych"
NAME, LABEL = "name", "label"
MOST_LABELS = 1 << 31


class Label(NamedTuple):
    """What may be classified in a picture; `number` is its place among the labels of its data."""

    number: int
    name: str


@dataclass(frozen=True)
class Packed:
    """The picture's own name, if it is not that of its member, and its label, if it has one."""

    name: str | None = None
    label: Label | None = None

    def fields(self) -> dict[str, Any]:
        """As JSON has it."""
        label = {} if self.label is None else {LABEL: [*self.label]}
        return {WORD: {NAME: self.name, **label}}

    @classmethod
    def of_fields(cls, fields: Any) -> "Packed":
        """The inverse of `fields`, of any JSON value; a ValueError says what is wrong with it."""
        if not isinstance(fields, Mapping) or WORD not in fields:
            return cls()
        told = fields[WORD]
        if not isinstance(told, Mapping):
            raise ValueError(f"under {WORD!r} there is {brief(told)}, no object as `diptych data pack` writes it")
        return cls(_name(told.get(NAME)), _label(told.get(LABEL)))


def _name(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or is_blank(value) or fault_of(value):
        raise ValueError(f"the {NAME} under {WORD!r} is {brief(value)}, which is no file's name")
    return picture_name(value)


def _label(value: Any) -> Label | None:
    match value:
        case None:
            return None
        case [int(number), str(name)] if 0 <= number < MOST_LABELS and not is_blank(name) and not fault_of(name):
            return Label(int(number), name)
    raise ValueError(f"the {LABEL} under {WORD!r} is {brief(value)}; it must be [NUMBER, NAME]")
