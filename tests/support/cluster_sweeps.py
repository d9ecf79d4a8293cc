"""The sweep that tests of clusters carry out, in ways that leave time for misfortunes."""

from pathlib import Path

GRID = ["--sweep", "lr", "budget_images=3200", "callbacks.checkpoints.every_images=320"]


def paused(seconds: float) -> str:
    """An override that makes each of a run's hundred steps take so much longer."""
    return f"+callbacks.pause={{_target_: tinyparts.Pause, seconds: {seconds}}}"


def said(folder: Path) -> str:
    """What the supervisors of the sweep have said."""
    return (folder / "said.txt").read_text()
