"""Fake sweeps: only their small files, written by the classes that write real ones."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from diptych.evaluation.results import Evaluation, Figure, save
from diptych.runs.folder.layout import RunFolder
from diptych.runs.folder.status import DONE, Status
from diptych.sweeps.folder import SWEEPS, SweepFolder

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
MONITOR = "val/scene_accuracy"


@dataclass
class FakeRun:
    """A run whose best validation is `best`; `test_result` is from an evaluation on the test split."""

    arguments: Sequence[str]
    best: float | None = None
    state: str = DONE
    why: str = ""
    curve: Sequence[float] = ()
    others: Mapping[str, Sequence[float]] = field(default_factory=dict)
    seconds: float = 10.0
    images: int = 1000
    test_result: float | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    has_folder: bool = True


def fake_sweep(
    outputs: Path, name: str, runs: Sequence[FakeRun], *, mode: str = "max", monitor: Any = MONITOR
) -> SweepFolder:
    """Write the folders of a finished sweep and of its runs."""
    folder = SweepFolder(outputs / SWEEPS / name, outputs)
    folder.path.mkdir(parents=True)
    folder.write_request({"command": ["diptych", "train", "-m", "--sweep", name], "at_a_time": 1, "commit": "0" * 40})
    for number, run in enumerate(runs):
        run_id = f"20260101-000000-{name[:3]}{number:03d}"
        plan = {"run_id": run_id, "arguments": list(run.arguments), "threads": 1, **run.extra}
        folder.ledger.append("planned", job=number, **plan)
        if run.state == "queued":
            continue
        folder.ledger.append("started", job=number, handle="1:x", slot=0)
        if run.state != "running":
            folder.ledger.append("ended", job=number, state=run.state, why=run.why, progress=1, code=0)
        if run.has_folder:
            _write(outputs, run_id, run, {"monitor": monitor, "mode": mode})
            folder.link(RunFolder(outputs / "fake" / run_id))
    return folder


def grid(outputs: Path, name: str, figures: Mapping[str, Sequence[float]], **rest: Any) -> SweepFolder:
    """A sweep with one run per value, whose index is its seed; keys are arguments separated by spaces."""
    runs = [
        FakeRun([*key.split(), f"seed={seed}"], best)
        for key, values in figures.items()
        for seed, best in enumerate(values)
    ]
    return fake_sweep(outputs, name, runs, **rest)


def _write(outputs: Path, run_id: str, run: FakeRun, choice: Mapping[str, Any]) -> None:
    folder = RunFolder.create(outputs, "fake", run_id)
    folder.write_config({"seed": 0, "parts": {}, **choice, **run.config})
    end = (BEGIN + timedelta(seconds=run.seconds)).isoformat(timespec="microseconds")
    begin = BEGIN.isoformat(timespec="microseconds")
    status = Status(run.state, run.why, begin, end, run.images, run.best, pid=1, host="elsewhere", resumed=begin)
    (folder.path / "status.json").write_text(json.dumps(asdict(status)))
    columns = {**({str(choice["monitor"]): run.curve} if run.curve else {}), **run.others}
    if columns:
        rows = zip(*columns.values(), strict=True)
        lines = [f"{100 * (i + 1)},{','.join(map(str, row))}" for i, row in enumerate(rows)]
        folder.metrics.write_text("\n".join([f"images,{','.join(columns)}", *lines]) + "\n")
    if run.test_result is not None:
        figures = [Figure("fully true", run.test_result, 100)]
        protocol = {"data": "scenes", "split": "test", "num": 100, "seed": 0, "run": run_id}
        save(Evaluation("generator", "TextToImage", protocol, figures), folder.evaluations, "best-scenes-test-0")


def varied(outputs: Path, name: str = "varied", number: int = 24) -> list[FakeRun]:
    """Runs in every state, with long names and values of every type."""
    runs = []
    for i in range(number):
        lr = 10 ** -(2 + 3 * (i * 0.618 % 1))
        value = 0.9 - 0.1 * (math.log10(lr) + 3.3) ** 2 + 0.002 * (i % 3)
        curve = [value * (1 - 0.7**k) for k in range(1, 10)]
        arguments = [
            "experiment=scenes/a_generator_with_a_rather_long_name",
            f"generator_optimizer.lr={lr}",
            f"discriminator_optimizer.lr={lr * (1 + i % 2)}",
            f"objective={('hinge', 'relativistic', 'non_saturating')[i % 3]}",
            f"generator_optimizer.betas=[{0.5 * (i % 2)},0.99]",
            f"seed={i % 2}",
        ]
        state = {5: "failed", 9: "pruned", 11: "diverged"}.get(i, "done")
        why = "RuntimeError: <b>no</b> & never\nsecond line" if state != "done" else ""
        shown = curve if state == "done" else [*curve[:3], float("nan")] if state == "diverged" else curve[:3]
        runs.append(FakeRun(arguments, max(curve), state, why, shown, seconds=60 + 7 * i, images=900 + i))
    return runs
