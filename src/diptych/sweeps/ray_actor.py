"""The Ray actor that holds a run's process on a node of the cluster."""

import ctypes
import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from diptych.sweeps.starts import Start

DEVICES = "CUDA_VISIBLE_DEVICES"
"""Ray assigns GPUs to an actor by this variable."""
SET_PARENT_DEATH_SIGNAL = 1
"""PR_SET_PDEATHSIG of prctl(2)."""


class RunActor:
    """Starts a run's process in `folder`, with the supervisor's environment. The process dies with the actor."""

    def __init__(self, start: Start, environment: Mapping[str, str], folder: Path) -> None:
        os.chdir(folder)
        start.log.parent.mkdir(parents=True, exist_ok=True)
        devices = {DEVICES: os.environ[DEVICES]} if DEVICES in os.environ else {}
        whole = {**environment, **devices}
        libc = ctypes.CDLL(None)
        with start.log.open("ab") as log:
            self.process = subprocess.Popen(
                start.command(),
                env=whole,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=lambda: libc.prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL),
            )

    def code(self) -> int | None:
        """The exit code, negative for a signal; None while the process runs."""
        return self.process.poll()

    def stop(self) -> None:
        """Ask the run to save and end."""
        if self.process.poll() is None:
            self.process.terminate()
