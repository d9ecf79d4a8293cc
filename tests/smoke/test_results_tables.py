"""`diptych results --train` of a tiny table: stopped twice, called again, and once more after a change."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from sweeping import environment_of_sweeps, wait_for

from diptych.runs.folder.find import all_runs

PAUSE = "+callbacks.pause={_target_: tinyparts.Pause, seconds: 0.05}"
TINY = ["model=mlp_gan", "data=digits", "generator.hidden_dims=[8]", "discriminator.hidden_dims=[8,8]", PAUSE]
TABLE = {
    "title": "Tiny",
    "question": "Does it go on?",
    "overrides": [*TINY, "budget_images=3_200", "callbacks.checkpoints.every_images=320"],
    "rows": {"base": None, "hinge": ["objective=hinge"]},
    "evaluate": ["--num", "60"],
    "figures": ["generation/recall", "generation/energy_distance"],
}


def declare(folder: Path, **changes) -> None:
    path = folder / "docs" / "results" / "tiny" / "table.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump({**TABLE, **changes}))


def begin(folder: Path) -> subprocess.Popen[str]:
    words = ["results", "--train", "--slots", "1", "--write", "docs/results.md", "--json"]
    environment = environment_of_sweeps() | {"DIPTYCH_OUTPUTS": str(folder / "outputs")}
    with (folder / "said.txt").open("w") as said, (folder / "errors.txt").open("a") as errors:
        command = [sys.executable, "-m", "diptych", *words]
        return subprocess.Popen(command, cwd=folder, env=environment, stdout=said, stderr=errors, text=True)


def finished(folder: Path) -> dict:
    process = begin(folder)
    assert process.wait(600) == 0, (folder / "errors.txt").read_text()
    return json.loads((folder / "said.txt").read_text())


def runs_in(folder: Path) -> list:
    return all_runs(folder / "outputs")


@pytest.mark.slow
def test_a_stopped_table_goes_on_and_a_changed_row_is_trained_anew(tmp_path):
    declare(tmp_path)
    process = begin(tmp_path)
    wait_for(lambda: any(run.last.exists() for run in runs_in(tmp_path)), 300)
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(300) == 130, (tmp_path / "errors.txt").read_text()
    assert [run.read_status().status for run in runs_in(tmp_path)] == ["stopped"]

    process = begin(tmp_path)
    wait_for(lambda: list((tmp_path / "docs/results/tiny").glob("base-*.json")), 300)
    os.kill(process.pid, signal.SIGINT)  # what was trained is measured before the whole table is trained
    assert process.wait(300) == 130, (tmp_path / "errors.txt").read_text()
    assert [run.read_status().status for run in runs_in(tmp_path)][1:] in ([], ["stopped"])

    said = finished(tmp_path)
    assert [row["state"] for row in said["rows"]] == ["measured", "measured"]
    assert len(runs_in(tmp_path)) == 2
    assert len(runs_in(tmp_path)[0].read_environment()) == 2
    records = [json.loads(path.read_text()) for path in sorted((tmp_path / "docs/results/tiny").glob("*.json"))]
    assert [record["row"] for record in records] == ["base", "hinge"]
    assert all(record["cost"]["core_seconds"] > record["cost"]["train_core_seconds"] > 0 for record in records)
    assert all(str(tmp_path) not in json.dumps(record) for record in records)
    page = (tmp_path / "docs/results.md").read_text()

    assert finished(tmp_path)["rows"] == said["rows"]  # nothing is left to do
    assert len(runs_in(tmp_path)) == 2
    assert (tmp_path / "docs/results.md").read_text() == page

    declare(tmp_path, rows={"base": None, "hinge": ["objective=hinge", "generator_optimizer.lr=1e-3"]})
    assert [row["state"] for row in finished(tmp_path)["rows"]] == ["measured", "measured"]
    assert [run.path.parent.name.partition("-")[0] for run in runs_in(tmp_path)] == [
        "results_tiny_base",
        "results_tiny_hinge",
        "results_tiny_hinge",
    ]
