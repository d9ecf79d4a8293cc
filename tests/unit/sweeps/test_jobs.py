"""Where jobs stand after the events of a ledger."""

from diptych.runs.folder.status import DONE, LOST, RUNNING
from diptych.sweeps.jobs import QUEUED, Job, Jobs, new_plans
from diptych.sweeps.resuming import how_to_start

PLANNED = [{"event": "planned", "job": i, "run_id": f"run-{i}", "arguments": [f"seed={i}"]} for i in range(3)]


def started(job: int, handle: str = "1:9") -> dict:
    return {"event": "started", "job": job, "handle": handle, "slot": 0, "at": "then"}


def ended(job: int, state: str, progress: int = 0) -> dict:
    return {"event": "ended", "job": job, "state": state, "why": "", "progress": progress}


def test_a_job_goes_from_its_plan_to_its_end():
    jobs = Jobs(PLANNED)
    assert [job.state for job in jobs] == [QUEUED] * 3
    jobs.take_in(started(1, handle="77:9"))
    assert (jobs[1].state, jobs[1].handle, jobs[1].since, jobs[1].starts) == (RUNNING, "77:9", "then", 1)
    jobs.take_in(ended(1, DONE, 5))
    assert (jobs[1].state, jobs[1].progress) == (DONE, 5)
    assert [job.number for job in jobs] == [0, 1, 2]


def test_losses_are_counted_while_nothing_new_is_saved():
    jobs = Jobs(PLANNED)
    counted = []
    for progress in (0, 0, 4, 4, 5):
        jobs.take_in(started(0))
        jobs.take_in(ended(0, LOST, progress))
        counted.append(jobs[0].losses)
    assert counted == [1, 2, 0, 1, 0]


def test_queueing_again_forgets_losses_and_keeps_the_run():
    jobs = Jobs([*PLANNED, started(0), ended(0, LOST), {"event": "queued", "job": 0}])
    assert (jobs[0].state, jobs[0].losses, jobs[0].run_id, jobs[0].starts) == (QUEUED, 0, "run-0", 1)


def test_events_of_later_versions_change_nothing():
    assert [job.state for job in Jobs([*PLANNED, {"event": "moved", "to": "the moon"}])] == [QUEUED] * 3


def test_only_plans_that_no_job_stands_for_are_new():
    jobs = Jobs(PLANNED)
    assert new_plans(jobs, [["seed=0"], ["seed=7"], ["seed=1"], ["seed=1"]]) == [["seed=7"], ["seed=1"]]
    assert new_plans(Jobs(), [["seed=1"], ["seed=1"]]) == [["seed=1"], ["seed=1"]]


def test_a_slot_s_threads_are_the_run_s_own_and_no_part_of_what_was_asked():
    jobs = Jobs([PLANNED[0] | {"threads": 4}])
    assert how_to_start(jobs[0], None) == ["train", "seed=0", "trainer.threads=4"]
    assert new_plans(jobs, [["seed=0"]]) == []  # on a machine with other cores as well
    assert how_to_start(Job(0, "run-0", ("trainer.threads=1",), 4), None) == ["train", "trainer.threads=1"]
