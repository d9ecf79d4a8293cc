"""Pickles that may come from anybody: nothing that a pickle says is run.

A pickle is a program. Only instructions that are allowed are carried out, and not too many of them; a name stands for
what the reader puts in its place, or is refused. The unpickler is Python's own one in Python: the one in C reserves as
much memory as the file asks for.
"""

import pickle
import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, Never

INSTRUCTIONS = {ord(instruction.code): instruction.name for instruction in pickletools.opcodes}
NAMING = frozenset(("GLOBAL", "STACK_GLOBAL", "INST"))
"""They look for a class: a reader without any still says which one was asked for."""
TUPLES = frozenset(("TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"))
STORES = frozenset(("PUT", "BINPUT", "LONG_BINPUT"))
LOADS = frozenset(("GET", "BINGET", "LONG_BINGET"))
PLAIN = (str, bytes, int, float, type(None))
"""What may be used twice, besides what names stand for; shared containers could stand for more than memory holds."""


class RefusedError(ValueError):
    """Says what stands in a pickle and may not."""


@dataclass(frozen=True)
class Allowed:
    """What a pickle may do: these instructions, at most so many of them, and `stands_for` in place of names.

    `shared` are the classes that may be used twice besides plain values. To hash tuples within tuples fills the stack:
    `most_tuples` bounds them where there are dicts.
    """

    instructions: frozenset[str]
    most_instructions: int
    most_tuples: int
    stands_for: Mapping[tuple[str, str], Any] = field(default_factory=dict)
    shared: tuple[type, ...] = ()


def read_pickle(content: bytes, allowed: Allowed) -> Any:
    """The value; text of Python 2 stays bytes. A ValueError says what is damaged, a `RefusedError` what is refused."""
    try:
        return _Reader(content, allowed).load()
    except RefusedError:
        raise
    except Exception as error:  # damaged pickles raise anything: EOFError, IndexError, UnicodeDecodeError, …
        reason = str(error) if isinstance(error, ValueError) else f"{type(error).__name__} {error}".rstrip()
        raise ValueError("it ends too early" if isinstance(error, EOFError) else reason) from error


class _Whole(BytesIO):
    """Gives all the bytes that are asked for, or says that it ends too early."""

    def read(self, size: int | None = -1, /) -> bytes:
        found = super().read(size)
        if size is not None and len(found) < size:
            raise EOFError
        return found


class _Reader(pickle._Unpickler):
    """Python's unpickler with the allowed instructions alone."""

    stack: list[Any]
    memo: dict[int, Any]

    def __init__(self, content: bytes, allowed: Allowed) -> None:
        super().__init__(_Whole(content), encoding="bytes")
        self.allowed = allowed
        self.num_instructions = self.num_tuples = 0

    def find_class(self, module: str, name: str) -> Any:
        found = self.allowed.stands_for.get((module, name))
        if found is None:
            raise RefusedError(f"it asks for {module}.{name}")
        return found

    def count(self, name: str) -> None:
        """Refuse the instruction if it is not allowed, or one too many."""
        if name not in self.allowed.instructions and name not in NAMING:
            raise RefusedError(f"it has the instruction {name}")
        self.num_instructions += 1
        self.num_tuples += name in TUPLES
        if self.num_instructions > self.allowed.most_instructions or self.num_tuples > self.allowed.most_tuples:
            raise RefusedError(
                f"it has more than {self.allowed.most_instructions:,} instructions, or more than "
                f"{self.allowed.most_tuples:,} tuples"
            )

    def check_loaded(self) -> None:
        """Refuse a value that is used twice and may not be."""
        if not isinstance(self.stack[-1], PLAIN + self.allowed.shared):
            raise RefusedError("it uses a value twice that is no text")

    def check_stored(self) -> None:
        """Refuse numbers that do not follow one another, from 0 or 1 on (Python 2)."""
        if next(reversed(self.memo)) > len(self.memo):
            raise RefusedError("its stored values are not numbered one after the other")


def _carried_out(name: str, load: Callable[[Any], None]) -> Callable[[Any], None]:
    def carry_out(reader: _Reader) -> None:
        reader.count(name)
        load(reader)
        if name in LOADS:
            reader.check_loaded()
        if name in STORES:
            reader.check_stored()

    return carry_out


class _Instructions(dict[int, Callable[[Any], None]]):
    def __missing__(self, code: int) -> Never:
        raise RefusedError(f"it has the instruction {INSTRUCTIONS.get(code, code)}")


_Reader.dispatch = _Instructions(
    (code, _carried_out(INSTRUCTIONS[code], load)) for code, load in pickle._Unpickler.dispatch.items()
)
