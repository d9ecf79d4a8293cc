"""Are batches of an Arrow file compressed? Known from their headers, for a small compressed file can fill any memory.

A header is a flatbuffer: a table begins with the distance back to its list of fields, which has the place of each
(https://arrow.apache.org/docs/format/Columnar.html, Message.fbs).
"""

import struct
from typing import Any

HEADER_KIND, HEADER = 1, 2
"""Fields of a message."""
DICTIONARY, BATCH = 2, 3
"""Kinds of headers; all others have no data."""
DATA_OF_DICTIONARY = 1
COMPRESSION = 3
"""Field of a batch."""


def is_compressed(metadata: bytes) -> bool:
    """Whether a message holds compressed data; a struct.error where its header is none."""
    message = _follow(metadata, 0)
    kind_at = _field(metadata, message, HEADER_KIND)
    kind = metadata[kind_at] if 0 < kind_at < len(metadata) else 0
    if kind not in (DICTIONARY, BATCH):
        return False
    batch = _follow(metadata, _field(metadata, message, HEADER))
    if kind == DICTIONARY:
        batch = _follow(metadata, _field(metadata, batch, DATA_OF_DICTIONARY))
    return _field(metadata, batch, COMPRESSION) > 0


def has_compressed_batches(arrow: Any, stream: Any) -> bool:
    """Whether one of the messages of a stream does; those behind a damaged one nobody reads."""
    reader = arrow.ipc.MessageReader.open_stream(stream)
    for message in reader:
        try:
            if is_compressed(message.metadata.to_pybytes()):
                return True
        except struct.error:
            return False
    return False


def _follow(content: bytes, at: int) -> int:
    """The place that an offset leads to."""
    return at + struct.unpack_from("<I", content, at)[0]


def _field(content: bytes, table: int, number: int) -> int:
    """The place of a table's field; 0 where it has none."""
    fields = table - struct.unpack_from("<i", content, table)[0]
    if fields < 0 or 4 + 2 * number >= struct.unpack_from("<H", content, fields)[0]:
        return 0
    offset = struct.unpack_from("<H", content, fields + 4 + 2 * number)[0]
    return table + offset if offset else 0
