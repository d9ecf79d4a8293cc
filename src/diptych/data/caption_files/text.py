"""Text files line by line, whatever their encoding says of itself, and text that is fit to be read on.

A byte order mark names UTF-8, UTF-16 or UTF-32; a file without one is UTF-8. Compressed files (gzip) are read too. Only
LF and CR LF end a line, never U+2028 or U+0085, which may stand inside a caption; CR alone does in a file without LF.
"""

import codecs
import gzip
import io
import itertools
import re
import stat
import unicodedata
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
MARKED = tuple(mark for mark, _ in BYTE_ORDER_MARKS)
START_BYTES = 1 << 16
SHORT_BYTES = 1 << 20
"""At most, of a file with the captions of one picture."""

MOST_LINE = 1 << 24
"""Characters of a line: 16 million. A file without line ends would fill the memory with its first one."""

FREE_BYTES, MOST_TIMES = 1 << 21, 64
"""A compressed file may hold 2 MiB whatever its size, and more up to so many times its size. Text takes 3 to 20 times,
and a file that was made to fill a memory 1,000 times."""

SAMPLE_BYTES = 1 << 14
"""Of each line that shows which encoding it is in."""

MOST_SHOWN = 400
"""Characters of somebody else's text in a message."""

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
        for number in itertools.count(1):
            line = file.readline(MOST_LINE + 1)
            if not line:
                return
            if len(line) > MOST_LINE:
                raise ValueError(f"{path} cannot be read: line {number} has more than {MOST_LINE:,} characters")
            if line.strip():
                yield number, line.rstrip("\r\n")


def short_lines(path: Path) -> list[tuple[int, str]]:
    """As `text_lines`, of a small file that is not compressed; it is opened once, for there may be many of them."""
    try:
        with plain_file(path) as file:
            content = file.read(SHORT_BYTES + 1)
        if len(content) > SHORT_BYTES or content.startswith(GZIP_START):
            raise ValueError(f"it is no short text: it has more than {SHORT_BYTES:,} bytes, or is compressed")
        if content.startswith(MARKED) or b"\0" in content:
            return list(text_lines(path))
        text = content.decode("utf-8", HALVES)
    except UnicodeDecodeError:
        return list(text_lines(path))  # its message names the line and the likely encoding
    except OSError as error:
        raise ValueError(f"it cannot be read: {error.strerror or error}") from error
    lines = enumerate(text.split("\n" if "\n" in text else "\r"), start=1)
    return [(number, line.rstrip("\r")) for number, line in lines if line.strip()]


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


def shown(text: str, most: int = MOST_SHOWN) -> str:
    """The text as it may stand in a line of a message: not endless, and without control characters."""
    return printable(text if len(text) <= most else f"{text[:most]}…")


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


def plain_file(path: Path) -> IO[bytes]:
    """The file for reading; a ValueError for a pipe or a device, which would be waited for."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError(f"{path} cannot be read: it is no plain file")
    return path.open("rb")


def _bytes(path: Path) -> IO[bytes]:
    with plain_file(path) as file:
        is_compressed = file.read(2) == GZIP_START
    return cast(IO[bytes], _Unpacked(path) if is_compressed else path.open("rb"))


class _Unpacked(gzip.GzipFile):
    """A compressed file that must not hold much more than it is large."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.path = path
        self.left = max(FREE_BYTES, MOST_TIMES * path.stat().st_size)

    def read(self, size: int | None = -1) -> bytes:
        return self._counted(super().read(self.left + 1 if size is None or size < 0 else size))

    def read1(self, size: int = -1) -> bytes:
        return self._counted(super().read1(size))

    def readline(self, size: int | None = -1) -> bytes:
        return self._counted(super().readline(self.left + 1 if size is None or size < 0 else size))

    def _counted(self, content: bytes) -> bytes:
        self.left -= len(content)
        if self.left < 0:
            raise ValueError(
                f"{self.path} cannot be read: it unpacks to more than {MOST_TIMES} times its size; unpack it yourself "
                "if that is right"
            )
        return content


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
    with suppress(OSError, EOFError, zlib.error), _bytes(path) as file:  # a damaged file is none in any encoding
        for number, line in enumerate(file, start=1):
            try:
                line.decode("utf-8", HALVES)
            except UnicodeDecodeError as error:
                return _not_utf8(number, line, error, file, path)
    return "it is not UTF-8; save it as UTF-8"


def _not_utf8(number: int, line: bytes, error: UnicodeDecodeError, file: IO[bytes], path: Path) -> str:
    near = line[max(0, error.start - SAMPLE_BYTES) : error.start + SAMPLE_BYTES]
    others = [other[:SAMPLE_BYTES] for other in file.readlines(SAMPLE_BYTES) if not other.isascii()]
    return (
        f"line {number} is not UTF-8 (the byte 0x{line[error.start]:02x} after {_before(line, error)!r}); "
        f"the file looks like {_fix(_likely(b''.join([near, *others])), path)}"
    )


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
