"""The sweep that tests of clusters carry out, slow enough for kills and preemption."""

from pathlib import Path

GRID = ["--sweep", "lr", "budget_images=3200", "callbacks.checkpoints.every_images=320"]


def paused(seconds: float) -> str:
    """An override that makes each of a run's hundred steps longer by this time."""
    return f"+callbacks.pause={{_target_: tinyparts.Pause, seconds: {seconds}}}"


def said(folder: Path) -> str:
    """The output of the sweep's supervisors."""
    return (folder / "said.txt").read_text()
