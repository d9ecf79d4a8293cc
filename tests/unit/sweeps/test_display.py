"""The status and the display of a sweep."""

import io
import logging

import pytest
from rich.console import Console

from diptych.runs.folder.layout import RunFolder
from diptych.sweeps.display import LineDisplay, TableDisplay
from diptych.sweeps.folder import SweepFolder
from diptych.sweeps.jobs import Jobs
from diptych.sweeps.status import duration, status_of


@pytest.fixture
def folder(tmp_path) -> SweepFolder:
    """Two runs that differ in their seed, one of them begun."""
    folder = SweepFolder(tmp_path / "outputs" / "sweeps" / "lr", tmp_path / "outputs")
    folder.path.mkdir(parents=True)
    for number in range(2):
        arguments = ["model=dcgan", f"seed={number}"]
        folder.ledger.append("planned", job=number, run_id=f"run-{number}", arguments=arguments)
    folder.ledger.append("started", job=0, handle="1:1", slot=0)
    return folder


def ended(folder: SweepFolder, state: str, why: str = "") -> None:
    folder.ledger.append("ended", job=0, state=state, why=why, progress=0, code=1)


def test_the_last_table_shows_how_the_sweep_ended(folder):
    terminal = io.StringIO()
    display = TableDisplay(folder, 1, Console(file=terminal, force_terminal=True, width=80, height=30))
    jobs = folder.jobs()
    display.show(jobs)
    jobs.apply({"event": "ended", "job": 0, "state": "done", "why": "", "progress": 0})
    display.show(jobs)  # too soon to be drawn
    display.close()
    last = terminal.getvalue().rpartition("sweep lr")[2]
    assert "1 queued, 1 done" in last
    assert "running" not in last
    assert "seed=0" in last
    assert "model=dcgan" not in last


@pytest.mark.parametrize("value", ["[/a]", "[conv,pool]", "[red]"])
def test_values_in_brackets_are_not_read_as_markup(tmp_path, value):
    folder = SweepFolder(tmp_path / "outputs" / "sweeps" / "lr", tmp_path / "outputs")
    folder.path.mkdir(parents=True)
    for number, arguments in enumerate(([f"kinds={value}"], ["kinds=[]"])):
        folder.ledger.append("planned", job=number, run_id=f"run-{number}", arguments=arguments)
    terminal = io.StringIO()
    display = TableDisplay(folder, 1, Console(file=terminal, width=80, height=30))
    display.show(folder.jobs())
    display.close()
    assert f"kinds={value}" in terminal.getvalue()


def test_the_time_left_counts_the_runs_at_a_time(folder):
    RunFolder.create(folder.outputs, "exp", "run-0").write_status("done")
    ended(folder, "done")
    one = status_of(folder, folder.jobs(), 1).seconds_left
    folder.write_request({"command": ["diptych"], "at_a_time": 4})
    assert status_of(folder, folder.jobs()).seconds_left == pytest.approx(one / 4)


def test_the_time_left_counts_the_start_up_of_runs(tmp_path):
    """Two runs of four have taken a minute of their slot each, and trained for a moment of it."""
    folder = SweepFolder(tmp_path / "outputs" / "sweeps" / "lr", tmp_path / "outputs")
    folder.path.mkdir(parents=True)
    minutes = iter(f"2026-01-01T00:0{minute}:00+00:00" for minute in range(4))
    for number in range(4):
        folder.ledger.append("planned", job=number, run_id=f"run-{number}", arguments=[f"seed={number}"])
    for number in range(2):
        run = RunFolder.create(folder.outputs, "exp", f"run-{number}")
        run.write_status("running")
        run.write_status("done")
        folder.ledger.append("started", job=number, handle="1:x", slot=0)
        folder.ledger.append("ended", job=number, state="done", why="", progress=1, code=0)
    moved = [
        event | ({"at": next(minutes)} if event["event"] in ("started", "ended") else {})
        for event in folder.ledger.read()
    ]
    assert status_of(folder, Jobs(moved), 1).seconds_left == pytest.approx(2 * 60)
    assert status_of(folder, Jobs(moved), 2).seconds_left == pytest.approx(60)


@pytest.mark.parametrize("width", [72, 80, 100])
def test_the_column_of_overrides_is_cut_first(tmp_path, width):
    folder = SweepFolder(tmp_path / "outputs" / "sweeps" / "lr", tmp_path / "outputs")
    folder.path.mkdir(parents=True)
    for number in range(2):
        rates = [f"generator_optimizer.lr=0.00{number}{'3' * 4}", f"discriminator_optimizer.lr=0.0{number}"]
        folder.ledger.append("planned", job=number, run_id=f"20261122-021404-7abcd{number}", arguments=rates)
    terminal = io.StringIO()
    display = TableDisplay(folder, 1, Console(file=terminal, width=width, height=30))
    display.show(folder.jobs())
    display.close()
    lines = terminal.getvalue().splitlines()
    assert any(line.split() == ["#", "run", "state", "images", "best", "overrides"] for line in lines)
    assert any("1  20261122-021404-7abcd0  queued" in line and line.rstrip().endswith("…") for line in lines)
    assert max(map(len, lines)) <= width


def test_a_sweep_outlives_its_terminal(folder):
    class Gone(io.StringIO):
        def write(self, *_):
            raise OSError("Input/output error")

    display = TableDisplay.__new__(TableDisplay)
    display.folder, display.num_slots, display.console, display._jobs, display._drawn = (
        folder,
        1,
        Console(file=Gone()),
        None,
        0.0,
    )

    class Broken:
        def update(self, *_, **__):
            raise OSError("Input/output error")

        stop = update

    display._live = Broken()
    display.show(folder.jobs())
    display.close()
    assert display._drawn > 0


def test_a_run_in_a_clusters_queue_is_shown_as_queued(folder, caplog):
    caplog.set_level(logging.INFO, "diptych.sweeps")
    display = LineDisplay(folder, 1)
    folder.ledger.append("waits", job=0, waits=True)
    display.show(folder.jobs())
    folder.ledger.append("waits", job=0, waits=False)
    display.show(folder.jobs())
    assert [record.message for record in caplog.records] == [
        "[1/2] run-0 queued  seed=0",
        "sweep lr: 2 queued",
        "[1/2] run-0 running  seed=0",
        "sweep lr: 1 queued, 1 running",
    ]


def test_without_a_terminal_each_change_is_one_line(folder, caplog):
    caplog.set_level(logging.INFO, "diptych.sweeps")
    display = LineDisplay(folder, 1)
    display.show(folder.jobs())
    display.show(folder.jobs())
    ended(folder, "failed", "RuntimeError: out of memory\nmore")
    display.show(folder.jobs())
    said = [record.message for record in caplog.records]
    assert said == [
        "[1/2] run-0 running  seed=0",
        "sweep lr: 1 queued, 1 running",
        "[1/2] run-0 failed  seed=0: RuntimeError: out of memory",
        "sweep lr: 1 queued, 1 failed",
    ]


def test_a_standing_is_plain_values(folder):
    ended(folder, "lost", "killed by signal 9")
    status = status_of(folder, folder.jobs()).to_dict()
    assert status["counts"] == {"queued": 1, "lost": 1}
    assert status["runs"][0] | {"seconds": 0} == {
        "job": 0,
        "run": "run-0",
        "state": "lost",
        "why": "killed by signal 9",
        "starts": 1,
        "overrides": "seed=0",
        "images": 0,
        "best": None,
        "seconds": 0,
    }


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (89, "89 s"), (91, "2 min"), (7200, "2 h"), (200_000, "2 d")]
)
def test_durations_are_rounded_to_one_unit(seconds, words):
    assert duration(seconds) == words
