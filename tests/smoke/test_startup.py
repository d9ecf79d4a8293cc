"""The start-up time of a run in CPU seconds, which other work on the machine does not change."""

import os
import subprocess
import sys

ONE_STEP = ["train", "model=mlp_gan", "data=digits", "trainer.threads=1", "debug=one_step", "data.val_size=10"]


def cpu_seconds(code: str, folder) -> float:
    """User and system time of a fresh Python process that runs the code."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen([sys.executable, "-c", code], cwd=folder, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_utime + usage.ru_stime


def test_start_up_takes_little_more_than_the_import_of_lightning(tmp_path):
    lightning = min(cpu_seconds("import pytorch_lightning", tmp_path) for _ in range(2))
    run = f"from diptych.cli.main import main; assert main({ONE_STEP}) == 0"
    assert cpu_seconds(run, tmp_path) <= 1.5 * lightning + 3


def test_runs_without_wandb_do_not_import_it(tmp_path):
    for tracking in ("csv", "none"):
        run = f"import sys; from diptych.cli.main import main; assert main({[*ONE_STEP, f'tracking={tracking}']}) == 0"
        cpu_seconds(f"{run}; assert 'wandb' not in sys.modules", tmp_path)


def test_scoring_captions_does_not_import_lightning(tmp_path):
    cpu_seconds("import sys, diptych.evaluation.scoring; assert 'pytorch_lightning' not in sys.modules", tmp_path)
