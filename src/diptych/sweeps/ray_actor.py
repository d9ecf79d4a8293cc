"""What stands on a node of a Ray cluster for a run: an actor that keeps its process."""

import ctypes
import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from diptych.sweeps.starts import Start

DEVICES = "CUDA_VISIBLE_DEVICES"
"""Ray tells an actor by this variable which GPUs are its own."""
SET_PARENT_DEATH_SIGNAL = 1
"""PR_SET_PDEATHSIG of prctl(2)."""


class Keeper:
    """A run's process, begun in `folder` with the supervisor's environment. It does not outlive the keeper."""

    def __init__(self, start: Start, environment: Mapping[str, str], folder: Path) -> None:
        os.chdir(folder)
        start.log.parent.mkdir(parents=True, exist_ok=True)
        devices = {DEVICES: os.environ[DEVICES]} if DEVICES in os.environ else {}
        whole = {**environment, **devices}
        libc = ctypes.CDLL(None)
        with start.log.open("ab") as said:
            self.process = subprocess.Popen(
                start.command(),
                env=whole,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
                preexec_fn=lambda: libc.prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL),
            )

    def code(self) -> int | None:
        """The exit code, negative for a signal; None while the process lives."""
        return self.process.poll()

    def stop(self) -> None:
        """Ask it to save and end."""
        if self.process.poll() is None:
            self.process.terminate()
