"""A DataLoader with its own randomness, which says in plain words when a worker process dies."""

import atexit
import multiprocessing
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch.utils.data import DataLoader

from diptych.data.collate import Collate
from diptych.data.example import Examples, Request

SECONDS_TO_DIE = 1.0
MEANT_FOR_THE_RUN = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
"""A terminal and a cluster send these to a whole group of processes."""


class Loader(DataLoader):
    """Batches of `examples` as `requests` ask for them; the same for any number of workers.

    Iterating draws nothing from torch's global generator, so that data loading leaves a run's randomness alone.
    """

    def __init__(
        self,
        examples: Examples,
        requests: Iterable[list[Request]],
        *,
        collate: Collate,
        num_workers: int,
        persistent_workers: bool = False,
    ) -> None:
        super().__init__(
            examples,  # pyright: ignore[reportArgumentType] — indexed by requests, not by numbers
            batch_sampler=requests,  # pyright: ignore[reportArgumentType]
            collate_fn=collate,
            num_workers=num_workers,
            persistent_workers=persistent_workers and num_workers > 0,
            pin_memory=torch.cuda.is_available(),
            generator=torch.Generator(),
            worker_init_fn=_begin_work,
        )
        if num_workers:
            atexit.register(end_workers)

    def __iter__(self) -> Any:
        with _held_back():
            iterator = super().__iter__()  # workers are deaf from the beginning, and not only once they have begun
        try:
            yield from iterator
        except (RuntimeError, OSError, EOFError) as error:
            died = _deaths(getattr(iterator, "_workers", ()))
            if not died:
                raise
            raise RuntimeError(
                f"a data worker died ({died}). Signal 9 usually means that memory ran out: lower data.batch_size or "
                f"data.num_workers (now {self.num_workers}); with data.num_workers=0 an error shows where it happens"
            ) from error


@contextmanager
def _held_back() -> Iterator[None]:
    """What is begun meanwhile hears none of these signals; this process hears them afterwards."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, MEANT_FOR_THE_RUN)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin_work(_worker: int) -> None:
    """One thread; and signals are for the run to answer, which goes on with its workers until it has saved."""
    torch.set_num_threads(1)
    for number in MEANT_FOR_THE_RUN:
        signal.signal(number, signal.SIG_IGN)


def end_workers() -> None:
    """End what is left of data workers, at once: nobody wants their batches any more, and they mind no other signal.

    Waiting for them instead, as Python does when it exits, would last for ever.
    """
    in_main = threading.current_thread() is threading.main_thread()
    handler = signal.signal(signal.SIGCHLD, signal.SIG_DFL) if in_main else None  # torch would raise at every death
    for worker in multiprocessing.active_children():
        if worker.daemon:
            worker.kill()
            worker.join()
    if in_main:
        signal.signal(signal.SIGCHLD, handler or signal.SIG_DFL)


def _deaths(workers: Iterable[Any]) -> str:
    """How those of the processes ended that did not end by themselves; a moment passes until that is known."""
    deadline = time.monotonic() + SECONDS_TO_DIE
    while workers and time.monotonic() < deadline:
        with suppress(RuntimeError):  # torch raises one of its own, wherever we are, when the system reports a death
            died = [worker for worker in workers if worker.exitcode]
            if died:
                return ", ".join(f"process {worker.pid} {_ending(worker.exitcode)}" for worker in died)
            time.sleep(0.01)
    return ""


def _ending(exitcode: int) -> str:
    return f"killed by signal {-exitcode}" if exitcode < 0 else f"exit code {exitcode}"
