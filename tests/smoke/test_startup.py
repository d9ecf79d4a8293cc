"""From the command to the first step without detours. CPU seconds, so that a busy machine does not matter."""

import os
import subprocess
import sys

ONE_STEP = ["train", "model=mlp_gan", "data=digits", "trainer.threads=1", "debug=one_step", "data.val_size=10"]


def cpu_seconds(code: str, folder) -> float:
    """User and system time of a fresh Python that runs the code."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen([sys.executable, "-c", code], cwd=folder, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_utime + usage.ru_stime


def test_the_first_step_comes_soon_after_lightning_s_own_import(tmp_path):
    lightning = min(cpu_seconds("import pytorch_lightning", tmp_path) for _ in range(2))
    run = f"from diptych.cli.main import main; assert main({ONE_STEP}) == 0"
    assert cpu_seconds(run, tmp_path) <= 1.5 * lightning + 3


def test_wandb_is_not_imported_by_runs_that_do_not_use_it(tmp_path):
    for tracking in ("csv", "none"):
        run = f"import sys; from diptych.cli.main import main; assert main({[*ONE_STEP, f'tracking={tracking}']}) == 0"
        cpu_seconds(f"{run}; assert 'wandb' not in sys.modules", tmp_path)
