"""The states of jobs after the events of a ledger."""

from diptych.runs.folder.status import DONE, LOST, RUNNING
from diptych.sweeps.jobs import QUEUED, Job, Jobs, new_plans
from diptych.sweeps.resuming import start_arguments

PLANNED = [{"event": "planned", "job": i, "run_id": f"run-{i}", "arguments": [f"seed={i}"]} for i in range(3)]


def started(job: int, handle: str = "1:9") -> dict:
    return {"event": "started", "job": job, "handle": handle, "slot": 0, "at": "then"}


def ended(job: int, state: str, progress: int = 0) -> dict:
    return {"event": "ended", "job": job, "state": state, "why": "", "progress": progress}


def test_a_job_goes_from_its_plan_to_its_end():
    jobs = Jobs(PLANNED)
    assert [job.state for job in jobs] == [QUEUED] * 3
    jobs.apply(started(1, handle="77:9"))
    assert (jobs[1].state, jobs[1].handle, jobs[1].since, jobs[1].starts) == (RUNNING, "77:9", "then", 1)
    jobs.apply(ended(1, DONE, 5))
    assert (jobs[1].state, jobs[1].progress) == (DONE, 5)
    assert [job.number for job in jobs] == [0, 1, 2]


def test_losses_are_counted_while_there_is_no_progress():
    jobs = Jobs(PLANNED)
    counted = []
    for progress in (0, 0, 4, 4, 5):
        jobs.apply(started(0))
        jobs.apply(ended(0, LOST, progress))
        counted.append(jobs[0].losses)
    assert counted == [1, 2, 0, 1, 0]


def test_queueing_again_forgets_losses_and_keeps_the_run():
    jobs = Jobs([*PLANNED, started(0), ended(0, LOST), {"event": "queued", "job": 0}])
    assert (jobs[0].state, jobs[0].losses, jobs[0].run_id, jobs[0].starts) == (QUEUED, 0, "run-0", 1)


def test_events_of_later_versions_change_nothing():
    assert [job.state for job in Jobs([*PLANNED, {"event": "moved", "to": "the moon"}])] == [QUEUED] * 3


def test_only_plans_without_a_job_are_new():
    jobs = Jobs(PLANNED)
    assert new_plans(jobs, [["seed=0"], ["seed=7"], ["seed=1"], ["seed=1"]]) == [["seed=7"], ["seed=1"]]
    assert new_plans(Jobs(), [["seed=1"], ["seed=1"]]) == [["seed=1"], ["seed=1"]]


def test_a_slots_threads_belong_to_the_run_and_not_to_the_plan():
    jobs = Jobs([PLANNED[0] | {"threads": 4}])
    assert start_arguments(jobs[0], None) == ["train", "seed=0", "trainer.threads=4"]
    assert new_plans(jobs, [["seed=0"]]) == []  # on a machine with other cores as well
    assert start_arguments(Job(0, "run-0", ("trainer.threads=1",), 4), None) == ["train", "trainer.threads=1"]
