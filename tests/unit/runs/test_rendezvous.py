"""The rendezvous reaches processes that torchrun or srun started, once everything that it names exists."""

import threading
import time

import pytest

from diptych.config import UserError
from diptych.runs import training
from diptych.runs.distributed.rendezvous import Rendezvous, awaited_rendezvous, publish_rendezvous
from diptych.runs.distributed.topology import Topology, store_of
from diptych.runs.folder import layout as folder
from diptych.runs.folder.layout import await_run_folder
from diptych.runs.training import resume, train

SETTINGS = {"timeout_seconds": 20.0}
FIRST, SECOND = Topology(0, 0, 2, is_inherited=True), Topology(1, 1, 2, is_inherited=True)
RENDEZVOUS = Rendezvous("outputs/run", FIRST, ["mine"], "other.ckpt", "last.ckpt")


@pytest.fixture
def meeting():
    return store_of(FIRST, SETTINGS)


def second_at(meeting) -> Topology:
    return Topology(1, 1, 2, "127.0.0.1", meeting.port, is_inherited=True)


def test_a_rendezvous_is_the_same_after_json():
    assert Rendezvous.from_json(RENDEZVOUS.to_json()) == RENDEZVOUS


def test_a_rendezvous_reaches_waiting_processes_and_each_keeps_its_own_topology(meeting):
    left = []
    threading.Timer(0.3, lambda: (left.append(time.monotonic()), publish_rendezvous(RENDEZVOUS, meeting))).start()
    rendezvous = awaited_rendezvous(second_at(meeting), SETTINGS)
    assert left
    assert rendezvous.topology == second_at(meeting)
    assert (rendezvous.folder, rendezvous.trust, rendezvous.warm_start, rendezvous.checkpoint) == (
        RENDEZVOUS.folder,
        RENDEZVOUS.trust,
        RENDEZVOUS.warm_start,
        RENDEZVOUS.checkpoint,
    )


def test_waiting_for_a_rendezvous_ends_at_the_timeout(meeting):
    with pytest.raises(TimeoutError, match=r"process 1: .* trainer\.timeout_seconds=0\.5"):
        awaited_rendezvous(second_at(meeting), {"timeout_seconds": 0.5})


def test_a_folder_that_another_machine_does_not_see_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "PATIENCE_SECONDS", 0.0)
    with pytest.raises(UserError, match=r"elsewhere.*same outputs/"):
        await_run_folder(tmp_path / "elsewhere")


def test_resuming_a_finished_run_under_torchrun_is_refused(tiny, monkeypatch):
    done, _ = train(tiny("tiny_gan", "budget_images=32"))
    done.write_status("stopped")
    monkeypatch.setattr(training, "topology_for", lambda config: FIRST)
    with pytest.raises(UserError, match="nothing left to train: resume it without torchrun or srun"):
        resume(done, trust=["tinyparts"])
