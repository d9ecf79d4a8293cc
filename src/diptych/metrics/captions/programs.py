"""Programs of others, run to their end or talked to line by line, and never longer than their time.

Each has a session of its own, so that what it starts in turn ends with it; what it complains goes to a file, because a
full pipe would stop it for ever. Nothing here waits for a pipe without an eye on the clock.
"""

import os
import selectors
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from time import monotonic
from typing import IO

LAST_WORDS = 300
LOOK_EVERY_SECONDS = 1.0
AT_ONCE = 1 << 16


class ProgramFailed(Exception):
    """Why a program did not do what it was asked."""


def complaints_of(command: Sequence[str], limit: float) -> str:
    """Run it to its end, and return what it wrote to standard error."""
    with tempfile.TemporaryFile() as complaints:
        with _running(command, subprocess.DEVNULL, complaints) as program:
            try:
                code = program.wait(limit)
            except subprocess.TimeoutExpired as late:
                raise _too_late(limit) from late
        if code:
            raise ProgramFailed(f"the program failed: {_last_words(complaints)}")
        complaints.seek(0)
        return complaints.read().decode(errors="replace")


@contextmanager
def conversation(command: Sequence[str], limit: float) -> Iterator["Conversation"]:
    """With the program, which is ended afterwards; its silence becomes a `ProgramFailed` that says why."""
    with tempfile.TemporaryFile() as complaints, _running(command, subprocess.PIPE, complaints) as program:
        try:
            yield Conversation(program, monotonic() + limit)
        except TimeoutError as late:
            raise _too_late(limit) from late
        except EOFError as ended:
            raise ProgramFailed(f"the program ended: {_last_words(complaints)}") from ended


class Conversation:
    """Lines to a program and from it. It is asked while it is read, so that neither side waits for the other."""

    def __init__(self, program: subprocess.Popen[bytes], deadline: float) -> None:
        assert program.stdin
        assert program.stdout
        self._to, self._from = program.stdin.fileno(), program.stdout.fileno()
        self._deadline = deadline
        self._unsaid, self._heard = b"", b""
        os.set_blocking(self._to, False)

    def answers(self, questions: Sequence[str], number: int) -> list[str]:
        """The program's next lines; EOFError when it falls silent before, TimeoutError when it takes too long."""
        self._unsaid += "".join(question + "\n" for question in questions).encode()
        with selectors.DefaultSelector() as selector:
            selector.register(self._from, selectors.EVENT_READ)
            selector.register(self._to, selectors.EVENT_WRITE)
            missing = number - self._heard.count(b"\n")
            while missing > 0:
                missing -= self._exchange(selector)
        *lines, self._heard = self._heard.split(b"\n", number)
        return [line.decode(errors="replace").strip() for line in lines]

    def _exchange(self, selector: selectors.BaseSelector) -> int:
        """Say and hear what can be said and heard now; returns how many more lines there are."""
        left = self._deadline - monotonic()
        if left <= 0:
            raise TimeoutError
        lines = 0
        for key, _ in selector.select(min(left, LOOK_EVERY_SECONDS)):
            if key.fd == self._from:
                lines += self._hear()
            elif not self._say():
                selector.unregister(self._to)
        return lines

    def _hear(self) -> int:
        heard = os.read(self._from, AT_ONCE)
        if not heard:
            raise EOFError
        self._heard += heard
        return heard.count(b"\n")

    def _say(self) -> bool:
        """Whether there may be more to say."""
        try:
            said = os.write(self._to, self._unsaid[:AT_ONCE])
        except BlockingIOError:
            return True
        except OSError:  # the program listens no more, which shows when its answers are read
            return False
        self._unsaid = self._unsaid[said:]
        return bool(self._unsaid)


@contextmanager
def _running(command: Sequence[str], pipe: int, complaints: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """The program in a session of its own, of which nothing is left afterwards; `pipe` is for both directions."""
    try:
        started = subprocess.Popen(
            command, bufsize=0, stdin=pipe, stdout=pipe, stderr=complaints, start_new_session=True
        )
    except OSError as error:
        raise ProgramFailed(f"{command[0]} cannot be run: {error.strerror}") from error
    with started as program:
        try:
            yield program
        finally:
            with suppress(ProcessLookupError, PermissionError):  # macOS: there are only dead ones
                os.killpg(program.pid, signal.SIGKILL)


def _too_late(limit: float) -> ProgramFailed:
    return ProgramFailed(f"not done after {limit:g} seconds")


def _last_words(complaints: IO[bytes]) -> str:
    complaints.seek(0)
    return complaints.read().decode(errors="replace")[-LAST_WORDS:].strip()
