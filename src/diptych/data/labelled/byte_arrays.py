"""Pickles of plain values with NumPy's arrays of bytes in them, as CIFAR-10 is kept.

NumPy's names stand for classes of this module, which only keep what they are given; other names are refused.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Never

import numpy as np
from jaxtyping import UInt8

from diptych.data.caption_files.rows import brief
from diptych.data.caption_files.text import shown
from diptych.data.plain_pickle import Allowed, RefusedError, read_pickle

MOST_INSTRUCTIONS, MOST_TUPLES = 100_000, 1_000
"""A file of CIFAR-10 has some thirty thousand instructions and five tuples."""

NEEDED = (
    *("PROTO", "FRAME", "STOP", "MARK", "NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2"),
    *("BINPUT", "LONG_BINPUT", "MEMOIZE", "BINGET", "LONG_BINGET"),
    *("EMPTY_DICT", "EMPTY_LIST", "EMPTY_TUPLE", "APPEND", "APPENDS", "SETITEM", "SETITEMS"),
    *("TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "GLOBAL", "STACK_GLOBAL", "BUILD", "REDUCE", "NEWOBJ"),
    *("BINSTRING", "SHORT_BINSTRING", "BINUNICODE", "SHORT_BINUNICODE", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
)


def read_plain_pickle(data: bytes, name: str) -> Any:
    """The value; a ValueError with the file's name says what in it is damaged or no plain value."""
    try:
        return read_pickle(data, ALLOWED)
    except RefusedError as refusal:
        raise ValueError(
            f"{name} is refused: {shown(str(refusal))}; only plain values and arrays of bytes are read"
        ) from None
    except ValueError as error:
        raise ValueError(f"{name} is damaged or no pickle: {shown(str(error))}") from error


class ByteArray:
    """What a pickle says of an array: its shape and its bytes, held against each other when it is asked for."""

    state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def to_numpy(self) -> UInt8[np.ndarray, "..."]:
        """The array, read-only; a ValueError says why it is none of bytes."""
        match self.state:
            case (_, tuple(shape), _Kind(code=b"u1" | "u1"), False | 0, bytes(content)):
                if not all(type(length) is int and length >= 0 for length in shape):
                    raise ValueError(f"an array's shape is {brief(shape)}")
                return np.frombuffer(content, np.uint8).reshape(shape)
        raise ValueError("an array is not of bytes (uint8) in C order")


class _Kind:
    """A `numpy.dtype` by its code."""

    def __init__(self, code: Any = None, *_: Any) -> None:
        self.code = code

    def __setstate__(self, state: Any) -> None:
        """Byte order and the like say nothing of bytes."""


@dataclass(frozen=True, slots=True)
class _StandIn:
    """What a name stands for: it can be called, and nothing in a file can change it."""

    make: Callable[..., Any]

    def __call__(self, *arguments: Any) -> Any:
        return self.make(*arguments)

    def __setstate__(self, state: Any) -> Never:
        raise RefusedError("it changes what NumPy's names mean")


def _empty_array(*_: Any) -> ByteArray:
    return ByteArray()


def _no_array(*_: Any) -> Never:
    raise RefusedError("it makes an array without its content")


def _latin_bytes(text: Any, encoding: Any = None) -> bytes:
    """Bytes as Python 3 writes them for Python 2."""
    if not isinstance(text, str):
        raise RefusedError(f"it encodes a {type(text).__name__}")
    return text.encode("latin1")


STANDS_FOR = {
    ("numpy", "dtype"): _StandIn(_Kind),
    ("numpy", "ndarray"): _StandIn(_no_array),
    ("numpy.core.multiarray", "_reconstruct"): _StandIn(_empty_array),
    ("numpy._core.multiarray", "_reconstruct"): _StandIn(_empty_array),
    ("_codecs", "encode"): _StandIn(_latin_bytes),
}

ALLOWED = Allowed(frozenset(NEEDED), MOST_INSTRUCTIONS, MOST_TUPLES, STANDS_FOR, shared=(ByteArray, _Kind, _StandIn))
