"""Run a diptych command in its own process: pass signals on and return the exit code."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from diptych.runs.folder.identity import RUN_ID_VARIABLE
from diptych.runs.lifecycle.signals import Stopped


def train_in_process(arguments: Sequence[str], run_id: str, stdout: TextIO | None = None) -> int:
    """Run `diptych train` in its own process and return the exit code.

    Signals are passed on; `Stopped` is raised once the run has saved. `stdout` receives the run's output, if given.
    """
    return carry_out(["train", *arguments], {RUN_ID_VARIABLE: run_id}, stdout)


def resume_in_process(run: Path, stdout: TextIO | None = None) -> int:
    """Run `diptych resume` on a run's folder; otherwise as `train_in_process`."""
    return carry_out(["resume", str(run)], {}, stdout)


def carry_out(arguments: Sequence[str], variables: Mapping[str, str], stdout: TextIO | None = None) -> int:
    """Run any `diptych` command; otherwise as `train_in_process`."""
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
