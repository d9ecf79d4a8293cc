"""The members of a tar file, header by header; nothing is extracted, and no header can ask for memory or time.

Names and sizes come from the header, from GNU's long names and from PAX records (`path`, `size`); all other records are
passed over. Python's `tarfile` reads a single header of 512 bytes; the way from one to the next is our own, because its
own trusts the sizes that extended headers name.
"""

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

BLOCK = 512
MOST_EXTENSION_BYTES = 1 << 20
"""Of a long name or of PAX records; they are a few hundred in practice."""
TAIL_BYTES = 1 << 20
"""How far behind its end mark a tar file is looked at."""
LONG_NAME, LONG_LINK, PAX, PAX_OF_ALL = b"L", b"K", b"x", b"g"
KINDS = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a device",
    b"4": "a device",
    b"6": "a pipe",
    b"S": "a sparse file",
}
COMPRESSED = {
    b"\x1f\x8b": ("gzip", "gunzip"),
    b"BZh": ("bzip2", "bunzip2"),
    b"\xfd7zXZ": ("xz", "unxz"),
    b"\x28\xb5\x2f\xfd": ("zstd", "unzstd"),
}


@dataclass(frozen=True, slots=True)
class Member:
    """A plain file of a tar file, or a folder, or what is `refused` and why; `offset` is where its bytes begin."""

    name: str
    offset: int
    length: int
    is_folder: bool = False
    refused: str = ""


class DamagedTarError(ValueError):
    """Says what is wrong with a tar file; what was read before it is good."""


def members(file: BinaryIO, size: int) -> Iterator[Member]:
    """One after the other; a DamagedTarError where the file does not go on as a tar file of `size` bytes would."""
    _refuse_compressed(file)
    position, long_name, records = 0, None, {}
    while True:
        header = _header(file, position, size)
        if header is None:
            break
        data, length = position + BLOCK, _size(header, records, position)
        position = data + -(-length // BLOCK) * BLOCK
        if data + length > size:
            raise DamagedTarError(f"it is cut off in {header.name}, at byte {size:,} of {data + length:,}")
        if header.type == LONG_NAME:
            long_name = _extension(file, data, length).rstrip(b"\0").decode("utf-8", "surrogateescape")
        elif header.type == PAX:
            records = _records(_extension(file, data, length))
        elif header.type not in (LONG_LINK, PAX_OF_ALL):
            name = records.get("path") or long_name or header.name
            yield Member(name, data, length, header.isdir(), _refusal(header, records))
            long_name, records = None, {}
    _check_tail(file, position + BLOCK, size)


def _header(file: BinaryIO, position: int, size: int) -> tarfile.TarInfo | None:
    """The header at this place; None at the end mark."""
    file.seek(position)
    block = file.read(BLOCK)
    if len(block) < BLOCK:
        where = "without the end mark of a tar file" if position else "before its first member"
        raise DamagedTarError(f"it ends after {size:,} bytes, {where}: it may have been cut off")
    try:
        return tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")  # type: ignore[arg-type]
    except tarfile.EOFHeaderError:  # pyright: ignore[reportAttributeAccessIssue]
        return None
    except (tarfile.HeaderError, ValueError, OverflowError) as error:
        what = "what follows is not read" if position else "is it a tar file?"
        raise DamagedTarError(f"at byte {position:,} there is no header of a tar file ({error}); {what}") from error


def _size(header: tarfile.TarInfo, records: dict[str, str], position: int) -> int:
    """Of the member's bytes; links and devices have none, whatever they say."""
    try:
        size = int(records.get("size", header.size)) if header.type not in (LONG_NAME, PAX) else header.size
    except ValueError:
        size = -1
    if not 0 <= size < 2**62:
        raise DamagedTarError(f"the header at byte {position:,} names an impossible size; what follows is not read")
    return 0 if header.type in b"123456" else size


def _extension(file: BinaryIO, offset: int, length: int) -> bytes:
    if length > MOST_EXTENSION_BYTES:
        raise DamagedTarError(
            f"the extended header at byte {offset - BLOCK:,} has {length:,} bytes, more than {MOST_EXTENSION_BYTES:,}; "
            "what follows is not read"
        )
    file.seek(offset)
    return file.read(length)


def _records(content: bytes) -> dict[str, str]:
    """The records `length key=value` of a PAX header, until one that is none."""
    records: dict[str, str] = {}
    start = 0
    while start < len(content):
        digits, space, _ = content[start : start + 20].partition(b" ")
        length = int(digits) if digits.isdigit() else 0
        key, equals, value = content[start + len(digits) + 1 : start + length - 1].partition(b"=")
        if not space or not equals or length <= len(digits) + 2:
            break
        records[key.decode("utf-8", "replace")] = value.decode("utf-8", "surrogateescape")
        start += length
    return records


def _refusal(header: tarfile.TarInfo, records: dict[str, str]) -> str:
    if any(key.startswith("GNU.sparse.") for key in records):
        return KINDS[b"S"]
    if header.type in KINDS:
        return KINDS[header.type]
    return "" if header.isfile() or header.isdir() else f"of the unknown kind {header.type!r}"


def _check_tail(file: BinaryIO, position: int, size: int) -> None:
    """Refuse what stands behind the end mark: other tar files that were appended, or rubbish."""
    file.seek(min(position, size))
    if file.read(TAIL_BYTES).strip(b"\0"):
        raise DamagedTarError(
            f"{size - position:,} bytes follow its end mark and are not read: where tar files were joined by `cat`, "
            "join them with `tar --concatenate`"
        )


def _refuse_compressed(file: BinaryIO) -> None:
    file.seek(0)
    start = file.read(8)
    for magic, (name, command) in COMPRESSED.items():
        if start.startswith(magic):
            raise DamagedTarError(
                f"it is compressed with {name}, so that no picture can be found by its place: {command} it"
            )
