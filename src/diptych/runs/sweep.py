"""Several runs one after another, each in a fresh process, with a link to each in the sweep's folder.

A failed run does not stop the others; a signal reaches the run in hand, which saves, and ends the sweep.
"""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from diptych.config.resolvers import timed_id
from diptych.runs.identity import RUN_ID_VARIABLE
from diptych.runs.stopping import Stopped

log = logging.getLogger(__name__)


class SweepFailed(RuntimeError):
    """At least one run of a sweep did not end well."""


def run_each(jobs: Sequence[Sequence[str]], folder: Path, outputs: Path) -> None:
    """`diptych train` for each job's arguments; raises at the end if any failed, and at once if told to stop."""
    folder.mkdir(parents=True, exist_ok=True)
    failures = []
    for number, arguments in enumerate(jobs, start=1):
        run_id = timed_id()
        log.info("[%d/%d] %s  %s", number, len(jobs), run_id, " ".join(arguments))
        code = train_in_process(arguments, run_id)
        _link(folder, outputs, run_id)
        if code:
            failures.append(f"{run_id} (exit code {code})")
            log.warning("[%d/%d] %s ended with exit code %d", number, len(jobs), run_id, code)
    if failures:
        raise SweepFailed(f"{len(failures)} of {len(jobs)} runs failed: {', '.join(failures)}; see their log.txt")


def train_in_process(arguments: Sequence[str], run_id: str, stdout: TextIO | None = None) -> int:
    """`diptych train` in a process of its own, and its exit code.

    Signals are passed on; `Stopped` is raised once the run has saved. What the run says goes to `stdout`, if given.
    """
    return _in_process(["train", *arguments], {RUN_ID_VARIABLE: run_id}, stdout)


def resume_in_process(run: Path, stdout: TextIO | None = None) -> int:
    """`diptych resume` of a run's folder; otherwise as `train_in_process`."""
    return _in_process(["resume", str(run)], {}, stdout)


def _in_process(arguments: Sequence[str], variables: Mapping[str, str], stdout: TextIO | None) -> int:
    command = [sys.executable, "-m", "diptych", *arguments]
    environment = {**os.environ, **variables}
    process = subprocess.Popen(command, env=environment, start_new_session=True, stdout=stdout)
    received: list[int] = []

    def pass_on(signum: int, frame: object) -> None:
        received.append(signum)
        process.send_signal(signum)

    previous = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        code = process.wait()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    if received:
        raise Stopped(received[0])
    return code


def _link(folder: Path, outputs: Path, run_id: str) -> None:
    for run in outputs.glob(f"*/{run_id}"):
        (folder / run_id).symlink_to(os.path.relpath(run, folder), target_is_directory=True)
