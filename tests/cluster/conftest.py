"""Real clusters, on this machine alone. Where they cannot be had, tests skip; in `make test-cluster` they fail."""

import importlib.util
import os

import pytest
from slurm_cluster import Slurm


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
    """Why a package cannot be used; "" if it can."""
    return "" if importlib.util.find_spec(package) else f"no {package} here: pip install 'diptych[{extra}]'"


def unavailable(reason: str) -> None:
    if os.environ.get("DIPTYCH_TEST_CLUSTER"):
        pytest.fail(reason)
    pytest.skip(reason)
