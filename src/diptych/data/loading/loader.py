"""A DataLoader with its own random generator and a plain message if a worker process dies."""

import atexit
import multiprocessing
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any

import torch
from torch.utils.data import DataLoader

from diptych.data.example import ExampleRequest, Examples
from diptych.data.loading.collate import Collate

EXIT_SECONDS = 1.0
RUN_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
"""Terminals and clusters send these signals to the whole process group; only the run handles them."""


class Loader(DataLoader):
    """Batches of the requested `examples`; the same for any number of workers.

    Iterating draws nothing from torch's global generator, so data loading does not change a run's random numbers.
    `waited_seconds` is how long all batches but the first of each iteration were waited for.
    """

    def __init__(
        self,
        examples: Examples,
        requests: Iterable[list[ExampleRequest]],
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
            worker_init_fn=_init_worker,
        )
        self.waited_seconds = 0.0
        if num_workers:
            atexit.register(end_workers)

    def __iter__(self) -> Any:
        with _run_signals_blocked():
            iterator = super().__iter__()  # workers ignore the signals even while they start
        try:
            yield from self._timed(iterator)
        except (RuntimeError, OSError, EOFError) as error:
            died = _deaths(getattr(iterator, "_workers", ()))
            if not died:
                raise
            raise RuntimeError(
                f"a data worker died ({died}). Signal 9 usually means that memory ran out: reduce data.batch_size or "
                f"data.num_workers (now {self.num_workers}); data.num_workers=0 shows an error where it occurs"
            ) from error

    def _timed(self, batches: Iterator[Any]) -> Iterator[Any]:
        yield from islice(batches, 1)  # workers start meanwhile
        while True:
            start = time.monotonic()
            batch = next(batches, None)
            self.waited_seconds += time.monotonic() - start
            if batch is None:
                return
            yield batch


@contextmanager
def _run_signals_blocked() -> Iterator[None]:
    """Processes started meanwhile receive none of these signals; this process receives them afterwards."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, RUN_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _init_worker(_worker: int) -> None:
    """Use one thread and ignore signals: the run handles them and needs its workers until it has saved."""
    torch.set_num_threads(1)
    for number in RUN_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def end_workers() -> None:
    """Kill the remaining data workers, since they ignore other signals.

    Python waits for them when it exits, which would last for ever.
    """
    in_main = threading.current_thread() is threading.main_thread()
    handler = signal.signal(signal.SIGCHLD, signal.SIG_DFL) if in_main else None  # torch's handler raises at each death
    for worker in multiprocessing.active_children():
        if worker.daemon:
            worker.kill()
            worker.join()
    if in_main:
        signal.signal(signal.SIGCHLD, handler or signal.SIG_DFL)


def _deaths(workers: Iterable[Any]) -> str:
    """How workers died, if any did; it waits a moment for their exit codes."""
    deadline = time.monotonic() + EXIT_SECONDS
    while workers and time.monotonic() < deadline:
        with suppress(RuntimeError):  # torch raises its own error when the system reports a death
            died = [worker for worker in workers if worker.exitcode]
            if died:
                return ", ".join(f"process {worker.pid} {_ending(worker.exitcode)}" for worker in died)
            time.sleep(0.01)
    return ""


def _ending(exitcode: int) -> str:
    return f"killed by signal {-exitcode}" if exitcode < 0 else f"exit code {exitcode}"
