"""Text files line by line, whatever their encoding says of itself, and text that is fit to be read on.

A byte order mark names UTF-8, UTF-16 or UTF-32; a file without one is UTF-8. Compressed files (gzip) are read too. Only
LF and CR LF end a line, never U+2028 or U+0085, which may stand inside a caption; CR alone does in a file without LF.
"""

import codecs
import gzip
import io
import re
import unicodedata
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TextIO, cast

from diptych.data.caption_files.foreign import refuse_binary

GZIP_START = b"\x1f\x8b"
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
START_BYTES = 1 << 16
HALVES = "surrogatepass"
"""Half characters are read, so that `fault_of` names their line and the other lines stay."""

LATIN = "cp1252"
OTHER_SCRIPTS = (
    *("cp1251", "koi8_r", "cp1253", "cp1255", "cp1256"),
    *("gb18030", "big5", "cp932", "euc_jp", "cp949"),
)
SURROGATE = re.compile("[\ud800-\udfff]")
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")


def text_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines that are not blank, with their numbers from 1 and without their ends."""
    with _open(path) as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield number, line.rstrip("\r\n")


def read_text(path: Path) -> str:
    """The whole file."""
    with _open(path) as file:
        return file.read()


def read_start(path: Path) -> str:
    """The first characters of the file, enough to know its format by."""
    with _open(path) as file:
        return file.read(START_BYTES)


def fault_of(text: str) -> str | None:
    """Why the text cannot be told on to networks, files and trackers; None if it can."""
    if text.isascii() and text.isprintable():
        return None
    if found := SURROGATE.search(text):
        return f"holds half a character, {found[0]!a}"
    if found := CONTROL.search(text):
        return f"holds the control character U+{ord(found[0]):04X}"
    return None


def is_blank(text: str) -> bool:
    """Whether there is nothing to be seen in the text: only spaces and format characters (Unicode's Cf)."""
    return all(character.isspace() or unicodedata.category(character) == "Cf" for character in text)


def printable(name: str) -> str:
    """The name as a terminal and a file can hold it: half characters and control characters as escapes."""
    return name if fault_of(name) is None else repr(name)[1:-1]


@contextmanager
def _open(path: Path) -> Iterator[TextIO]:
    """The file as text; whatever goes wrong on the way is a ValueError that names the file and the fix."""
    encoding = ""
    try:
        start = _first_bytes(path)
        refuse_binary(path, start)
        encoding = next((name for mark, name in BYTE_ORDER_MARKS if start.startswith(mark)), "utf-8")
        _refuse_unmarked_utf16(path, start, encoding)
        with _bytes(path) as file:
            yield io.TextIOWrapper(cast(IO[bytes], file), encoding, HALVES, newline=_line_end(start, encoding))
    except UnicodeDecodeError as error:
        marked = f"its byte order mark says {encoding.upper()}, but it is damaged ({error.reason}); save it as UTF-8"
        reason = _wrong_encoding(path) if encoding == "utf-8" else marked
        raise ValueError(f"{path} cannot be read: {reason}") from error
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _bytes(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        is_compressed = file.read(2) == GZIP_START
    return cast(IO[bytes], gzip.open(path) if is_compressed else path.open("rb"))


def _first_bytes(path: Path) -> bytes:
    with _bytes(path) as file:
        return file.read(START_BYTES)


def _line_end(start: bytes, encoding: str) -> str:
    text = start.decode(encoding, errors="ignore")
    return "\r" if "\r" in text and "\n" not in text else "\n"


def _refuse_unmarked_utf16(path: Path, start: bytes, encoding: str) -> None:
    """Text in Latin letters has a zero in every other byte there."""
    if encoding != "utf-8" or start.count(0) <= len(start) / 4:
        return
    order = "LE" if start[1::2].count(0) >= start[::2].count(0) else "BE"
    raise ValueError(f"{path} cannot be read: it has no byte order mark, but looks like {_fix(f'UTF-16{order}', path)}")


def _wrong_encoding(path: Path) -> str:
    """The first line that is not UTF-8, and the encoding that it looks like."""
    with _bytes(path) as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode("utf-8", HALVES)
            except UnicodeDecodeError as error:
                sample = [line, *(other for other in file.readlines(START_BYTES) if not other.isascii())]
                return (
                    f"line {number} is not UTF-8 (the byte 0x{line[error.start]:02x} after {_before(line, error)!r}); "
                    f"the file looks like {_fix(_likely(b''.join(sample)), path)}"
                )
    return "it is not UTF-8; save it as UTF-8"


def _likely(sample: bytes) -> str:
    """A guess: languages in Latin letters have few bytes above 127; the statistics of letters tell the others apart."""
    from charset_normalizer import from_bytes

    num_high = sum(byte > 127 for byte in sample)
    if num_high < (num_high + len(re.findall(b"[A-Za-z]", sample))) / 4:
        return LATIN
    guess = from_bytes(sample, cp_isolation=[LATIN, *OTHER_SCRIPTS]).best()
    return guess.encoding if guess else LATIN


def _before(line: bytes, error: UnicodeDecodeError) -> str:
    return line[max(0, error.start - 20) : error.start].decode("utf-8", errors="ignore")


def _fix(encoding: str, path: Path) -> str:
    name = encoding.upper().replace("_", "-")
    also = f" (Windows-{name[2:]})" if re.fullmatch("CP125[0-9]", name) else ""
    return f"{name}{also}: save it as UTF-8, for example with `iconv -f {name} -t UTF-8 {path.name}`"
