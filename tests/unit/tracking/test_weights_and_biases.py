"""Real W&B offline records, read back with W&B's own reader."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest
import wandb
from offline_runs import read_record, records_in

from diptych.tracking import CsvTracker, RunInfo, Trackers, WandbTracker
from diptych.tracking.network import answers
from diptych.tracking.offline import command_to_send, put_aside_empty

ID = "20260101-abcdef"
pytestmark = pytest.mark.usefixtures("nowhere")


def started(folder, resume_images=None, mode="offline", sweep="", facts=None, **options):
    folder.mkdir(exist_ok=True)
    trackers = Trackers([CsvTracker(), WandbTracker(project="tests", mode=mode, **options)])
    run = RunInfo(ID, "demo", folder, resume_images, sweep, facts or {})
    trackers.start({"generator": {"width": 64}}, run)
    return trackers


def only_record(folder):
    """Wait until it is complete: W&B's service may write its last data after the tracker has finished."""
    (record,) = records_in(folder)
    deadline = time.monotonic() + 10
    while (run := read_record(record)).exit_code is None and time.monotonic() < deadline:
        time.sleep(0.1)
    return run


def test_an_offline_run_reads_back_whole(tmp_path, picture, monkeypatch):
    folder = tmp_path / "run"
    monkeypatch.chdir(tmp_path)
    trackers = started(folder, facts={"config_digest": "0123456789"}, tags=["first", "try"])
    trackers.log({"train/loss": 0.5}, 64)
    trackers.log({"train/loss": 0.25}, 128)
    trackers.image("samples/grid", picture, 128, "a red circle")
    trackers.table("samples/captions", ["image", "caption"], [[picture, "a red circle"]], 128)
    trackers.summary({"best": 0.75})
    lines = trackers.finish("done")

    run = only_record(folder)
    assert run.config == {"generator": {"width": 64}, "config_digest": "0123456789"}
    assert (run.id, run.group, run.job_type, run.tags) == (ID, "demo", "train", ["first", "try"])
    assert run.exit_code == 0
    assert (run.summary["best"], run.summary["status"]) == (0.75, "done")
    assert run.curve("train/loss") == [(64, 0.5), (128, 0.25)]
    assert run.curve("samples/grid.caption") == [(128, "a red circle")]
    assert run.curve("samples/captions._type") == [(128, "table-file")]
    assert lines == ["W&B was recorded offline; to send it:\nwandb sync run/wandb/offline-run-*"]
    assert list((folder / "wandb" / "data").rglob("*/staging/*"))


@pytest.mark.parametrize(
    ("status", "code"),
    [("done", 0), ("pruned", 0), ("failed", 1), ("diverged", 1), ("stopped", 255), ("preempted", 255)],
)
def test_every_way_to_end_is_recorded(tmp_path, status, code):
    started(tmp_path / "run").finish(status)
    run = only_record(tmp_path / "run")
    assert (run.exit_code, run.summary["status"]) == (code, status)


def test_a_resumed_offline_run_holds_everything_once_and_keeps_the_earlier_record(tmp_path, picture):
    folder = tmp_path / "run"
    first = started(folder)
    for images in (64, 128, 192):
        first.log({"train/loss": 1 / images}, images)
        first.image("samples/grid", picture, images)
        first.table("samples/examples", ["image", "caption"], [[picture, f"{images} “images”\u2028"]], images)
    first.finish("stopped")
    wandb.teardown()  # as at the end of a process: everything is written
    (before,) = records_in(folder)
    content = next(before.glob("*.wandb")).read_bytes()
    time.sleep(1.1)  # W&B names its folders by the second

    second = started(folder, resume_images=128)
    for images in (192, 256):
        second.log({"train/loss": 1 / images}, images)
        second.image("samples/grid", picture, images)
    second.finish("done")

    run = only_record(folder)
    assert [images for images, _ in run.curve("train/loss")] == [64, 128, 192, 256]
    assert [images for images, _ in run.curve("samples/grid.width")] == [64, 128, 192, 256]
    assert [images for images, _ in run.curve("samples/examples.nrows")] == [64, 128]
    assert run.id == ID
    kept = folder / "wandb" / "superseded" / before.name
    assert next(kept.glob("*.wandb")).read_bytes() == content


def test_pictures_and_tables_are_optional(tmp_path, picture):
    trackers = started(tmp_path / "run", log_images=False, log_tables=False)
    trackers.log({"train/loss": 0.5}, 64)
    trackers.image("samples/grid", picture, 64)
    trackers.table("samples/examples", ["image"], [[picture]], 64)
    trackers.finish("done")
    assert {name for row in only_record(tmp_path / "run").history for name in row if "/" in name} == {"train/loss"}


@pytest.mark.parametrize("chosen", [True, False])
def test_the_checkpoint_is_an_artifact_if_requested(tmp_path, chosen):
    trackers = started(tmp_path / "run", log_checkpoints=chosen)
    checkpoint = tmp_path / "best.ckpt"
    checkpoint.write_bytes(b"weights")
    trackers.checkpoint(checkpoint, 64)
    trackers.finish("done")
    checkpoint.write_bytes(b"other weights")  # the artifact keeps the earlier content
    staged = [path.read_bytes() for path in (tmp_path / "run" / "wandb").rglob("staging/*")]
    assert staged == ([b"weights"] if chosen else [])


SECRET = "a-name-nobody-may-see"
PRIVATE_RUN = f"""
import os
from pathlib import Path
from diptych.tracking import RunInfo, WandbTracker
Path("run").mkdir()
tracker = WandbTracker(project="tests", mode="offline", log_machine=bool(int(os.environ["ASKED"])))
tracker.start({{}}, RunInfo("{ID}", "demo", Path("run").absolute()))
tracker.log({{"train/loss": 0.5}}, 64)
tracker.finish("done")
"""


@pytest.mark.parametrize("asked", [False, True])
def test_the_record_names_machine_person_and_folders_only_if_requested(tmp_path, asked):
    home = tmp_path / SECRET
    home.mkdir()
    names = {"HOME": str(home), "USER": SECRET, "LOGNAME": SECRET, "ASKED": str(int(asked))}
    command = [sys.executable, "-c", PRIVATE_RUN]
    subprocess.run(command, cwd=home, env=os.environ | names, check=True)
    (record,) = records_in(home / "run")
    sent = [next(record.glob("*.wandb")), *(path for path in record.glob("files/**/*") if path.is_file())]
    private = [SECRET, str(tmp_path), sys.executable, socket.gethostname()]
    found = [word for word in private if len(word) > 4 and any(word.encode() in path.read_bytes() for path in sent)]
    assert bool(found) == asked, found


def test_without_a_key_one_message_names_the_reason_and_the_command(tmp_path, caplog, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trackers = started(tmp_path / "run", mode="online")
    trackers.log({"train/loss": 0.5}, 64)
    trackers.finish("done")
    (line,) = [record.message for record in caplog.records if record.name.startswith("diptych")]
    assert line == (
        "W&B is recorded offline: no API key; `wandb login` stores one. To send it later:\n"
        "wandb sync run/wandb/offline-run-*"
    )
    assert only_record(tmp_path / "run").curve("train/loss") == [(64, 0.5)]


def test_without_a_network_the_run_is_offline_at_once(tmp_path, caplog, with_key):
    begin = time.monotonic()
    trackers = started(tmp_path / "run", mode="online", base_url="http://127.0.0.1:9")
    assert time.monotonic() - begin < 30
    trackers.log({"train/loss": 0.5}, 64)
    trackers.finish("done")
    assert "http://127.0.0.1:9 does not answer" in caplog.text
    assert only_record(tmp_path / "run").curve("train/loss") == [(64, 0.5)]


def test_a_server_that_never_answers_times_out(tmp_path, caplog, with_key):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        begin = time.monotonic()
        trackers = started(tmp_path / "run", mode="online", base_url=url)
        assert time.monotonic() - begin < 40
        trackers.log({"train/loss": 0.5}, 64)
        trackers.finish("done")
        assert not answers(url, timeout_seconds=0.5)
    assert "W&B is recorded offline" in caplog.text
    assert only_record(tmp_path / "run").curve("train/loss") == [(64, 0.5)]


DYING_SERVICE = f"""
import logging
from pathlib import Path
import psutil
from diptych.tracking import CsvTracker, RunInfo, Trackers, WandbTracker
logging.basicConfig(level=logging.WARNING, format="%(message)s")
trackers = Trackers([CsvTracker(), WandbTracker(project="tests", mode="offline")])
trackers.start({{}}, RunInfo("{ID}", "demo", Path.cwd()))
(service,) = [child for child in psutil.Process().children() if "wandb-core" in child.name()]
service.kill()
service.wait()
for images in range(100):
    trackers.log({{"train/loss": 0.5}}, images)
trackers.finish("done")
"""


def test_a_dead_service_costs_one_warning_and_training_continues(tmp_path):
    command = [sys.executable, "-c", DYING_SERVICE]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0
    (line,) = ended.stderr.splitlines()
    assert "WandbTracker failed and is left out" in line
    assert len((tmp_path / "metrics.csv").read_text().splitlines()) == 101


KILLED = f"""
import os, signal, time
from pathlib import Path
from diptych.tracking import RunInfo, WandbTracker
tracker = WandbTracker(project="tests", mode="offline")
tracker.start({{}}, RunInfo("{ID}", "demo", Path.cwd()))
for images in (64, 128):
    tracker.log({{"train/loss": 0.5}}, images)
time.sleep(3)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_run_loses_at_most_its_last_second(tmp_path):
    ended = subprocess.run([sys.executable, "-c", KILLED], cwd=tmp_path, timeout=60)
    assert ended.returncode == -signal.SIGKILL
    run = read_record(*records_in(tmp_path))
    assert run.curve("train/loss") == [(64, 0.5), (128, 0.5)]
    assert run.exit_code is None


def test_a_failed_picture_costs_the_pictures_and_not_the_curves(tmp_path, caplog, picture, monkeypatch):
    trackers = started(tmp_path / "run")

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("diptych.tracking.weights_and_biases._picture", full)
    for images in (64, 128):
        trackers.image("samples/grid", picture, images)
        trackers.log({"train/loss": 0.5}, images)
    trackers.finish("done")
    assert [record.message for record in caplog.records if record.name.startswith("diptych")] == [
        "W&B receives no more pictures of this start: [Errno 28] No space left on device"
    ]
    assert only_record(tmp_path / "run").curve("train/loss") == [(64, 0.5), (128, 0.5)]


def test_later_figures_of_an_offline_run_get_a_record_of_their_own(tmp_path):
    folder = tmp_path / "run"
    started(folder, sweep="lr").finish("done")
    wandb.teardown()
    (training,) = records_in(folder)
    before = next(training.glob("*.wandb")).read_bytes()
    info = RunInfo(ID, "demo", folder, 64, "lr", {"config_digest": "0123456789"})
    for value in (0.97, 0.98):
        line = WandbTracker(project="tests", mode="offline").amend({"seed": 3}, info, {"fully true": value}, "stopped")
        assert "wandb sync " in line
    assert next(training.glob("*.wandb")).read_bytes() == before
    runs = [read_record(record) for record in records_in(folder) if record != training]
    assert [(run.group, run.job_type, run.config["evaluated_run"], run.config["seed"]) for run in runs] == (
        2 * [("lr", "evaluate", ID, 3)]
    )
    assert sorted(run.summary["fully true"] for run in runs) == [0.97, 0.98]
    assert [(run.exit_code, run.summary["status"]) for run in runs] == 2 * [(0, "done")]
    assert len({run.id for run in runs}) == 2
    assert all(run.id.startswith(ID) for run in runs)


def test_an_unknown_mode_names_the_key():
    with pytest.raises(ValueError, match=r"tracking\.wandb\.mode='of'"):
        WandbTracker(project="tests", mode="of")


@pytest.mark.parametrize(
    ("sweep", "options", "group"), [("lr", {}, "lr"), ("", {}, "demo"), ("lr", {"group": "own"}, "own")]
)
def test_runs_of_a_sweep_are_a_group(tmp_path, sweep, options, group):
    started(tmp_path / "run", sweep=sweep, **options).finish("done")
    assert only_record(tmp_path / "run").group == group


def test_without_offline_records_there_is_no_command_to_send(tmp_path):
    assert command_to_send(tmp_path) is None
    assert command_to_send(tmp_path, runs="*") is None


def test_one_command_sends_the_runs_that_a_folder_links_to(tmp_path, monkeypatch):
    (tmp_path / "outputs" / "x y" / "wandb" / "offline-run-1-a").mkdir(parents=True)
    sweep = tmp_path / "sweeps" / "lr"
    sweep.mkdir(parents=True)
    (sweep / "a").symlink_to(tmp_path / "outputs" / "x y")
    monkeypatch.chdir(tmp_path)
    assert command_to_send(sweep, runs="*") == "wandb sync sweeps/lr/*/wandb/offline-run-*"
    assert command_to_send(tmp_path / "outputs" / "x y") == "wandb sync 'outputs/x y'/wandb/offline-run-*"


def test_an_empty_record_does_not_prevent_sending_a_sweep(tmp_path):
    for run, content in (("a", b":W&B\xe1\xbe\x00"), ("b", b":W&B\xe1\xbe\x00 and more")):
        record = tmp_path / run / "wandb" / f"offline-run-1-{run}"
        record.mkdir(parents=True)
        (record / f"run-{run}.wandb").write_bytes(content)
    put_aside_empty(tmp_path, runs="*")
    assert [path.name for path in tmp_path.glob("*/wandb/offline-run-*")] == ["offline-run-1-b"]
    assert (tmp_path / "a" / "wandb" / "superseded" / "offline-run-1-a" / "run-a.wandb").exists()
