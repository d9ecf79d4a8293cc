"""Every test: one torch thread, shapes checked at run time, no account, no network and nobody's own files asked for."""

import os
import tempfile

os.environ.setdefault("WANDB_MODE", "offline")
os.environ.setdefault("WANDB_SILENT", "true")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from jaxtyping import install_import_hook

HOOKED_ROOMS = ("models", "losses", "decoding", "metrics", "world")
install_import_hook([f"diptych.{room}" for room in HOOKED_ROOMS], "beartype.beartype")

from pathlib import Path  # noqa: E402

import hypothesis  # noqa: E402
import pytest  # noqa: E402
import torch  # noqa: E402

# The same examples in every run, and no failure because a machine is busy.
hypothesis.settings.register_profile("house", deadline=None, derandomize=True)
hypothesis.settings.load_profile("house")

_STATE = tempfile.TemporaryDirectory(prefix="diptych-state-")
os.environ["XDG_STATE_HOME"] = _STATE.name  # whom a test trusts, nobody else does

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def _same_start_for_every_test():
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _nothing_is_written_beside_shared_data(request, monkeypatch, tmp_path_factory):
    if {"shared_data", "shared_cases"} & set(request.fixturenames):
        monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path_factory.mktemp("derived")))


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real pictures and captions that lie beside the repository on some machines; skips where they do not."""
    return _beside("shared/data")


@pytest.fixture(scope="session")
def shared_cases() -> Path:
    """Small inputs that once failed, where they lie beside the repository."""
    return _beside("shared/cases")


def _beside(name: str) -> Path:
    folder = REPOSITORY.parent / name
    if not folder.is_dir():
        pytest.skip(f"no ../{name} beside the repository: it is not shipped with it")
    return folder
