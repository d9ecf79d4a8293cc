"""The idx file format of MNIST (http://yann.lecun.com/exdb/mnist), plain or gzipped.

Big-endian: two zero bytes, a type code (8: unsigned bytes), the number of axes, a 32-bit length per axis, the bytes.
"""

import gzip
import struct
import zlib
from pathlib import Path

import torch
from torch import Tensor

UNSIGNED_BYTES = 8
GZIP_START = b"\x1f\x8b"


def read_idx(path: Path, *, axes: int) -> Tensor:
    """The file's bytes as a tensor; a ValueError names the file and its fault."""
    data = _decompressed(path)
    header = 4 + 4 * axes
    start = bytes((0, 0, UNSIGNED_BYTES, axes))
    if data[:4] != start:
        raise ValueError(
            f"{path} is not an idx file of bytes with {axes} axes: it starts with {data[:4].hex() or 'nothing'}, "
            f"not {start.hex()}"
        )
    if len(data) < header:
        raise ValueError(f"{path} is truncated: it ends within its header")
    shape = struct.unpack(f">{axes}I", data[4:header])
    expected = header + torch.Size(shape).numel()
    if len(data) != expected:
        fault = "truncated" if len(data) < expected else "too long"
        raise ValueError(f"{path} is {fault}: its header announces {expected:,} bytes, but it has {len(data):,}")
    return torch.frombuffer(bytearray(data[header:]), dtype=torch.uint8).reshape(shape)


def _decompressed(path: Path) -> bytes:
    data = path.read_bytes()
    if not data.startswith(GZIP_START):
        return data
    try:
        return gzip.decompress(data)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path} is truncated or damaged: {error}") from error
