"""How an export compares with the checkpoint that it is of: size, and seconds until it is loaded."""

import subprocess
import sys
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from diptych.config.errors import UserError
from diptych.reports.export.formats import LOAD_RUN, Format

LOADING = "import sys\n{loading}\nprint(time.process_time() - before)"


@dataclass(frozen=True)
class Comparison:
    """Bytes of both; CPU seconds of loading each in a fresh process; of weights beyond the import of torch."""

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
            f"loading: {seconds:.2f} CPU seconds; the checkpoint takes {of_whole:.2f} beyond torch",
        ]

    def values(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)


def compared(checkpoint: Path, export: Path, to: Format, trust: Collection[str] = ()) -> Comparison:
    """The comparison; each is loaded once, in a process of its own."""
    size = sum(path.stat().st_size for path in export.rglob("*") if path.is_file())
    seconds = (seconds_to_load(path, how, trust) for path, how in ((checkpoint, LOAD_RUN), (export, to.loading)))
    return Comparison(checkpoint.stat().st_size, size, *seconds)


def seconds_to_load(path: Path, loading: str, trust: Collection[str] = ()) -> float:
    """CPU seconds that this program says loading took, in a fresh process."""
    command = [sys.executable, "-c", LOADING.format(loading=loading), str(path), *trust]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"{path} cannot be loaded in a fresh process:\n{done.stderr.strip().splitlines()[-1]}")
    return float(done.stdout.split()[-1])
