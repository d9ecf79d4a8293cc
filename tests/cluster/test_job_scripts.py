"""Runs in users' job scripts on a real SLURM: as a plain command, or as the tasks of a step."""

import sys
from pathlib import Path

import pytest
from slurm_cluster import Slurm
from sweeping import CONF, environment_of_sweeps, wait_for

from diptych.runs.folder.find import all_runs

pytestmark = pytest.mark.slow
SMALL = ["--config-dir", str(CONF), "model=small_gan", "budget_images=64", "trainer.threads=1"]
TWO = ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2"]
SCRIPTS = {"alone, on one device": ([], []), "alone": ([], TWO), "as tasks": (["srun", "--overcommit"], TWO)}


@pytest.mark.parametrize(("launcher", "devices"), SCRIPTS.values(), ids=SCRIPTS)
def test_a_script_of_two_tasks_makes_one_run(slurm: Slurm, tmp_path, launcher, devices):
    """A plain command is one process whatever the job requested, and starts the others itself."""
    train = [*launcher, sys.executable, "-m", "diptych", "train", *SMALL, *devices]
    script = tmp_path / "job.sh"
    script.write_text(f"#!/bin/sh\ncd {tmp_path} && exec {' '.join(train)}\n")
    variables = ",".join(f"{name}={environment_of_sweeps()[name]}" for name in ("PYTHONPATH", "OMP_NUM_THREADS"))
    asked = ["--ntasks=2", "--overcommit", f"--export=ALL,{variables}", f"--output={tmp_path}/said.txt"]
    job = slurm.ask("sbatch", "--parsable", *asked, str(script)).strip()
    wait_for(lambda: slurm.jobs().get(job) not in ("PENDING", "CONFIGURING", "RUNNING", "COMPLETING"), 120)
    said = Path(tmp_path / "said.txt").read_text()
    assert slurm.jobs()[job] == "COMPLETED", said
    (run,) = all_runs(tmp_path / "outputs")
    assert run.read_status().label == "done"
    assert run.rank_log(1).exists() == (devices != [] and not launcher)
