"""What the first process tells those that somebody else has started: nothing before all is there, then everything."""

import threading
import time

import pytest

from diptych.config import UserError
from diptych.runs import training
from diptych.runs.distributed.rendezvous import Rendezvous, awaited_rendezvous, publish_rendezvous
from diptych.runs.distributed.topology import Topology, store_of
from diptych.runs.folder import layout as folder
from diptych.runs.folder.layout import begun_by_another
from diptych.runs.training import resume, train

SETTINGS = {"timeout_seconds": 20.0}
FIRST, SECOND = Topology(0, 0, 2, is_inherited=True), Topology(1, 1, 2, is_inherited=True)
ORDER = Rendezvous("outputs/run", FIRST, ["mine"], "other.ckpt", "last.ckpt")


@pytest.fixture
def meeting():
    return store_of(FIRST, SETTINGS)


def place_at(meeting) -> Topology:
    return Topology(1, 1, 2, "127.0.0.1", meeting.port, is_inherited=True)


def test_an_order_survives_its_journey():
    assert Rendezvous.from_json(ORDER.to_json()) == ORDER


def test_an_order_reaches_those_who_wait_and_each_keeps_its_own_place(meeting):
    left = []
    threading.Timer(0.3, lambda: (left.append(time.monotonic()), publish_rendezvous(ORDER, meeting))).start()
    rendezvous = awaited_rendezvous(place_at(meeting), SETTINGS)
    assert left
    assert rendezvous.topology == place_at(meeting)
    assert (rendezvous.folder, rendezvous.trust, rendezvous.warm_start, rendezvous.checkpoint) == (
        ORDER.folder,
        ORDER.trust,
        ORDER.warm_start,
        ORDER.checkpoint,
    )


def test_nobody_waits_longer_than_the_run_allows(meeting):
    with pytest.raises(TimeoutError, match=r"process 1: .* trainer\.timeout_seconds=0\.5"):
        awaited_rendezvous(place_at(meeting), {"timeout_seconds": 0.5})


def test_a_folder_that_other_machines_do_not_see_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "PATIENCE_SECONDS", 0.0)
    with pytest.raises(UserError, match=r"elsewhere.*same outputs/"):
        begun_by_another(tmp_path / "elsewhere")


def test_a_run_with_nothing_left_to_train_is_refused_where_others_would_wait_for_it(tiny, monkeypatch):
    done, _ = train(tiny("tiny_gan", "budget_images=32"))
    done.write_status("stopped")
    monkeypatch.setattr(training, "topology_for", lambda config: FIRST)
    with pytest.raises(UserError, match="nothing left to train: resume it without torchrun or srun"):
        resume(done, trust=["tinyparts"])
