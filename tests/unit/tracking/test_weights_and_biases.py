"""A real W&B offline record, read back with W&B's own reader."""

import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import wandb
from PIL import Image

from diptych.tracking import CsvTracker, RunInfo, Trackers, WandbTracker
from diptych.tracking.network import answers

ID = "20260101-abcdef"


@pytest.fixture(autouse=True)
def _an_account_nowhere(monkeypatch, tmp_path):
    """No key of the person who runs the tests is ever used, and nothing is written to their home.

    W&B reads the environment once for the whole process, so what an earlier test made it read is forgotten here.
    """
    wandb.teardown()
    monkeypatch.setenv("WANDB_DATA_DIR", "")  # so that it is put back afterwards
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "config"))


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "run" / "samples" / "grid.png"
    path.parent.mkdir(parents=True)
    Image.new("RGB", (8, 8), "red").save(path)
    return path


def started(folder, resume_images=None, mode="offline", **options):
    folder.mkdir(exist_ok=True)
    trackers = Trackers([CsvTracker(), WandbTracker(project="tests", mode=mode, **options)])
    trackers.start({"generator": {"width": 64}}, RunInfo(ID, "demo", folder, resume_images))
    return trackers


def newest_record(folder):
    return max(folder.glob("wandb/offline-run-*/*.wandb"), key=lambda path: path.stat().st_mtime_ns)


def inspect(record, *options):
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", *options, str(record)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def history(record):
    records = map(json.loads, inspect(record).splitlines())
    return [record["history"]["item"] for record in records if record["type"] == "history"]


def curve(record, name):
    return [(item["images"], item[name]) for item in history(record) if name in item]


def test_an_offline_run_reads_back_whole(tmp_path, picture):
    folder = tmp_path / "run"
    trackers = started(folder)
    trackers.log({"train/loss": 0.5}, 64)
    trackers.log({"train/loss": 0.25}, 128)
    trackers.image("samples/grid", picture, 128, "a red circle")
    trackers.table("samples/captions", ["image", "told"], [[picture, "a red circle"]], 128)
    trackers.summary({"val/truth": 0.75})
    lines = trackers.finish("done")

    record = newest_record(folder)
    summary = json.loads(inspect(record, "--summary"))
    assert summary["config"] == {"generator": {"width": 64}}
    assert summary["run_id"] == ID
    assert summary["exit_code"] == 0
    assert summary["summary"]["val/truth"] == 0.75
    assert summary["summary"]["status"] == "done"
    assert curve(record, "train/loss") == [(64, 0.5), (128, 0.25)]
    assert curve(record, "samples/grid.caption") == [(128, "a red circle")]
    assert curve(record, "samples/captions._type") == [(128, "table-file")]
    sending = f"(cd {record.parent.parent} &&\n wandb sync {record.parent.name})"
    assert lines == [f"W&B was recorded offline; to send it:\n{sending}"]
    assert list((folder / "wandb" / "data").rglob("*/staging/*"))


def test_a_resumed_offline_run_holds_the_whole_curve_once(tmp_path, picture):
    folder = tmp_path / "run"
    first = started(folder)
    for images in (64, 128, 192):
        first.log({"train/loss": 1 / images}, images)
        first.image("samples/grid", picture, images)
    first.finish("stopped")
    time.sleep(1.1)  # W&B names its folders by the second

    second = started(folder, resume_images=128)
    for images in (192, 256):
        second.log({"train/loss": 1 / images}, images)
        second.image("samples/grid", picture, images)
    second.finish("done")

    record = newest_record(folder)
    assert [images for images, _ in curve(record, "train/loss")] == [64, 128, 192, 256]
    assert [images for images, _ in curve(record, "samples/grid.width")] == [64, 128, 192, 256]
    assert json.loads(inspect(record, "--summary"))["run_id"] == ID


def test_the_record_names_neither_machine_nor_paths(tmp_path):
    folder = tmp_path / "run"
    trackers = started(folder)
    trackers.log({"train/loss": 0.5}, 64)
    trackers.finish("done")
    record = newest_record(folder)
    content = record.read_bytes()
    for private in (socket.gethostname().encode(), str(tmp_path).encode(), sys.executable.encode()):
        assert len(private) < 4 or private not in content
    assert not list(record.parent.glob("files/*"))


def test_without_a_key_one_line_says_that_the_run_is_offline(tmp_path, caplog):
    trackers = started(tmp_path / "run", mode="online")
    trackers.log({"train/loss": 0.5}, 64)
    trackers.finish("done")
    (line,) = [record.message for record in caplog.records if record.name.startswith("diptych")]
    assert line == "W&B is recorded offline: no API key (`wandb login` stores one)"
    assert curve(newest_record(tmp_path / "run"), "train/loss") == [(64, 0.5)]


def test_without_a_network_the_run_is_offline_within_seconds(tmp_path, caplog, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    begin = time.monotonic()
    trackers = started(tmp_path / "run", mode="online", base_url="http://127.0.0.1:9")
    trackers.log({"train/loss": 0.5}, 64)
    trackers.finish("done")
    assert time.monotonic() - begin < 14  # W&B itself would wait for its timeout of 15
    assert "http://127.0.0.1:9 cannot be reached" in caplog.text
    assert curve(newest_record(tmp_path / "run"), "train/loss") == [(64, 0.5)]


def test_a_server_that_never_answers_is_given_up_after_the_timeout(tmp_path, caplog, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        trackers = started(tmp_path / "run", mode="online", base_url=url, init_timeout_seconds=2)
        trackers.log({"train/loss": 0.5}, 64)
        trackers.finish("done")
    assert "W&B is recorded offline" in caplog.text
    assert curve(newest_record(tmp_path / "run"), "train/loss") == [(64, 0.5)]


class Server:
    """Stands for the library with a key and a server that answers: remembers what a run is told."""

    Settings = dict

    def __init__(self, resumed):
        self.history, self.summary, self.options, self.exit_code = [], {}, {}, None
        self.settings = SimpleNamespace(mode="online", base_url="http://server")
        self.run = SimpleNamespace(
            resumed=resumed,
            offline=False,
            url="http://server/runs/1",
            dir="",
            summary=self.summary,
            define_metric=lambda name, step_metric=None: None,
            log=self.history.append,
            finish=lambda exit_code: setattr(self, "exit_code", exit_code),
        )

    def setup(self, settings):
        return self

    def login(self, prompt, verify):
        return True

    def init(self, **options):
        self.options = options
        (Path(options["dir"]) / "wandb").mkdir(exist_ok=True)
        return self.run


@pytest.fixture
def online(monkeypatch):
    def connected(resumed):
        server = Server(resumed)
        monkeypatch.setattr("diptych.tracking.weights_and_biases._wandb", lambda: server)
        monkeypatch.setattr("diptych.tracking.weights_and_biases.answers", lambda url: True)
        return server

    return connected


def test_online_the_address_is_shown_at_the_end(tmp_path, online):
    server = online(resumed=False)
    trackers = started(tmp_path / "run", mode="online")
    trackers.log({"train/loss": 0.5}, 64)
    assert trackers.finish("failed") == ["W&B: http://server/runs/1"]
    assert server.history == [{"train/loss": 0.5, "images": 64}]
    assert (server.options["id"], server.options["mode"]) == (ID, "online")
    assert server.exit_code == 1


@pytest.mark.parametrize(("resumed", "images"), [(True, [192]), (False, [64, 128, 192])])
def test_online_only_what_the_server_lacks_is_repeated(tmp_path, online, resumed, images):
    """A run whose beginning was recorded offline is not on the server when it goes on online."""
    first = started(tmp_path / "run")
    for count in (64, 128):
        first.log({"train/loss": 0.5}, count)
    first.finish("stopped")
    server = online(resumed)
    second = started(tmp_path / "run", resume_images=128, mode="online")
    second.log({"train/loss": 0.5}, 192)
    assert [row["images"] for row in server.history] == images


def test_figures_measured_later_join_an_online_runs_summary(tmp_path, online):
    server = online(resumed=True)
    line = WandbTracker(project="tests").amend(RunInfo(ID, "demo", tmp_path), {"painter/test/fully true": 0.97})
    assert server.summary["painter/test/fully true"] == 0.97
    assert (server.options["id"], server.options["config"], server.history) == (ID, {}, [])
    assert line == "W&B: http://server/runs/1"


def test_figures_measured_later_leave_an_offline_record_alone(tmp_path):
    trackers = started(tmp_path / "run")
    trackers.finish("done")
    before = newest_record(tmp_path / "run").read_bytes()
    line = WandbTracker(project="tests").amend(RunInfo(ID, "demo", tmp_path / "run"), {"fully true": 0.97})
    assert "offline" in line
    assert len(list((tmp_path / "run").glob("wandb/offline-run-*"))) == 1
    assert newest_record(tmp_path / "run").read_bytes() == before


def test_an_unknown_mode_names_the_key():
    with pytest.raises(ValueError, match=r"tracking\.wandb\.mode is 'of'"):
        WandbTracker(project="tests", mode="of")


def test_only_a_listening_server_answers():
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        assert answers(url)
    assert not answers(url, timeout_seconds=1)


@pytest.mark.parametrize(
    ("sweep", "options", "group"), [("lr", {}, "lr"), ("", {}, "demo"), ("lr", {"group": "own"}, "own")]
)
def test_runs_of_a_sweep_are_a_group(tmp_path, sweep, options, group):
    folder = tmp_path / "run"
    folder.mkdir()
    trackers = Trackers([CsvTracker(), WandbTracker(project="tests", mode="offline", **options)])
    trackers.start({}, RunInfo(ID, "demo", folder, sweep=sweep))
    trackers.finish("done")
    (run,) = [r["run"] for r in map(json.loads, inspect(newest_record(folder)).splitlines()) if r["type"] == "run"]
    assert (run["run_group"], run["job_type"]) == (group, "train")
