"""Which heavy libraries each command may import: those that it needs, so that small answers come at once."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fake_sweeps import fake_sweep, varied
from PIL import Image

from diptych.evaluation.results import Evaluation, Figure, save
from diptych.runs.folder.layout import RunFolder

HEAVY = {"torch", "pytorch_lightning", "torchvision", "torchmetrics", "matplotlib", "scipy.stats", "sklearn", "wandb"}
PLOTS = {"matplotlib", "scipy.stats"}
"""What tests and plots need."""


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder with captions, pictures, evaluated runs and a sweep."""
    (tmp_path / "pictures").mkdir()
    captions = [{"file_name": f"{i}.png", "text": f"{i} dogs run"} for i in range(20)]
    for number, caption in enumerate(captions):
        Image.new("RGB", (20, 20), (10 * number, 0, 0)).save(tmp_path / "pictures" / caption["file_name"])
    lines = "\n".join(map(json.dumps, captions))
    for name in ("predictions.jsonl", "references.jsonl", "pictures/metadata.jsonl"):
        (tmp_path / name).write_text(lines)
    for seed in range(4):
        _evaluated_run(tmp_path / "outputs", seed)
    fake_sweep(tmp_path / "outputs", "widths", varied(tmp_path))
    return tmp_path


def _evaluated_run(outputs: Path, seed: int) -> None:
    run = RunFolder.create(outputs, "mine", f"run-{seed}")
    config = {"seed": seed, "monitor": "val/exact_match", "budget_images": 100, "data": {"seed": seed}, "parts": {}}
    run.write_config(config | {"name": "mine", "optimizer": {"lr": seed // 2}})
    run.metrics.write_text(f"images,val/exact_match\n50,0.{seed + 1}\n100,0.{seed + 2}\n")
    run.write_status("done", images_seen=100, best=0.5)
    figures = [Figure.rate("exact_match", [i % (2 + seed) == 0 for i in range(60)])]
    facts = {"run": run.run_id, "images_seen": 100, "data": "digits", "split": "test", "num": 60, "seed": 0}
    save(Evaluation("captioner", "Captioning", facts, figures), run.evaluations, "best")


COMMANDS = [
    (["score", "predictions.jsonl", "references.jsonl"], set()),
    (["score", "predictions.jsonl", "references.jsonl", "--json", "--train", "references.jsonl"], set()),
    (["runs"], set()),
    (["runs", "show", "run-1"], set()),
    (["runs", "--sweep", "widths", "--json"], set()),
    (["sweep", "status", "widths"], set()),
    (["data", "check", "pictures"], set()),
    (["compare", "run-0", "run-1", "run-2", "run-3"], PLOTS),
    (["compare", "widths"], PLOTS | {"sklearn"}),
    (["doctor"], {"torch", "wandb"}),
]


@pytest.mark.parametrize(
    ("words", "needed"), COMMANDS, ids=lambda value: " ".join(sorted(value) if isinstance(value, set) else value)
)
def test_a_command_imports_no_library_that_it_does_not_need(words, needed, desk):
    asked = f"from diptych.cli.main import main\ncode = main({words})\nimport sys\n"
    asked += f"print(code, *sorted({HEAVY} & set(sys.modules)), file=sys.stderr)"
    environment = {**os.environ, "DIPTYCH_OUTPUTS": "outputs", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", asked], cwd=desk, env=environment, capture_output=True, text=True)
    code, *imported = done.stderr.splitlines()[-1].split()
    assert code == "0", done.stderr
    assert set(imported) <= needed
