"""How much memory a process and all that it has started take, as the kernel tells it in /proc."""

from pathlib import Path

GIGABYTE = 2**30
PROCESSES = Path("/proc")


def session_memory_gb(session: int) -> float:
    """Of all processes of a session together. Pages that several share are counted once (proportional set size)."""
    return sum(_proportional_bytes(process) for process in _members(session)) / GIGABYTE


def _members(session: int) -> list[Path]:
    """Processes of the session, those of its leader's children that have not left it included."""
    return [path for path in PROCESSES.glob("[0-9]*") if _session_of(path) == session]


def _session_of(process: Path) -> int:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[3])
    except (OSError, IndexError):  # it has ended meanwhile
        return -1


def _proportional_bytes(process: Path) -> int:
    try:
        lines = (process / "smaps_rollup").read_text().splitlines()
    except OSError:  # it has ended meanwhile, or is not ours to look at
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
