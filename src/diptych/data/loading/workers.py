"""How many cores this process may use: what a cluster gives a job, not what the machine has."""

import os


def usable_cores() -> int:
    """At least one."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
