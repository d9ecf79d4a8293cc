"""A list of forms, each of which knows itself by its content: the way to dispatch without a chain of ifs."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from diptych.data.caption_files.rows import CaptionRows

What = TypeVar("What")
Where = TypeVar("Where")


@dataclass(frozen=True)
class Kind(Generic[What, Where]):
    """A form in which captions are kept: whether something has it, and the rows that it holds.

    The rows of a form that is refused are a ValueError, which names the form and the way on.
    """

    recognises: Callable[[What], bool]
    rows: Callable[[What, Where], CaptionRows]


def rows_of_first(kinds: Iterable[Kind[What, Where]], what: What, where: Where) -> CaptionRows:
    """The rows by the first kind that recognises it; the last kind recognises anything."""
    return next(kind for kind in kinds if kind.recognises(what)).rows(what, where)
