"""Real clusters on this machine. Without them tests skip; in `make test-cluster` they fail."""

import importlib.util
import os

import pytest
from cluster_sweeps import GRID
from slurm_cluster import Slurm
from sweeping import begin, end_supervisors, environment_of_sweeps, sweep_in, weights


@pytest.fixture(autouse=True)
def _no_supervisor_stays():
    yield
    end_supervisors()


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """The weights of two undisturbed seeds on this machine."""
    folder = tmp_path_factory.mktemp("calm")
    assert begin([*GRID, "seed=0,1", "hydra.launcher.slots=2"], folder, environment_of_sweeps()).wait(180) == 0
    return weights(sweep_in(folder))


@pytest.fixture(scope="session")
def slurm(tmp_path_factory):
    missing = Slurm.why_not() or without("submitit", "slurm")
    if missing:
        unavailable(missing)
    cluster = Slurm(tmp_path_factory.mktemp("slurm"))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


def without(package: str, extra: str) -> str:
    """Why a package is unavailable; "" if it is available."""
    return "" if importlib.util.find_spec(package) else f"no {package} here: pip install 'diptych[{extra}]'"


def unavailable(reason: str) -> None:
    if os.environ.get("DIPTYCH_TEST_CLUSTER"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def ray_address(tmp_path_factory):
    """The address of a Ray cluster of two nodes, each declared with one core and one GPU."""
    missing = without("ray", "ray")
    if missing:
        unavailable(missing)
    ours = environment_of_sweeps() | {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
    before = dict(os.environ)
    os.environ.update(ours)  # the nodes inherit it
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "num_gpus": 1, "object_store_memory": 80 * 2**20, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=node)
    try:
        cluster.add_node(num_cpus=1, num_gpus=1, object_store_memory=80 * 2**20)
        yield cluster.address
    finally:
        cluster.shutdown()
        os.environ.clear()
        os.environ.update(before)
