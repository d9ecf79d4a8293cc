"""The W&B record of a failed run hides the machine, the user and the reason."""

import os
import sys
import time
from pathlib import Path

import processes
import pytest
from offline_runs import records_in

from diptych.runs.folder.find import all_runs

CONF = Path(__file__).resolve().parents[1] / "support" / "conf"
SECRET = "somebody-nobody-may-know"


def written(record: Path) -> Path:
    """What W&B's own process writes, a moment later on a busy machine."""
    for _ in range(100):
        if found := list(record.glob("*.wandb")):
            return found[0]
        time.sleep(0.1)
    raise AssertionError(f"W&B wrote no record: {sorted(record.rglob('*'))}")


@pytest.fixture(autouse=True)
def _nothing_is_left_running():
    yield
    processes.kill_all()


def test_the_record_of_a_failed_run_hides_reason_paths_and_user(tmp_path):
    home = tmp_path / SECRET
    home.mkdir()
    explode = "+callbacks.explode={_target_: tinyparts.Explode, images: 64}"
    leak = f'data_name="--data={home}/pictures of {SECRET} https://{SECRET}:{SECRET}@host.org"'
    overrides = [f"paths.outputs={home / 'outputs'}", "tracking=offline", leak, explode]
    names = {"HOME": str(home), "USER": SECRET, "LOGNAME": SECRET}
    names["WANDB_SERVICE"] = "3-1-unix-/nowhere"  # of a process that has ended: a run has its own
    assert processes.finish(["train", "--config-dir", str(CONF), "model=tiny_gan", *overrides], home, names) == 1
    (run,) = all_runs(home / "outputs")
    assert "the data have run out" in run.read_status().why
    (record,) = records_in(run.path)
    sent = [written(record), *(path for path in record.glob("files/**/*") if path.is_file())]
    words = [SECRET, str(tmp_path), sys.executable, f'"{os.uname().nodename}"', "the data have run out"]
    found = [word for word in words if any(word.encode() in path.read_bytes() for path in sent)]
    assert found == []
    assert any(b"--data=\xe2\x80\xa6/pictures of \xe2\x80\xa6" in path.read_bytes() for path in sent)
