"""Learning curves against images and seconds, and the mean curve of a group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from diptych.metrics.statistics.seeds import student_t_bounds
from diptych.runs.folder.layout import RunFolder
from diptych.tracking import read_metrics

STAGE, PACE = "val/", "train/images_per_second"
POINTS = 60


@dataclass(frozen=True)
class Curve:
    """One run's validations: images, seconds of training, and values."""

    images: np.ndarray
    seconds: np.ndarray
    values: np.ndarray


@dataclass(frozen=True)
class Band:
    """The mean of curves where all are known, with Student's 95 % interval (none for one curve)."""

    x: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


def quality_name(runs: Sequence[RunFolder]) -> str | None:
    """The first run's monitor if every run logged it, else the first figure that all logged."""
    logged = [_finite_names(read_metrics(run.metrics)) for run in runs]
    common = [name for name in logged[0] if name.startswith(STAGE) and all(name in own for own in logged)]
    monitor = runs[0].read_config().get("monitor")
    return monitor if monitor in common else next(iter(common), None)


def _finite_names(rows: Sequence[Mapping[str, float]]) -> dict[str, None]:
    return dict.fromkeys(name for row in rows for name, value in row.items() if np.isfinite(value))


def curve_of(run: RunFolder, name: str) -> Curve:
    """The named figure at every validation."""
    rows = read_metrics(run.metrics)
    points = [(row["images"], row[name]) for row in rows if name in row and np.isfinite(row[name])]
    images, values = (np.array(column, dtype=np.float64) for column in zip(*points, strict=True))
    return Curve(images, training_seconds(rows, images), values)


def training_seconds(rows: Sequence[Mapping[str, float]], images: np.ndarray) -> np.ndarray:
    """Seconds of training up to each number of images, from the logged pace, without validations and start-up."""
    paced = [(row["images"], row[PACE]) for row in rows if row.get(PACE, 0) > 0]
    counts = np.array([0.0, *(count for count, _ in paced)])
    pace = np.array([rate for _, rate in paced])
    return np.interp(images, counts, np.concatenate([[0.0], np.cumsum(np.maximum(0, np.diff(counts)) / pace)]))


def band_of(lines: Sequence[tuple[np.ndarray, np.ndarray]]) -> Band:
    """The mean of lines of (x, y), interpolated between their points."""
    begin, end = max(x[0] for x, _ in lines), min(x[-1] for x, _ in lines)
    known = np.unique(np.concatenate([x for x, _ in lines]))
    same = all(len(x) == len(known) for x, _ in lines)
    x = known if same else np.linspace(begin, max(begin, end), POINTS)
    values = np.stack([np.interp(x, *line) for line in lines])
    mean = values.mean(axis=0)
    low, high = student_t_bounds(values.T) if len(lines) > 1 else (mean, mean)
    return Band(x, mean, low, high)
