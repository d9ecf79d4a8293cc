"""The memory of a process and its children, from /proc."""

from pathlib import Path

GIGABYTE = 2**30
PROCESSES = Path("/proc")


def session_memory_gb(session: int) -> float:
    """The memory of all processes of a session; shared pages count once (proportional set size)."""
    return sum(_proportional_bytes(process) for process in _members(session)) / GIGABYTE


def _members(session: int) -> list[Path]:
    """The processes of the session, children included unless they left it."""
    return [path for path in PROCESSES.glob("[0-9]*") if _session_of(path) == session]


def _session_of(process: Path) -> int:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[3])
    except (OSError, IndexError):  # it has ended
        return -1


def _proportional_bytes(process: Path) -> int:
    try:
        lines = (process / "smaps_rollup").read_text().splitlines()
    except OSError:  # it has ended, or belongs to another user
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
