"""How many runs a Ray cluster has room for; `tests/cluster` has a real one."""

import sys

import pytest

from diptych.config import UserError
from diptych.sweeps.ray_cluster import RayExecutor


class Cluster(RayExecutor):
    """One whose nodes are told."""

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
def test_wishes_that_cannot_be_are_refused(wish, value):
    with pytest.raises(UserError, match=f"hydra.launcher.{wish}="):
        RayExecutor(**{wish: value})


def test_without_ray_one_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r"pip install 'diptych\[ray\]'"):
        RayExecutor("auto").check()


def test_where_no_cluster_answers_one_message_says_so_at_once(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", sys)
    with pytest.raises(UserError, match=r"address=127.0.0.1:9: no Ray cluster answers there"):
        RayExecutor("127.0.0.1:9").check()
