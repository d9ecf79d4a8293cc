import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from diptych.cli.main import main
from diptych.config import UserError
from diptych.runs.folder.find import all_runs, find_run, sweep_members
from diptych.runs.folder.identity import RUN_ID_VARIABLE, check_name, inherited_or_new_run_id
from diptych.runs.folder.layout import RunFolder
from diptych.runs.folder.status import DAMAGED, DONE, FAILED, RUNNING, Status


@pytest.fixture
def outputs(tmp_path):
    return tmp_path / "outputs"


def make(outputs, run_id: str, name: str = "digits", task: str = "text_to_image", status: str = DONE) -> RunFolder:
    folder = RunFolder.create(outputs, name, run_id)
    folder.write_config({"system": {"_target_": "diptych.systems.A"}})
    folder.write_task(task)
    folder.write_status(status)
    return folder


def test_an_id_is_never_used_twice(outputs):
    make(outputs, "one")
    with pytest.raises(UserError, match="exists already"):
        make(outputs, "one")


def test_a_name_with_folders_becomes_one_folder(outputs):
    assert make(outputs, "one", name="scenes/generator").path == outputs / "scenes_generator" / "one"


def test_a_written_configuration_and_status_are_read_back(outputs):
    folder = make(outputs, "one")
    config = {"name": "ä", "trainer": {"threads": None}, "list": [1, 2.5, "three"]}
    folder.write_config(config)
    assert folder.read_config() == config
    folder.write_status(FAILED, "out of generate", images_seen=7, best=0.5)
    status = folder.read_status()
    assert (status.status, status.why, status.images_seen, status.best) == (FAILED, "out of generate", 7, 0.5)


def test_the_first_start_stays_when_the_status_changes(outputs):
    folder = make(outputs, "one")
    started = folder.read_status().started
    folder.write_status(FAILED)
    assert folder.read_status().started == started
    assert folder.read_status().updated > started


def given_times(folder, **times) -> Status:
    """The run's status, with these times in its file."""
    file = folder.path / "status.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | times))
    return folder.read_status()


def test_time_between_starts_does_not_count_as_training(outputs):
    folder = make(outputs, "one", status=RUNNING)
    given_times(folder, resumed=at(0), updated=at(30), status=DONE)
    folder.write_status(RUNNING)
    assert folder.read_status().seconds == 30
    given_times(folder, resumed=at(3600))
    folder.write_status(DONE)
    assert given_times(folder, updated=at(3605)).seconds == 35


def test_a_start_that_was_killed_counts_up_to_its_last_checkpoint(outputs):
    folder = make(outputs, "one", status=RUNNING)
    given_times(folder, resumed=at(0), updated=at(0))
    folder.last.touch()
    os.utime(folder.last, (datetime.fromisoformat(at(40)).timestamp(),) * 2)
    folder.write_status(RUNNING)
    assert folder.read_status().seconds == 40


def test_a_heartbeat_is_not_a_new_start(outputs):
    folder = make(outputs, "one", status=RUNNING)
    given_times(folder, resumed=at(0), updated=at(0))
    folder.write_sign_of_life(640, 0.5)
    status = folder.read_status()
    assert (status.status, status.images_seen, status.best, status.resumed) == (RUNNING, 640, 0.5, at(0))


def test_a_status_without_resume_times_is_read_and_continued(outputs):
    folder = make(outputs, "one")
    old = {"status": DONE, "started": at(0), "updated": at(30), "pid": 1}
    (folder.path / "status.json").write_text(json.dumps(old))
    assert folder.read_status().seconds == 30
    folder.write_status(RUNNING)
    assert (folder.read_status().started, folder.read_status().seconds) == (at(0), 30)


def burn(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_core_seconds_count_the_starts_and_nothing_between_them(outputs):
    folder = make(outputs, "one", status=RUNNING)
    before = folder.read_status().core_seconds
    burn(0.2)
    folder.write_sign_of_life(640, 0.5)
    first = folder.read_status().core_seconds
    assert first - before >= 0.2
    burn(0.2)  # killed, and resumed by this process: what it did since its last heartbeat nobody knows
    folder.write_status(RUNNING)
    assert folder.read_status().core_seconds == first
    burn(0.1)
    folder.write_status(DONE)
    assert 0.1 <= folder.read_status().core_seconds - first < 0.2
    assert folder.read_status().peak_memory_mib > 10


def test_another_process_adds_nothing_to_the_cost_of_a_run(outputs):
    folder = make(outputs, "one", status=RUNNING)
    given_times(folder, pid=1, born="", core_seconds=5.0)
    folder.write_status(FAILED)
    assert folder.read_status().core_seconds == 5.0


def test_the_cost_of_a_run_that_an_older_version_began_stays_unknown(outputs):
    folder = make(outputs, "one")
    (folder.path / "status.json").write_text(json.dumps({"status": DONE, "started": at(0), "updated": at(30)}))
    folder.write_status(RUNNING)
    folder.write_status(DONE)
    assert folder.read_status().core_seconds is None


def test_counted_parameters_are_read_back_and_unknown_ones_are_none(outputs):
    folder = make(outputs, "one")
    assert folder.read_parameters() == {}
    folder.write_parameters({"generator": 7})
    assert folder.read_parameters() == {"generator": 7}


def at(seconds: int) -> str:
    return (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).isoformat(timespec="microseconds")


def test_every_start_is_kept_in_the_environment(outputs):
    folder = make(outputs, "one")
    folder.write_environment({"python": "3.11"})
    folder.write_environment({"python": "3.12"})
    assert [s["python"] for s in json.loads((folder.path / "environment.json").read_text())["starts"]] == [
        "3.11",
        "3.12",
    ]


@pytest.mark.parametrize("content", [b"", b"\0" * 64, b"\xff", b"[]", b"{}", b'{"starts": [1]}'])
def test_an_unreadable_environment_is_named_and_replaced(outputs, content, caplog):
    folder = make(outputs, "one")
    (folder.path / "environment.json").write_bytes(content)
    folder.write_environment({"python": "3.12"})
    assert [record.getMessage().partition(" is damaged")[0] for record in caplog.records] == [
        str(folder.path / "environment.json")
    ]
    assert folder.read_environment() == [{"python": "3.12"}]


def test_a_failed_write_leaves_the_environment_unchanged(outputs, monkeypatch):
    folder = make(outputs, "one")
    folder.write_environment({"python": "3.11"})
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(5, "Input/output error")))
    with pytest.raises(OSError, match="Input/output error"):
        folder.write_environment({"python": "3.12"})
    assert folder.read_environment() == [{"python": "3.11"}]
    assert not list(folder.path.glob("*.partial"))


def test_a_running_run_whose_process_is_gone_is_lost(outputs):
    folder = make(outputs, "one", status=RUNNING)
    assert folder.read_status().is_alive
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    status = Status(RUNNING, pid=gone.pid, host=os.uname().nodename)
    assert not status.is_alive
    assert status.label == "lost"
    assert Status(RUNNING, pid=gone.pid, host="elsewhere").is_alive


def test_another_process_with_the_same_number_is_not_taken_for_the_run_s(outputs):
    status = make(outputs, "one", status=RUNNING).read_status()
    assert not replace(status, born=status.born + "1").is_alive


def test_the_best_checkpoint_is_preferred_and_none_is_explained(outputs):
    folder = make(outputs, "one")
    with pytest.raises(UserError, match="no checkpoint yet"):
        folder.checkpoint()
    folder.last.touch()
    assert folder.checkpoint() == folder.last
    folder.best.touch()
    assert folder.checkpoint() == folder.best


def test_runs_are_found_by_folder_id_prefix_and_random_part(outputs):
    run = make(outputs, "20260101-000000-abc123")
    make(outputs, "20260101-000001-def456")
    for text in (str(run.path), run.run_id, "20260101-000000", "abc", "abc123"):
        assert find_run(text, outputs).run_id == run.run_id


def test_an_ambiguous_prefix_names_the_candidates(outputs):
    make(outputs, "20260101-000000-abc123")
    make(outputs, "20260101-000001-def456")
    with pytest.raises(UserError, match=r"ambiguous[\s\S]*def456[\s\S]*abc123"):
        find_run("2026", outputs)


def test_an_exact_id_is_not_ambiguous_with_a_longer_one(outputs):
    make(outputs, "run")
    make(outputs, "run2")
    assert find_run("run", outputs).run_id == "run"


def test_the_error_for_an_unknown_run_lists_the_existing_ones(outputs):
    make(outputs, "20260101-000000-abc123")
    with pytest.raises(UserError, match=r"no run 'zzz'[\s\S]*abc123"):
        find_run("zzz", outputs)
    with pytest.raises(UserError, match="none yet"):
        find_run("zzz", outputs / "elsewhere")


def test_the_error_for_a_folder_that_is_no_run_lists_the_runs_inside(outputs):
    run = make(outputs, "one")
    with pytest.raises(UserError, match=f"name one of .*{run.run_id}"):
        find_run(str(run.path.parent), outputs)


def test_latest_is_the_last_started_run_of_the_requested_task(outputs):
    make(outputs, "b-first", task="captioning")
    make(outputs, "a-second", task="text_to_image")
    assert find_run("latest", outputs).run_id == "a-second"
    assert find_run("latest", outputs, task="captioning").run_id == "b-first"
    with pytest.raises(UserError, match="no run for retrieval"):
        find_run("latest", outputs, task="retrieval")


@pytest.mark.parametrize("status", ["failed", "stopped"])
def test_latest_skips_a_run_that_ended_before_its_first_step(outputs, status):
    make(outputs, "a-sound")
    make(outputs, "b-refused", status=status)
    assert find_run("latest", outputs).run_id == "a-sound"
    assert find_run("b-refused", outputs).run_id == "b-refused"


def test_overrides_distinguish_runs_of_one_name_within_80_columns(outputs, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    common = ["model=dcgan", "data=digits", "budget_images=64"]
    for run_id, own in (("one", []), ("two", ["objective=hinge"]), ("three", [f"system.key{i}=1" for i in range(9)])):
        make(outputs, run_id).write_overrides([*common, *own])
    assert main(["runs", "--outputs", str(outputs)]) == 0
    _, *lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert [line.split()[0] for line in lines] == ["one", "two", "objective=hinge", "three", "system.key0=1"]
    assert lines[-1].endswith(" …")


def test_the_task_is_what_was_written_down(outputs):
    assert make(outputs, "one", task="captioning").task == "captioning"


def test_links_to_runs_are_not_runs(outputs):
    run = make(outputs, "one")
    sweep = outputs / "sweeps" / "s"
    sweep.mkdir(parents=True)
    (sweep / "one").symlink_to(run.path)
    (outputs / "demo").mkdir()
    (outputs / "demo" / "generator").symlink_to(run.path)
    assert [r.run_id for r in all_runs(outputs)] == ["one"]
    assert sweep_members("s", outputs) == sweep_members(str(sweep), outputs) == {"one"}
    with pytest.raises(UserError, match="there are: s"):
        sweep_members("t", outputs)


@pytest.mark.parametrize("file", ["status.json", "config.yaml"])
@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\x00", b'{"generate": 1}'])
def test_a_damaged_run_is_listed_as_damaged_and_hides_no_other_one(outputs, file, content, capsys):
    damaged, sound = make(outputs, "damaged"), make(outputs, "sound")
    (damaged.path / file).write_bytes(content)
    assert main(["runs", "--outputs", str(outputs), "--json"]) == 0
    states = {row["id"]: row["status"] for row in json.loads(capsys.readouterr().out)}
    readable = file == "config.yaml" and b"generate" in content
    assert states == {"damaged": DONE if readable else DAMAGED, "sound": DONE}
    assert find_run("latest", outputs, task="text_to_image") == RunFolder(sound.path.resolve())


def test_a_configuration_that_cannot_be_read_is_named(outputs):
    run = make(outputs, "one")
    run.config.write_text("")
    with pytest.raises(UserError, match=r"config\.yaml is damaged"):
        run.read_config()


def test_a_pipe_that_closes_early_is_no_error(outputs):
    make(outputs, "one")
    command = f"{sys.executable} -m diptych runs --outputs {outputs} | true"
    said = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert said.stderr == ""


@pytest.mark.parametrize("name", ["demo", "sweeps"])
def test_a_run_cannot_take_the_name_of_a_reserved_folder(name):
    check_name(f"{name}_of_mine")
    with pytest.raises(UserError, match=f"outputs/{name} is kept"):
        check_name(name)


def test_an_id_made_by_the_parent_is_inherited(monkeypatch):
    monkeypatch.setenv(RUN_ID_VARIABLE, "from-the-parent")
    assert inherited_or_new_run_id() == "from-the-parent"
    monkeypatch.setenv(RUN_ID_VARIABLE, "../escape")
    with pytest.raises(UserError, match="cannot name a folder"):
        inherited_or_new_run_id()
    monkeypatch.delenv(RUN_ID_VARIABLE)
    assert inherited_or_new_run_id() != inherited_or_new_run_id()
