"""The error of the process that raised first, among those of all processes of a run.

One error makes the other processes fail too: their connections break. So each process notes its error in the run's
folder as soon as it is raised, before its connections close. An error that is only of a broken connection counts where
there is no other.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import Self

import torch.distributed as dist

from diptych.runs.folder.files import write_whole
from diptych.runs.folder.layout import RunFolder

OF_A_CONNECTION = ("gloo", "nccl", "closed by peer", "reset by peer", "connection refused", "broken pipe")


@dataclass(frozen=True)
class NotedError:
    """An error of one process; `kind` is its class, `moment` when it was raised, in seconds."""

    rank: int
    moment: float
    kind: str
    text: str
    is_of_a_connection: bool

    @classmethod
    def of(cls, error: Exception, rank: int) -> Self:
        """The error, raised now."""
        text = next(iter(str(error).splitlines()), "")
        return cls(rank, time.time(), type(error).__name__, text, is_of_a_connection(error))

    def __str__(self) -> str:
        return f"process {self.rank} of this run failed: {self.kind}: {self.text}"


@contextmanager
def noted_errors(folder: RunFolder, rank: int) -> Iterator[None]:
    """While entered, an error of this process is noted, unless it was before."""
    try:
        yield
    except Exception as error:
        path = folder.rank_error(rank)
        with suppress(OSError):  # a full disk; the process's own log may have room
            if not path.exists():
                path.parent.mkdir(exist_ok=True)
                write_whole(path, json.dumps(asdict(NotedError.of(error, rank))))
        raise


def forget_errors(folder: RunFolder) -> None:
    """Remove the notes of an earlier start."""
    for path in folder.rank_errors():
        path.unlink(missing_ok=True)


def first_error(folder: RunFolder) -> NotedError | None:
    """The earliest error that is not of a connection, else the earliest of all; None if none is noted."""
    noted = [NotedError(**json.loads(path.read_text(encoding="utf-8"))) for path in folder.rank_errors()]
    return min(noted, key=lambda error: (error.is_of_a_connection, error.moment), default=None)


def is_of_a_connection(error: Exception) -> bool:
    """Whether the error says no more than that another process is gone."""
    if not isinstance(error, RuntimeError | OSError):
        return False
    return isinstance(error, dist.DistError) or any(word in str(error).lower() for word in OF_A_CONNECTION)
