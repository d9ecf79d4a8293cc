"""How an export compares with the checkpoint that it is of: size, and seconds until it is loaded."""

import subprocess
import sys
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from diptych.config.errors import UserError

LOADING = """
import sys, time
import torch
before = time.process_time()
import diptych
diptych.load(sys.argv[1], trust=sys.argv[2:])
print(time.process_time() - before)
"""


@dataclass(frozen=True)
class Comparison:
    """Bytes of both; CPU seconds of loading each in a fresh process, beyond the import of torch."""

    checkpoint_bytes: int
    export_bytes: int
    checkpoint_load_seconds: float
    export_load_seconds: float

    def lines(self) -> list[str]:
        """For people."""
        own, whole = self.export_bytes / 1e6, self.checkpoint_bytes / 1e6
        seconds, of_whole = self.export_load_seconds, self.checkpoint_load_seconds
        return [
            f"size: {own:.2f} MB; the checkpoint has {whole:.2f} MB",
            f"loading, beyond torch: {seconds:.2f} CPU seconds; the checkpoint takes {of_whole:.2f}",
        ]

    def values(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)


def compared(checkpoint: Path, export: Path, trust: Collection[str] = ()) -> Comparison:
    """The comparison; each is loaded once, in a process of its own."""
    size = sum(path.stat().st_size for path in export.rglob("*") if path.is_file())
    seconds = (seconds_to_load(path, trust) for path in (checkpoint, export))
    return Comparison(checkpoint.stat().st_size, size, *seconds)


def seconds_to_load(path: Path, trust: Collection[str] = ()) -> float:
    """CPU seconds until `diptych.load` has come back, in a fresh process."""
    command = [sys.executable, "-c", LOADING, str(path), *trust]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"{path} cannot be loaded in a fresh process:\n{done.stderr.strip().splitlines()[-1]}")
    return float(done.stdout.split()[-1])
