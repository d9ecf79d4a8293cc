"""Declared tables, and run folders as training and evaluation leave them, for tests of results tables."""

import json
from pathlib import Path

import yaml

from diptych.config.composition import compose
from diptych.evaluation.results import CONTENTS, Evaluation, Figure, save
from diptych.runs.folder.layout import RunFolder
from diptych.runs.folder.status import DONE

SMALL = ["model=mlp_gan", "data=digits", "budget_images=64"]
FIGURES = ["generation/recall", "generation/frechet_distance"]
DECLARED = {
    "lenders": {"title": "Lenders", "question": "Who lends?", "rows": {"judge": SMALL}, "place": 900},
    "small": {
        "title": "Small",
        "question": "Which is best?",
        "overrides": SMALL,
        "rows": {"base": None, "hinge": ["objective=hinge"]},
        "more_seeds": {"base": [0, 1]},
        "evaluate": ["--num", "20"],
        "figures": FIGURES,
        "board": "val/truth",
    },
}


def declare(folder: Path, tables=DECLARED) -> Path:
    for name, values in tables.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "table.yaml").write_text(yaml.safe_dump(values))
    return folder


def trained(outputs: Path, overrides, seed: int, minutes: float = 2.0, status: str = DONE) -> RunFolder:
    """A run folder as training leaves it, without the training."""
    config = compose([*overrides, f"seed={seed}", "trainer.threads=1", "tracking=csv", f"paths.outputs={outputs}"])
    run = RunFolder.create(outputs, "by_hand", f"run-{len(list(outputs.glob('*/*')))}")
    run.write_config(config)
    run.write_environment(
        {
            "python": "3.11.0",
            "packages": {"diptych": "0.1.0", "torch": "2.11.0", "numpy": "2.0"},
            "code": {"commit": "c" * 40, "dirty": False},
            "hardware": {"cpus": 2, "torch_threads": 1, "memory_gib": 8, "gpus": []},
        }
    )
    run.write_parameters({"generator": 1_000_000, "discriminator": 500_000})
    run.metrics.write_text(
        "images,train/core_seconds,val/truth\n16,10,\n32,20,0.5\n48,30,0.96\n64,40,0.99\n", encoding="utf-8"
    )
    run.write_status(status, images_seen=64, best=0.1)
    file = run.path / "status.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"core_seconds": 60 * minutes, "peak_memory_mib": 512.0}))
    return run


def evaluated(run: RunFolder, recall: float, **protocol) -> None:
    figures = [
        Figure("recall", recall, 20, (recall - 0.1, recall + 0.1), interval_over=CONTENTS, reference=0.9),
        Figure("frechet_distance", 3.0 + recall, 20, percent=False, name="Fréchet distance", reference=0.25),
    ]
    known = {
        "run": run.run_id,
        "images_seen": 64,
        "data": "digits",
        "split": "test",
        "num": 20,
        "seed": 0,
        "overrides": ["data.root=/somewhere/private/mnist"],
        "commit": "c" * 40,
        "dirty": False,
    }
    save(Evaluation("generation", "Generation", {**known, **protocol}, figures), run.evaluations, "best")
