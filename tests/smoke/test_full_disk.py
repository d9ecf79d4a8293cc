"""A disk that fills up in mid-training: checkpoints stay, the message names the disk, the run resumes."""

import subprocess
from pathlib import Path

import processes
import pytest

from diptych.runs.folder.find import all_runs
from diptych.runs.folder.layout import RunFolder
from sameness import differences_of_runs

CONF = Path(__file__).resolve().parents[1] / "support" / "conf"
EXIT_DISK_FULL = 75
TRAIN = ["train", "--config-dir", str(CONF), "model=small_captioner"]
SAMPLES = "+callbacks.samples={_target_: diptych.callbacks.Samples, every_images: 100}"


@pytest.fixture
def disk(tmp_path):
    """A file system of two megabytes; skips where mounting is not allowed."""
    place = tmp_path / "disk"
    place.mkdir()
    mounting = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)], capture_output=True, text=True
    )
    if mounting.returncode:
        pytest.skip(f"no small file system can be mounted here: {mounting.stderr.strip()}")
    yield place
    processes.kill_all()
    subprocess.run(["umount", str(place)], check=True)


def test_a_run_stops_on_a_full_disk_and_resumes_later(tmp_path, disk):
    filler = disk / "filler"
    fill = f"+callbacks.fill={{_target_: tinyparts.FillDisk, images: 200, file: {filler}}}"
    run, said = stopped([*TRAIN, SAMPLES, fill, f"paths.outputs={disk}"], tmp_path, disk)
    assert f"Make room on the disk at {disk} (0 bytes of 2 MB are left" in said
    assert (run.read_status().label, run.read_status().exit_code) == ("stopped", EXIT_DISK_FULL)
    assert "No space left on device" in run.read_status().why
    filler.unlink()
    check_resumes_like_an_undisturbed_run(tmp_path, run, "callbacks.fill=null")


def test_a_run_stops_at_the_file_size_limit_and_resumes_later(tmp_path):
    """The variant for machines where mounting is not allowed."""
    limit = "+callbacks.limit={_target_: tinyparts.LimitFiles, images: 200, size: 3000}"
    run, said = stopped([*TRAIN, SAMPLES, limit], tmp_path, tmp_path / "outputs")
    assert "cannot be written: File too large. Make room on the disk at" in said
    check_resumes_like_an_undisturbed_run(tmp_path, run, "callbacks.limit=null")


def stopped(command: list[str], folder: Path, outputs: Path) -> tuple[RunFolder, str]:
    assert processes.finish(command, folder) == EXIT_DISK_FULL, processes.said(folder)
    (run,) = all_runs(outputs)
    said = processes.said(folder)
    assert "Traceback" not in said
    assert "Logging error" not in said
    assert said.splitlines()[-1] == f"diptych resume {run.path.relative_to(folder)}"
    assert not list(run.path.rglob("*.partial"))
    assert all(picture.stat().st_size for picture in run.samples.rglob("*.png"))
    return run, said


def check_resumes_like_an_undisturbed_run(folder: Path, run: RunFolder, change: str) -> None:
    assert processes.finish(["resume", str(run.path), change, "--trust", "tinyparts"], folder) == 0
    calm = folder / "calm"
    calm.mkdir()
    assert processes.finish([*TRAIN, SAMPLES], calm) == 0
    (undisturbed,) = all_runs(calm / "outputs")
    assert differences_of_runs(run, undisturbed) == []
