"""Models and configs of one's own live outside the repository, where the command is typed."""

import processes
import pytest
import torch

from diptych.runs.folder.find import all_runs

MODULE = """
from torch import nn

class MyGenerator(nn.Module):
    def __init__(self, *, image_size: int, image_channels: int, latent_dim: int = 4) -> None:
        super().__init__()
        self.latent_dim, self.image_size = latent_dim, image_size
        self.generate = nn.Linear(latent_dim, image_channels * image_size**2)
        self.shape = (image_channels, image_size, image_size)

    def forward(self, latents, text=None):
        return self.generate(latents).tanh().unflatten(1, self.shape)
"""
ONE_STEP = ["model=mlp_gan", "data=digits", "generator=mine", "debug=one_step", "data.val_size=20"]


@pytest.fixture
def own_folder(tmp_path):
    (tmp_path / "mypackage.py").write_text(MODULE)
    (tmp_path / "my_conf" / "generator").mkdir(parents=True)
    (tmp_path / "my_conf" / "generator" / "mine.yaml").write_text("_target_: mypackage.MyGenerator\nlatent_dim: 6\n")
    yield tmp_path
    processes.kill_all()


def test_a_generator_of_one_s_own_is_trained_by_name(own_folder):
    assert processes.finish(["train", "--config-dir", "my_conf", *ONE_STEP], own_folder) == 0, processes.said(
        own_folder
    )
    (run,) = all_runs(own_folder / "outputs")
    assert torch.load(run.last, weights_only=True)["state_dict"]["generator.generate.weight"].shape == (28 * 28, 6)


def test_it_is_restored_only_by_those_who_trust_it(own_folder):
    assert processes.finish(["train", "--config-dir", "my_conf", *ONE_STEP], own_folder) == 0
    more = ["resume", "latest", "budget_images=128"]
    assert processes.finish(more, own_folder) == 2
    assert "add --trust mypackage" in processes.said(own_folder)
    assert processes.finish([*more, "--trust", "mypackage"], own_folder) == 0, processes.said(own_folder)
