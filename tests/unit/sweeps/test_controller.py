"""The controller, with scripted runs: each start of a run follows a script."""

import errno
import json
import os
import threading
import zipfile
from dataclasses import asdict, dataclass, field, replace

import pytest
from elsewhere import held_elsewhere

from diptych.config import UserError
from diptych.runs.folder.layout import RunFolder
from diptych.runs.folder.status import DIVERGED, DONE, FAILED, LOST, PREEMPTED, RUNNING, STOPPED, Status, now
from diptych.runs.lifecycle.signals import Stopped
from diptych.sweeps.control import retry
from diptych.sweeps.controller import Controller, Display, Policy, exclusive_lock
from diptych.sweeps.exit_status import End, progress_of
from diptych.sweeps.folder import SweepFolder
from diptych.sweeps.jobs import QUEUED
from diptych.sweeps.planning import Planner
from diptych.sweeps.resuming import start_arguments
from diptych.sweeps.search.planner import SearchPlanner
from diptych.sweeps.slots import Slot
from diptych.sweeps.starts import Start

SAVES, HANGS, LIVES, REFUSED, VANISHED = "saves", "hangs", "lives", "refused", "vanished"
FULL, UNSAID, LEFT = "disk full", "without a word", "left before it began"


@dataclass
class ScriptedWork:
    """A scripted start of a run: it writes its files at once, and ends at once unless it LIVES or HANGS."""

    handle: str
    run: RunFolder
    script: set[str]
    over: bool = False
    code: int | None = None
    waiting: bool = False
    asked: list[str] = field(default_factory=list)

    def begin(self) -> None:
        if self.script & {REFUSED, LEFT}:
            self.code, self.over = 2 if REFUSED in self.script else 0, True
            return
        self.run.checkpoints.mkdir(parents=True, exist_ok=True)
        self.run.write_config(
            {"generator": {"_target_": "elsewhere.ImageGenerator"}, "objective": {"_target_": "diptych.Hinge"}}
        )
        self.say(RUNNING)
        if SAVES in self.script:
            with zipfile.ZipFile(self.run.last, "w") as checkpoint:
                checkpoint.writestr("by", self.handle)
        for state, code in ((DONE, 0), (FAILED, 1), (DIVERGED, 1)):
            if state in self.script:
                self.leave(state, code)
        if FULL in self.script:
            self.leave(RUNNING if UNSAID in self.script else STOPPED, os.EX_TEMPFAIL)
        if LOST in self.script:
            self.code, self.over = -9, True

    def say(self, state: str, code: int | None = None) -> None:
        status = Status(state, handle=self.handle, updated=now(), images_seen=64, exit_code=code)
        (self.run.path / "status.json").write_text(json.dumps(asdict(status)))

    def leave(self, state: str, code: int) -> None:
        self.say(state)
        self.code, self.over = code, True

    def ended(self) -> bool:
        return self.over

    def waits(self) -> bool:
        return self.waiting

    def end(self) -> End:
        return End(self.code)

    def stop(self) -> None:
        self.asked.append("stop")
        self.leave(STOPPED, 143)

    def kill(self) -> None:
        self.asked.append("kill")
        self.code, self.over = -9, True


class ScriptedExecutor:
    """An executor that follows each run's scripts, one per start; after the last script the run is done."""

    look_every_seconds = 0.001
    is_of_one_machine = True

    def __init__(self, outputs, **scripts) -> None:
        self.outputs, self.scripts = outputs, {name.replace("_", "-"): list(s) for name, s in scripts.items()}
        self.started: list[tuple[str, list[str], Slot]] = []
        self.works: dict[str, ScriptedWork] = {}

    def submit(self, starts):
        return [self.begin(start) for start in starts]

    def begin(self, start):
        run_id = start.variables["DIPTYCH_RUN_ID"]
        self.started.append((run_id, start.command()[3:], start.slot))
        script = self.scripts.get(run_id, [])
        work = ScriptedWork(
            f"work-{len(self.started)}",
            RunFolder(self.outputs / "exp" / run_id),
            set(script.pop(0) if script else [DONE]),
        )
        if REFUSED in work.script:
            start.log.parent.mkdir(exist_ok=True)
            start.log.write_text("hint\n\ndiptych train: gpus=7: there are no seven GPUs;\nthere are\none\ntwo\n")
        work.begin()
        self.works[work.handle] = work
        return work

    def adopt(self, handle):
        work = self.works.get(handle)
        return work if work and not work.over else None

    def end_of(self, handle):
        return End()


@pytest.fixture
def folder(tmp_path) -> SweepFolder:
    """Three planned runs."""
    outputs = tmp_path / "outputs"
    folder = SweepFolder(outputs / "sweeps" / "lr", outputs)
    folder.path.mkdir(parents=True)
    for number in range(3):
        folder.ledger.append("planned", job=number, run_id=f"run-{number}", arguments=[f"seed={number}"])
    (folder.path / "sweep.yaml").write_text("- command: [diptych, train, -m]\n")
    return folder


def carried_out(
    folder: SweepFolder, executor: ScriptedExecutor, slots: int = 2, planner: Planner | None = None, **policy
):
    with exclusive_lock(folder):
        return Controller(folder, executor, [Slot(i) for i in range(slots)], Policy(**policy), Display(), planner).run()


def start_of(folder: SweepFolder, number: int) -> Start:
    return Start(folder.jobs()[number], folder, Slot(number))


def states(folder: SweepFolder) -> list[str]:
    return [job.state for job in folder.jobs()]


def test_every_job_is_done_once_and_linked(folder):
    executor = ScriptedExecutor(folder.outputs)
    carried_out(folder, executor)
    assert states(folder) == [DONE] * 3
    assert sorted(run_id for run_id, _, _ in executor.started) == ["run-0", "run-1", "run-2"]
    assert all(arguments[0] == "train" for _, arguments, _ in executor.started)
    assert {link.name for link in folder.path.iterdir() if link.is_symlink()} == {"run-0", "run-1", "run-2"}


def test_each_run_has_its_own_slot_and_no_more_runs_than_slots(folder):
    executor = ScriptedExecutor(folder.outputs, run_0=[{LIVES}], run_1=[{LIVES}])
    stop_after(folder, executor, starts=2)
    assert [slot.number for _, _, slot in executor.started] == [0, 1]


def test_a_failure_stops_no_other_run_and_is_not_retried(folder):
    executor = ScriptedExecutor(folder.outputs, run_0=[{FAILED}], run_1=[{DIVERGED}])
    carried_out(folder, executor)
    assert states(folder) == [FAILED, DIVERGED, DONE]
    again = ScriptedExecutor(folder.outputs)
    carried_out(folder, again)
    assert again.started == []


def test_with_fail_fast_no_run_starts_after_a_failure(folder):
    executor = ScriptedExecutor(folder.outputs, run_0=[{FAILED}])
    carried_out(folder, executor, slots=1, fail_fast=True)
    assert states(folder) == [FAILED, QUEUED, QUEUED]


def test_with_fail_fast_a_search_ends_at_a_failure_but_not_at_a_divergence(folder):
    class Learning(Planner):
        bad_ends = SearchPlanner.bad_ends

    executor = ScriptedExecutor(folder.outputs, run_0=[{DIVERGED}], run_1=[{FAILED}])
    carried_out(folder, executor, slots=1, planner=Learning(), fail_fast=True)
    assert states(folder) == [DIVERGED, FAILED, QUEUED]


def test_a_step_that_fails_on_a_full_disk_is_repeated(folder, monkeypatch, caplog):
    whole, full = SweepFolder.link, [OSError(errno.ENOSPC, "No space left on device", "link")] * 3

    def link(self, run):
        if full:
            raise full.pop()
        whole(self, run)

    monkeypatch.setattr(SweepFolder, "link", link)
    carried_out(folder, ScriptedExecutor(folder.outputs))
    assert states(folder) == [DONE] * 3
    assert caplog.text.count("waiting for room on the disk") == 1


def test_a_controller_that_fails_says_that_its_runs_go_on(folder, monkeypatch, caplog):
    def link(self, run):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(SweepFolder, "link", link)
    with pytest.raises(OSError, match="Input/output error"):
        carried_out(folder, ScriptedExecutor(folder.outputs, run_0=[{LIVES}], run_1=[{LIVES}]))
    assert "2 runs go on alone" in caplog.text


def test_a_lost_run_resumes_from_its_checkpoint_under_its_own_id(folder):
    executor = ScriptedExecutor(folder.outputs, run_0=[{LOST, SAVES}])
    carried_out(folder, executor, slots=1)
    assert states(folder) == [DONE] * 3
    (begun, _, _), (resumed, arguments, _) = [start for start in executor.started if start[0] == "run-0"]
    assert begun == resumed
    assert arguments == ["resume", str(folder.outputs / "exp" / "run-0"), "--trust", "elsewhere"]
    assert executor.started[1][0] == "run-0"  # before any new run starts


def test_a_run_lost_before_its_first_checkpoint_starts_afresh(folder):
    executor = ScriptedExecutor(folder.outputs, run_0=[{LOST}])
    carried_out(folder, executor, slots=1)
    assert [arguments for run_id, arguments, _ in executor.started if run_id == "run-0"] == [["train", "seed=0"]] * 2


def test_three_losses_are_a_failure_only_without_progress(folder):
    executor = ScriptedExecutor(
        folder.outputs, run_0=[{LOST}] * 5, run_1=[{LOST, SAVES}] * 5, run_2=[{LOST, SAVES}, {LOST}, {LOST}]
    )
    carried_out(folder, executor, slots=1)
    assert states(folder) == [FAILED, DONE, DONE]
    assert folder.jobs()[0].starts == 3
    assert "lost 3 times" in folder.jobs()[0].why
    assert folder.jobs()[1].starts == 6


def test_a_refused_run_fails_with_the_message_of_its_command(folder):
    carried_out(folder, ScriptedExecutor(folder.outputs, run_0=[{REFUSED}]))
    assert states(folder) == [FAILED, DONE, DONE]
    assert folder.jobs()[0].why == "diptych train: gpus=7: there are no seven GPUs; there are one"


def test_a_start_that_exits_before_its_run_begins_is_lost_and_repeated(folder):
    carried_out(folder, ScriptedExecutor(folder.outputs, run_0=[{LEFT}], run_1=[{LEFT}] * 3))
    assert states(folder) == [DONE, FAILED, DONE]
    assert [job.starts for job in folder.jobs()] == [2, 3, 1]


def test_a_run_that_hangs_is_killed_and_lost(folder):
    executor = ScriptedExecutor(folder.outputs, run_0=[{HANGS, SAVES}])
    carried_out(folder, executor, hung_seconds=0.05)
    assert executor.works["work-1"].asked == ["kill"]
    assert states(folder) == [DONE] * 3
    assert folder.jobs()[0].starts == 2


def test_a_run_that_waits_in_a_queue_does_not_count_as_hung(folder):
    executor = ScriptedExecutor(folder.outputs, run_0=[{LIVES}])
    work = executor.begin(start_of(folder, 0))
    folder.ledger.append("started", job=0, handle=work.handle, slot=0)
    work.waiting = True
    threading.Timer(0.3, setattr, (work, "waiting", False)).start()
    threading.Timer(0.4, work.leave, (DONE, 0)).start()
    carried_out(folder, executor, hung_seconds=0.2)
    assert work.asked == []
    assert [job.starts for job in folder.jobs()] == [1, 1, 1]
    assert [event["waits"] for event in folder.ledger.read() if event["event"] == "waits"] == [True, False]


@pytest.mark.parametrize(
    ("end", "states_of_job"), [(End(), [LOST, DONE]), (End(140), [LOST, DONE]), (End(state=STOPPED), [STOPPED])]
)
def test_a_preempted_run_that_is_not_requeued_restarts_unless_somebody_cancelled_it(folder, end, states_of_job):
    executor = ScriptedExecutor(folder.outputs, run_0=[{LIVES, SAVES}])
    work = executor.begin(start_of(folder, 0))
    folder.ledger.append("started", job=0, handle=work.handle, slot=0)
    work.say(PREEMPTED)
    work.over = True
    executor.end_of = lambda handle: end
    with exclusive_lock(folder):
        controller = Controller(folder, executor, [Slot(0)], Policy(), Display())
        controller._adopt()
        while controller._step():
            pass
    ended = [event["state"] for event in folder.ledger.read() if event["event"] == "ended" and event["job"] == 0]
    assert ended == states_of_job


def test_jobs_that_a_call_does_not_take_stay_as_they_are(folder):
    stop_after(folder, ScriptedExecutor(folder.outputs, run_0=[{LIVES, SAVES}]), starts=1)
    with exclusive_lock(folder):
        executor = ScriptedExecutor(folder.outputs)
        Controller(folder, executor, [Slot(0)], Policy(), Display(), takes=lambda job: job.run_id == "run-2").run()
    assert states(folder) == [STOPPED, STOPPED, DONE]


def test_a_stopped_sweep_lets_every_run_save_and_resumes_later(folder):
    executor = ScriptedExecutor(folder.outputs, run_0=[{LIVES, SAVES}], run_1=[{LIVES}])
    stop_after(folder, executor, starts=2)
    assert states(folder) == [STOPPED, STOPPED, QUEUED]
    assert [work.asked for work in executor.works.values()] == [["stop"], ["stop"]]
    later = ScriptedExecutor(folder.outputs)
    carried_out(folder, later)
    assert states(folder) == [DONE] * 3
    assert {run_id: arguments[0] for run_id, arguments, _ in later.started} == {
        "run-0": "resume",
        "run-1": "train",
        "run-2": "train",
    }


def test_the_next_controller_adopts_the_runs_of_a_killed_one(folder):
    executor = ScriptedExecutor(folder.outputs, run_0=[{LIVES, SAVES}], run_1=[{LIVES, SAVES}])
    for number in (0, 1):
        work = executor.begin(start_of(folder, number))
        folder.ledger.append("started", job=number, handle=work.handle, slot=number)
    executor.works["work-1"].leave(DONE, 0)  # while no controller runs
    threading.Timer(0.1, executor.works["work-2"].leave, (DONE, 0)).start()
    carried_out(folder, executor)
    assert states(folder) == [DONE] * 3
    assert [run_id for run_id, _, _ in executor.started] == ["run-0", "run-1", "run-2"]


def test_a_run_that_vanished_between_controllers_is_lost_and_resumed(folder):
    executor = ScriptedExecutor(folder.outputs, run_0=[{LIVES, SAVES}])
    work = executor.begin(start_of(folder, 0))
    folder.ledger.append("started", job=0, handle=work.handle, slot=0)
    work.over = True
    carried_out(folder, executor)
    assert states(folder) == [DONE] * 3
    assert "its process vanished" in [event["why"] for event in folder.ledger.read() if event["event"] == "ended"]


def test_a_run_that_started_without_a_note_is_adopted_and_not_started_twice(folder):
    executor = ScriptedExecutor(folder.outputs, run_0=[{LIVES}])
    orphan = executor.begin(start_of(folder, 0))
    threading.Timer(0.1, orphan.leave, (DONE, 0)).start()
    carried_out(folder, executor)
    assert states(folder) == [DONE] * 3
    assert [run_id for run_id, _, _ in executor.started] == ["run-0", "run-1", "run-2"]
    assert folder.jobs()[0].handle == orphan.handle


def test_a_run_on_another_machine_is_left_alone(folder):
    executor = ScriptedExecutor(folder.outputs, run_0=[{SAVES}])
    work = executor.begin(start_of(folder, 0))
    folder.ledger.append("started", job=0, handle="gone", slot=0)
    status = work.run.read_status()
    (work.run.path / "status.json").write_text(json.dumps(asdict(replace(status, status=RUNNING, host="far"))))
    with held_elsewhere(work.run.lock), pytest.raises(UserError, match=r"run-0 .* on another machine \(far\)"):
        carried_out(folder, executor)
    assert states(folder)[0] == RUNNING
    carried_out(folder, ScriptedExecutor(folder.outputs))
    assert states(folder) == [DONE] * 3


def test_a_run_resumed_by_hand_to_its_end_is_done(folder):
    stop_after(folder, ScriptedExecutor(folder.outputs, run_0=[{LIVES, SAVES}], run_1=[{LIVES, SAVES}]), starts=2)
    assert states(folder)[0] == STOPPED
    run = folder.run_of(folder.jobs()[0])
    (run.path / "status.json").write_text(json.dumps(asdict(Status(DONE, handle="by hand", updated=now()))))
    executor = ScriptedExecutor(folder.outputs)
    carried_out(folder, executor)
    assert states(folder) == [DONE] * 3
    assert sorted(run_id for run_id, _, _ in executor.started) == ["run-1", "run-2"]


def test_a_run_that_ended_between_controllers_is_linked(folder):
    executor = ScriptedExecutor(folder.outputs, run_0=[{DONE}])
    work = executor.begin(start_of(folder, 0))
    folder.ledger.append("started", job=0, handle=work.handle, slot=0)
    carried_out(folder, ScriptedExecutor(folder.outputs))
    assert states(folder) == [DONE] * 3
    assert (folder.path / "run-0").is_symlink()


def test_a_run_that_ignores_the_stop_is_asked_again_and_then_killed(folder, monkeypatch):
    monkeypatch.setattr("diptych.sweeps.controller.ASK_AGAIN_SECONDS", 0.05)
    monkeypatch.setattr(ScriptedWork, "stop", lambda self: self.asked.append("stop"))
    executor = ScriptedExecutor(folder.outputs, run_0=[{LIVES}])
    work = executor.begin(start_of(folder, 0))
    folder.ledger.append("started", job=0, handle=work.handle, slot=0)
    with exclusive_lock(folder):
        Controller(folder, executor, (), Policy(hung_seconds=0.5), Display()).stop()
    assert work.asked[:2] == ["stop", "stop"]
    assert work.asked[-1] == "kill"
    assert states(folder)[0] == LOST


def test_a_policy_that_would_kill_every_run_at_once_is_refused():
    with pytest.raises(UserError, match="hung_seconds=0: give more"):
        Policy(hung_seconds=0)


def test_a_late_start_does_not_end_the_run_of_the_earlier_one(folder):
    executor = ScriptedExecutor(folder.outputs, run_0=[{LIVES}, {REFUSED}])
    orphan = executor.begin(start_of(folder, 0))
    late = executor.begin(start_of(folder, 0))
    folder.ledger.append("started", job=0, handle=late.handle, slot=0)
    threading.Timer(0.5, orphan.leave, (DONE, 0)).start()
    carried_out(folder, executor)
    assert states(folder) == [DONE] * 3


def test_an_old_status_does_not_end_a_new_start(folder):
    executor = ScriptedExecutor(folder.outputs, run_0=[{FAILED, SAVES}])
    carried_out(folder, executor)
    retry(folder)
    silent = ScriptedExecutor(folder.outputs, run_0=[{LOST}])
    silent.started = [None] * 10  # other numbers of processes
    ScriptedWork.begin, begin = (
        (lambda self: setattr(self, "over", True) or setattr(self, "code", -9)),
        ScriptedWork.begin,
    )
    try:
        work = silent.begin(start_of(folder, 0))
    finally:
        ScriptedWork.begin = begin
    folder.ledger.append("started", job=0, handle=work.handle, slot=0)
    carried_out(folder, ScriptedExecutor(folder.outputs))
    assert [event["state"] for event in folder.ledger.read() if event["event"] == "ended" and event["job"] == 0] == [
        FAILED,
        LOST,
        DONE,
    ]


def test_no_run_starts_on_a_full_disk(folder, caplog):
    executor = ScriptedExecutor(folder.outputs)
    threading.Timer(0.1, folder.stop.touch).start()
    with pytest.raises(Stopped):
        carried_out(folder, executor, least_free_gb=1e9)
    assert executor.started == []
    assert caplog.text.count("are free on the disk") == 1


@pytest.mark.parametrize("unsaid", [set(), {UNSAID}])
def test_a_run_that_a_full_disk_stopped_resumes_from_its_checkpoint(folder, unsaid):
    executor = ScriptedExecutor(folder.outputs, run_0=[{FULL, SAVES, *unsaid}])
    carried_out(folder, executor, slots=1)
    assert states(folder) == [DONE] * 3
    assert [arguments[0] for run_id, arguments, _ in executor.started if run_id == "run-0"] == ["train", "resume"]


def test_a_run_that_a_full_disk_stopped_between_controllers_is_queued_again(folder):
    executor = ScriptedExecutor(folder.outputs, run_0=[{LIVES, SAVES}])
    work = executor.begin(start_of(folder, 0))
    folder.ledger.append("started", job=0, handle=work.handle, slot=0)
    work.say(STOPPED, os.EX_TEMPFAIL)
    work.over = True
    carried_out(folder, executor)
    assert states(folder) == [DONE] * 3
    assert [event["state"] for event in folder.ledger.read() if event["event"] == "ended"][:1] == [QUEUED]


def test_a_run_that_a_full_disk_stops_twice_without_progress_stays_stopped(folder):
    executor = ScriptedExecutor(folder.outputs, run_0=[{FULL, SAVES}, {FULL}, {FULL}], run_1=[{FULL}, {FULL}])
    carried_out(folder, executor, slots=1)
    assert states(folder) == [STOPPED, STOPPED, DONE]
    assert [job.starts for job in folder.jobs()] == [2, 1, 1]


def test_a_run_with_a_torn_last_checkpoint_resumes_from_the_previous_one(folder):
    job, run = folder.jobs()[0], RunFolder.create(folder.outputs, "exp", "run-0")
    for number, path in enumerate((run.previous, run.last)):
        with zipfile.ZipFile(path, "w") as checkpoint:
            checkpoint.writestr("weights", bytes(1000))
        os.utime(path, ns=(7 + number, 7 + number))
    assert progress_of(run) == 8
    run.last.write_bytes(run.last.read_bytes()[:500])
    assert progress_of(run) == 7
    assert start_arguments(job, run)[0] == "resume"
    run.previous.write_bytes(b"")
    assert start_arguments(job, run)[0] == "train"
    assert not run.path.exists()


def test_retry_queues_failed_and_diverged_runs(folder):
    carried_out(folder, ScriptedExecutor(folder.outputs, run_0=[{FAILED}], run_1=[{DIVERGED}]))
    assert "2 runs are queued again; resume the sweep with\ndiptych train -m" in retry(folder)
    carried_out(folder, ScriptedExecutor(folder.outputs))
    assert states(folder) == [DONE] * 3
    assert "no run of sweep lr failed, diverged or was lost" in retry(folder)


def test_one_process_at_a_time_supervises_a_sweep(folder, monkeypatch):
    monkeypatch.setattr("diptych.runs.folder.lock.PATIENCE_SECONDS", 0.1)
    with held_elsewhere(folder.lock):
        assert folder.is_locked
        with pytest.raises(UserError, match="another process supervises sweep lr"), exclusive_lock(folder):
            pass
    assert not folder.is_locked


def stop_after(folder: SweepFolder, executor: ScriptedExecutor, starts: int) -> None:
    """Carry out the sweep, and stop it after this number of starts."""

    class Stopper(Display):
        def show(self, jobs) -> None:
            if len(executor.started) >= starts:
                folder.stop.touch()

    with pytest.raises(Stopped), exclusive_lock(folder):
        Controller(folder, executor, [Slot(0), Slot(1)], Policy(), Stopper()).run()
