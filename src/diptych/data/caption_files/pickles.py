"""Lists of names in pickles, as AttnGAN and its followers keep their splits."""

from pathlib import Path
from typing import Any

from diptych.data.caption_files.text import plain_file, shown
from diptych.data.plain_pickle import Allowed, read_pickle

MOST_BYTES = 16 << 20
MOST_INSTRUCTIONS = 400_000
"""A name takes two or three; COCO has 123,287 pictures."""

HARMLESS = (
    *("PROTO", "FRAME", "STOP", "MARK", "POP", "POP_MARK", "MEMOIZE", "NONE", "NEWTRUE", "NEWFALSE"),
    *("PUT", "BINPUT", "LONG_BINPUT", "GET", "BINGET", "LONG_BINGET"),
    *("EMPTY_LIST", "LIST", "APPEND", "APPENDS", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"),
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
)
"""Without dicts, which a list of names does not need: a key of nested tuples takes twice as long with each tuple."""

ALLOWED = Allowed(frozenset(HARMLESS), MOST_INSTRUCTIONS, most_tuples=MOST_INSTRUCTIONS)


def pickled_names(path: Path) -> list[str]:
    """The names in a pickled list; a ValueError says what the file is if it is none."""
    try:
        with plain_file(path) as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise ValueError(f"it has more than {MOST_BYTES >> 20} MB")
        return _names(read_pickle(content, ALLOWED))
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise ValueError(_refusal(path, str(error))) from error


def _refusal(path: Path, reason: str) -> str:
    return f"{path} is no pickled list of names: {shown(reason)}; write a text file with a name per line instead"


def _names(value: Any) -> list[str]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"it holds one {type(value).__name__}")
    names = [name.decode() if isinstance(name, bytes) else name for name in value]
    other = next((name for name in names if not isinstance(name, str)), None)
    if other is not None:
        raise ValueError(f"one of its names is of the type {type(other).__name__}")
    return names
