"""What a run has cost so far, over all its starts: processor time and memory, as its status carries them on."""

import os
from typing import Any

from diptych.callbacks.core_time import core_seconds, peak_memory_mib
from diptych.runs.folder.status import Status, birth_of


def cost_before(status: Status) -> dict[str, Any]:
    """What earlier starts have cost, as a new one begins; unknown where an older version began the run."""
    spent = status.core_seconds if status.started else 0.0
    return {"core_seconds": spent, "core_clock": core_seconds(), "peak_memory_mib": status.peak_memory_mib}


def cost_since(status: Status) -> dict[str, Any]:
    """What the run has cost by now, of whose present start this process wrote the status."""
    if status.core_seconds is None or (status.pid, status.born) != (os.getpid(), birth_of(os.getpid())):
        return {name: getattr(status, name) for name in ("core_seconds", "core_clock", "peak_memory_mib")}
    clock = core_seconds()
    return {
        "core_seconds": status.core_seconds + clock - status.core_clock,
        "core_clock": clock,
        "peak_memory_mib": max(status.peak_memory_mib or 0.0, peak_memory_mib()),
    }
