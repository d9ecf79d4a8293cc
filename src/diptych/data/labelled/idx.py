"""The idx file format of MNIST (http://yann.lecun.com/exdb/mnist), plain or gzipped.

Big-endian: two zero bytes, a type code (8: unsigned bytes), the number of axes, a 32-bit length per axis, the bytes.
"""

import gzip
import struct
import zlib
from math import prod
from pathlib import Path
from typing import IO, cast

import torch
from torch import Tensor

from diptych.data.caption_files.text import GZIP_START, plain_file

UNSIGNED_BYTES = 8
MOST_BYTES = 100_000_000
"""MNIST's pictures have 47 MB; a small gzipped file can hold more than any memory."""
PART_BYTES = 1 << 20


def read_idx(path: Path, *, axes: int) -> Tensor:
    """The file's bytes as a tensor; a ValueError names the file and its fault."""
    try:
        with _opened(path) as file:
            shape = _shape(file.read(4 + 4 * axes), path, axes)
            expected = prod(shape)
            if expected > MOST_BYTES:
                raise ValueError(
                    f"{path} is too long: its header announces {expected:,} bytes, more than {MOST_BYTES:,}"
                )
            content = bytearray()
            while len(content) <= expected and (part := file.read(min(PART_BYTES, expected + 1 - len(content)))):
                content += part
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(f"{path} is truncated or damaged: {getattr(error, 'strerror', None) or error}") from error
    if len(content) != expected:
        fault = "truncated" if len(content) < expected else "too long"
        raise ValueError(f"{path} is {fault}: its header announces {expected:,} bytes, and it does not end there")
    return (
        torch.frombuffer(content, dtype=torch.uint8).reshape(shape)
        if expected
        else torch.zeros(shape, dtype=torch.uint8)
    )


def _shape(start: bytes, path: Path, axes: int) -> tuple[int, ...]:
    magic = bytes((0, 0, UNSIGNED_BYTES, axes))
    if start[:4] != magic:
        raise ValueError(
            f"{path} is not an idx file of bytes with {axes} axes: it starts with {start[:4].hex() or 'nothing'}, "
            f"not {magic.hex()}"
        )
    if len(start) < 4 + 4 * axes:
        raise ValueError(f"{path} is truncated: it ends within its header")
    return struct.unpack(f">{axes}I", start[4:])


def _opened(path: Path) -> IO[bytes]:
    with plain_file(path) as file:
        is_compressed = file.read(len(GZIP_START)) == GZIP_START
    return cast(IO[bytes], gzip.open(path) if is_compressed else path.open("rb"))
