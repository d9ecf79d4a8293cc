"""What any input may do: end soon, with rows, faults or one message that names the file, and start nothing.

Time is the CPU's. Memory is the growth of the process above what it had before the first input.
"""

import os
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from diptych.config.origin import is_message
from diptych.data.caption_files.text import fault_of

from .parser import Parser

MOST_SECONDS = 2.0
MOST_MEGABYTES = 200
MOST_MESSAGE = 2_000
FORBIDDEN = (
    *("os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen"),
    *("socket.connect", "pickle.find_class", "ctypes.dlopen"),
)
WRITING = os.O_WRONLY | os.O_RDWR
_watched: list[Path] = []


class Breach(BaseException):
    """Something was started, or written where nothing may be; no parser's `except Exception` hides it."""


def broken(parser: Parser, content: bytes, folder: Path, most_seconds: float = MOST_SECONDS) -> str:
    """Which part of the law the parser breaks for these bytes; "" for none."""
    path = folder / parser.file
    parser.put(path, content)
    start = time.process_time()
    try:
        with _watching(folder):
            parser.read(path)
    except ValueError as error:
        fault = _fault_of_message(error, path)
    except Breach as breach:
        fault = f"breach: {breach}"
    except Exception as error:
        fault = _where(error)
    else:
        fault = ""
    seconds = time.process_time() - start
    return fault or (f"slow: {seconds:.1f} s" if seconds > most_seconds else "")


def peak_megabytes() -> float:
    """The most memory that this process ever had."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def _fault_of_message(error: ValueError, path: Path) -> str:
    said = str(error)
    if not is_message(error):
        return _where(error)
    if path.name not in said and str(path.parent) not in said:
        return f"names no file: {said[:80]!r}"
    if len(said) > MOST_MESSAGE:
        return f"a message of {len(said):,} characters"
    if any(map(fault_of, said.splitlines())):
        return f"a message with control characters: {said[:120]!r}"
    return ""


def _where(error: BaseException) -> str:
    """The kind of the error and the last place of diptych's on its way."""
    place, traceback = "", error.__traceback__
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        if f"{os.sep}diptych{os.sep}" in file:
            place = f"{Path(file).name}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    return f"{type(error).__name__} at {place}: {str(error)[:100]}"


@contextmanager
def _watching(folder: Path) -> Iterator[None]:
    if not _watched:
        sys.addaudithook(_alarm)
    _watched[:] = [folder.resolve()]
    try:
        yield
    finally:
        _watched[:] = [Path("/")]


def _alarm(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watched or _watched[0] == Path("/"):
        return
    if event.startswith(FORBIDDEN):
        raise Breach(f"{event} {arguments!r:.100}")
    if event == "open" and isinstance(arguments[0], str | bytes) and (arguments[2] or 0) & WRITING:
        path = Path(os.fsdecode(arguments[0]))
        if not path.resolve().is_relative_to(_watched[0]) and path != Path(os.devnull):
            raise Breach(f"{path} is written")
