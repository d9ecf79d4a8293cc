"""Room on a Ray cluster, and which cluster an executor asks; `tests/cluster` has a real cluster."""

import sys
from types import SimpleNamespace

import pytest

from diptych.config import UserError
from diptych.runs.folder.status import RUNNING
from diptych.sweeps.folder import SweepFolder
from diptych.sweeps.launch import launch
from diptych.sweeps.ray_cluster import RayExecutor
from diptych.sweeps.request import SweepRequest


class Cluster(RayExecutor):
    """A cluster with given nodes."""

    def __init__(self, *nodes: tuple[int, int], **wishes: float) -> None:
        super().__init__("somewhere:6379", **wishes)
        self.nodes = [{"CPU": float(cpus), "GPU": float(gpus)} for cpus, gpus in nodes]

    def _nodes(self):
        return self.nodes


@pytest.mark.parametrize(
    ("nodes", "cpus", "gpus", "room"),
    [
        ([(2, 0)], 1, 0, 2),
        ([(1, 1), (1, 1)], 0.5, 0.5, 4),
        ([(16, 1), (16, 3)], 4, 0.4, 6),  # two shares of each GPU but four of the second node's cores
        ([(8, 3), (8, 1)], 1, 2, 1),  # no run has GPUs of two nodes
        ([(3, 0), (3, 0)], 2, 0, 2),  # nor cores
    ],
)
def test_no_run_is_spread_over_two_nodes_or_two_shares(nodes, cpus, gpus, room):
    assert len(Cluster(*nodes, cpus_per_run=cpus, gpus_per_run=gpus).slots()) == room


def test_a_cluster_without_room_is_refused_unless_it_may_grow():
    with pytest.raises(UserError, match="no node has 1 cores and 1 GPUs"):
        Cluster((4, 0), gpus_per_run=1).slots()
    assert len(Cluster(gpus_per_run=1, slots=3).slots()) == 3


@pytest.mark.parametrize(("wish", "value"), [("cpus_per_run", 0), ("gpus_per_run", 1.5), ("slots", 0)])
def test_invalid_resources_are_refused(wish, value):
    with pytest.raises(UserError, match=f"hydra.launcher.{wish}="):
        RayExecutor(**{wish: value})


def test_without_ray_the_message_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r"pip install 'diptych\[ray\]'"):
        RayExecutor("auto").check()


def test_an_address_without_a_cluster_is_refused_at_once(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", sys)
    with pytest.raises(UserError, match=r"address=127.0.0.1:9: no Ray cluster answers there"):
        RayExecutor("127.0.0.1:9").check()


class Ray:
    """A stand-in for the library: one connection at a time, to clusters with these actors."""

    def __init__(self, **actors: list[str]) -> None:
        self.clusters, self.address = actors, ""

    def init(self, address: str, **_: object) -> None:
        if self.address:
            raise RuntimeError("Maybe you called ray.init twice by accident?")
        self.address = address

    def shutdown(self) -> None:
        self.address = ""

    def nodes(self):
        return [{"Alive": True, "Resources": {"CPU": len(self.address)}}]

    def get_actor(self, name: str, namespace: str) -> str:
        if name not in self.clusters[self.address]:
            raise ValueError(f"Failed to look up actor {name}")
        return f"{name} of {self.address}"


@pytest.fixture
def ray(monkeypatch) -> Ray:
    ray = Ray(here=["run-0.1"], there=[])
    monkeypatch.setattr(RayExecutor, "_connected_one", None)
    monkeypatch.setitem(sys.modules, "ray", ray)
    return ray


def test_running_runs_on_a_cluster_at_another_address_are_waited_for(ray, tmp_path):
    folder = SweepFolder(tmp_path / "sweeps" / "lr", tmp_path)
    folder.path.mkdir(parents=True)
    folder.ledger.append("planned", job=0, run_id="run-0", arguments=["seed=0"])
    folder.write_request({"command": ["diptych"], "executor": {"kind": "ray", "address": "here"}})
    folder.ledger.append("started", job=0, handle="run-0.1", slot=0)
    with pytest.raises(UserError, match=r"\(run-0; .*address=here\): wait for them.*address=there"):
        launch(SweepRequest(), folder, RayExecutor("there"))
    assert folder.jobs()[0].state == RUNNING


def test_each_executor_asks_its_own_cluster(ray):
    here, there = RayExecutor("here"), RayExecutor("there")
    assert len(there.slots()) == len("there")
    assert here.adopt("run-0.1").actor == "run-0.1 of here"
    assert there.adopt("run-0.1") is None
    assert len(there.slots()) == len("there")


def test_runs_are_gone_only_if_the_clusters_machine_refuses_the_connection(ray, monkeypatch):
    assert RayExecutor("127.0.0.1:9").adopt("run-0.1") is None

    def silence(*_, **__):
        raise TimeoutError("timed out")

    monkeypatch.setattr("socket.create_connection", silence)
    with pytest.raises(UserError, match=r"address=127.0.0.1:9: no Ray cluster answers there \(timed out\)"):
        RayExecutor("127.0.0.1:9").adopt("run-0.1")


def test_a_foreign_connection_to_ray_is_left_alone(ray):
    ray.init("here")
    with pytest.raises(UserError, match=r"address=there: Maybe you called ray.init twice"):
        RayExecutor("there").adopt("run-0.1")
    assert ray.address == "here"


class Actor:
    """The actor of a running run."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def __getattr__(self, name):
        return SimpleNamespace(remote=lambda: self.calls.append(name) or name)


@pytest.mark.parametrize(("patience", "times"), [(5.0, 1), (0.0, 0)])
def test_an_adopted_run_gets_time_to_answer_before_it_is_stopped(ray, monkeypatch, patience, times):
    actor = Actor()
    monkeypatch.setattr("diptych.sweeps.ray_cluster.ANSWER_SECONDS", patience)
    monkeypatch.setattr(ray, "get_actor", lambda *_, **__: actor)
    ray.wait = lambda questions, timeout: (questions if timeout else [], [])
    ray.get = lambda question: None
    ray.kill = lambda actor: None
    work = RayExecutor("here").adopt("run-0.1")
    work.stop()
    work.stop()
    assert actor.calls.count("stop") == times
