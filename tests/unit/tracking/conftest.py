import pytest
import wandb
from PIL import Image
from wandb_server import KEY, WandbServer


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """No key of the person who runs the tests is ever used, and nothing is written to their home.

    W&B reads the environment once for the whole process, so what an earlier test made it read is forgotten here.
    """
    wandb.teardown()
    monkeypatch.setenv("WANDB_DATA_DIR", "")  # so that it is restored afterwards
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_RUN_ID", "WANDB_SWEEP_ID", "WANDB_SWEEP_PARAM_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "config"))


@pytest.fixture
def with_key(nowhere, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", KEY)


@pytest.fixture
def server(with_key):
    with WandbServer().serving() as server:
        yield server
        wandb.teardown()


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "run" / "samples" / "grid.png"
    path.parent.mkdir(parents=True)
    Image.new("RGB", (8, 8), "red").save(path)
    return path
