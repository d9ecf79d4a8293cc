"""Online runs, recorded by a server in the test's own process, and offline records sent to it."""

import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
import wandb

from diptych.tracking import CsvTracker, RunInfo, Trackers, WandbTracker
from diptych.tracking.network import answers
from diptych.tracking.offline import command_to_send

ID = "20260101-abcdef"


def started(folder, resume_images=None, mode="online", run_id=ID, **options):
    folder.mkdir(exist_ok=True)
    trackers = Trackers([CsvTracker(), WandbTracker(project="tests", mode=mode, **options)])
    trackers.start({"generator": {"width": 64}}, RunInfo(run_id, "demo", folder, resume_images, "lr"))
    return trackers


def log(trackers, counts, picture=None):
    for images in counts:
        trackers.log({"train/loss": 1 / images}, images)
        if picture:
            trackers.image("samples/grid", picture, images)


def send(folder, server):
    """Run the printed command."""
    command = command_to_send(folder).replace("wandb sync", f"{shlex.quote(sys.executable)} -m wandb sync")
    environment = os.environ | {"WANDB_BASE_URL": server.url}
    subprocess.run(command, shell=True, check=True, cwd=folder, env=environment, capture_output=True, timeout=60)


def amended(folder, server, status):
    """The returned line for figures that are measured later."""
    info = RunInfo(ID, "demo", folder, 128, "lr")
    return WandbTracker(project="tests", base_url=server.url).amend({"seed": 0}, info, {"fully true": 0.97}, status)


def counts_of(run, name="train/loss"):
    return [images for images, _ in run.curve(name)]


def test_online_the_server_knows_the_run_and_its_address_is_shown(tmp_path, server, picture):
    trackers = started(tmp_path / "run", base_url=server.url, tags=["first"])
    log(trackers, [64, 128], picture)
    trackers.table("samples/examples", ["image", "caption"], [[picture, "a red circle"]], 128)
    trackers.summary({"best": 0.5})
    assert trackers.finish("failed") == [f"W&B: {server.url}/somebody/tests/runs/{ID}"]
    run = server.runs[ID]
    assert counts_of(run) == counts_of(run, "samples/grid") == [64, 128]
    assert (run.group, run.job_type, run.tags, run.exit_code) == ("lr", "train", ["first"], 1)
    assert run.config["generator"] == {"width": 64}
    assert (run.summary["best"], run.summary["status"]) == (0.5, "failed")


def test_online_a_resumed_run_sends_only_what_the_server_lacks(tmp_path, server, picture):
    first = started(tmp_path / "run", base_url=server.url)
    log(first, [64, 128, 192, 256], picture)
    first.finish("stopped")
    second = started(tmp_path / "run", 128, base_url=server.url)
    log(second, [192, 256, 320], picture)
    second.finish("done")
    run = server.runs[ID]
    assert sorted(set(counts_of(run))) == [64, 128, 192, 256, 320]
    assert sorted(set(counts_of(run, "samples/grid"))) == [64, 128, 192, 256, 320]
    assert counts_of(run) == sorted(counts_of(run))
    assert len(counts_of(run)) <= 6  # the last row before the server stopped may appear twice


def test_a_run_that_starts_again_replaces_its_record_on_the_server(tmp_path, server):
    first = started(tmp_path / "run", base_url=server.url)
    log(first, [64, 128, 192])
    first.finish("failed")
    second = started(tmp_path / "run", base_url=server.url)
    log(second, [64, 128])
    second.finish("done")
    assert counts_of(server.runs[ID]) == [64, 128]


def test_offline_then_online_the_server_gets_the_whole_curve(tmp_path, server):
    first = started(tmp_path / "run", mode="offline")
    log(first, [64, 128, 192])
    first.finish("stopped")
    second = started(tmp_path / "run", 128, base_url=server.url)
    log(second, [192, 256])
    second.finish("done")
    assert counts_of(server.runs[ID]) == [64, 128, 192, 256]
    assert command_to_send(tmp_path / "run") is None  # sent later, the first record would take the place of the whole


def test_online_then_offline_the_record_that_is_sent_is_whole(tmp_path, server, picture):
    first = started(tmp_path / "run", base_url=server.url)
    log(first, [64, 128, 192], picture)
    first.finish("stopped")
    second = started(tmp_path / "run", 128, mode="offline")
    log(second, [192, 256], picture)
    second.finish("done")
    send(tmp_path / "run", server)
    assert counts_of(server.runs[ID]) == counts_of(server.runs[ID], "samples/grid") == [64, 128, 192, 256]
    assert server.runs[ID].exit_code == 0


def test_online_offline_online_leaves_no_gap(tmp_path, server):
    for mode, resume, counts in (("online", None, [64, 128]), ("offline", 128, [192, 256]), ("online", 256, [320])):
        trackers = started(tmp_path / "run", resume, mode=mode, base_url=server.url)
        log(trackers, counts)
        trackers.finish("stopped")
    assert counts_of(server.runs[ID]) == [64, 128, 192, 256, 320]


def test_one_command_sends_an_offline_run_with_its_pictures_and_tables(tmp_path, server, picture):
    trackers = started(tmp_path / "run", mode="offline", log_checkpoints=True)
    log(trackers, [64, 128], picture)
    trackers.table("samples/examples", ["image", "caption"], [[picture, "a red circle"]], 128)
    trackers.checkpoint(picture, 128)
    trackers.finish("done")
    send(tmp_path / "run", server)
    assert counts_of(server.runs[ID]) == [64, 128]
    assert server.runs[ID].group == "lr"
    assert {artifact["artifactTypeName"] for artifact in server.artifacts} == {"run_table", "model"}


SECRET = "a-name-nobody-may-see"
PRIVATE_RUN = """
import os, sys
from pathlib import Path
from PIL import Image
from diptych.tracking import RunInfo, WandbTracker
folder = Path("run").absolute()
folder.mkdir()
Image.new("RGB", (8, 8)).save("picture.png")
tracker = WandbTracker(project="tests", base_url=sys.argv[1], log_checkpoints=True)
tracker.start({}, RunInfo("1", "demo", folder))
tracker.log({"train/loss": 0.5}, 64)
tracker.image("samples/grid", Path("picture.png").absolute(), 64)
tracker.table("samples/examples", ["image"], [[Path("picture.png").absolute()]], 64)
tracker.checkpoint(Path("picture.png").absolute(), 64)
print(tracker.finish("done"))
"""


def test_no_sent_data_names_machine_person_or_folders(tmp_path, server):
    home = tmp_path / SECRET
    home.mkdir()
    environment = os.environ | {"HOME": str(home), "USER": SECRET, "LOGNAME": SECRET}
    command = [sys.executable, "-c", PRIVATE_RUN, server.url]
    said = subprocess.run(
        command, cwd=home, env=environment, check=True, capture_output=True, text=True, timeout=60
    ).stdout
    assert said == f"W&B: {server.url}/somebody/tests/runs/1\n"
    assert len(server.requests) > 5
    private = [SECRET, str(tmp_path), sys.executable, str(Path(__file__).parents[3]), os.uname().nodename]
    sent = b"\n".join(server.requests)
    assert [word for word in private if len(word) > 4 and word.encode() in sent] == []


def test_a_lost_server_costs_neither_time_nor_curves(tmp_path, server, caplog):
    trackers = started(tmp_path / "run", base_url=server.url, finish_timeout_seconds=2)
    log(trackers, [64])
    server.vanish()
    begin = time.monotonic()
    log(trackers, [128, 192])
    assert time.monotonic() - begin < 20
    (line,) = trackers.finish("done")
    assert time.monotonic() - begin < 40
    assert "the upload to W&B timed out; to finish it:\nwandb sync --no-skip-online " in line
    assert len((tmp_path / "run" / "metrics.csv").read_text().splitlines()) == 4


@pytest.mark.parametrize(("status", "code"), [("done", 0), ("stopped", 255), ("lost", 255), ("failed", 1)])
def test_figures_measured_later_join_an_online_runs_summary_and_leave_it_as_it_ended(tmp_path, server, status, code):
    trackers = started(tmp_path / "run", base_url=server.url)
    log(trackers, [64, 128])
    trackers.finish(status)
    line = amended(tmp_path / "run", server, status)
    run = server.runs[ID]
    assert (run.summary["fully true"], run.summary["status"], run.exit_code) == (0.97, status, code)
    assert counts_of(run) == [64, 128]
    assert (run.group, run.job_type) == ("lr", "train")
    assert line == f"W&B: {server.url}/somebody/tests/runs/{ID}"


def test_later_figures_of_a_running_run_get_a_record_of_their_own(tmp_path, server):
    trackers = started(tmp_path / "run", base_url=server.url)
    log(trackers, [64])
    assert "wandb sync " in amended(tmp_path / "run", server, "running")
    log(trackers, [128])
    trackers.finish("done")
    assert counts_of(server.runs[ID]) == [64, 128]
    assert "fully true" not in server.runs[ID].summary
    send(tmp_path / "run", server)
    (apart,) = (run for name, run in server.runs.items() if name != ID)
    assert (apart.job_type, apart.summary["fully true"]) == ("evaluate", 0.97)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # W&B leaves the parameters' file open
def test_under_an_agent_the_run_is_the_agents_and_keeps_its_whole_configuration(tmp_path, server, monkeypatch):
    chosen = tmp_path / "config.yaml"
    chosen.write_text("wandb_version: 1\ngenerator.width:\n  value: 32\n")
    monkeypatch.setenv("WANDB_SWEEP_ID", "sw33p")
    monkeypatch.setenv("WANDB_RUN_ID", "ag3nt")
    monkeypatch.setenv("WANDB_SWEEP_PARAM_PATH", str(chosen))
    wandb.teardown()
    trackers = started(tmp_path / "run", run_id="ag3nt", base_url=server.url)
    log(trackers, [64])
    trackers.finish("done")
    assert list(server.runs) == ["ag3nt"]
    run = server.runs["ag3nt"]
    assert run.sweep == "sw33p"
    assert run.config["generator"] == {"width": 64}
    assert run.config["generator.width"] == 32
    assert counts_of(run) == [64]


@pytest.mark.parametrize("gone", [False, True])
def test_only_a_running_server_answers(server, gone):
    if gone:
        server.vanish()
    assert answers(server.url, timeout_seconds=2) != gone
