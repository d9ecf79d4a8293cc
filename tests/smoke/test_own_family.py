"""A GAN term and a generator family of one's own, from a package outside the repository, without editing a file."""

import json
import shutil
from pathlib import Path

import processes
import pytest
import torch

from diptych.runs.folder.find import all_runs, find_run
from diptych.runs.folder.layout import RunFolder
from diptych.runs.image_record import read_record
from diptych.tracking import read_metrics

PACKAGE = '''
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from diptych.systems.gan.terms.base import Term
from diptych.systems.optimizers import optimizer_for
from diptych.systems.text_to_image import SamplingOptions, TextToImage


class R1(Term):
    """Squared gradient of the discriminator at real images (Mescheder et al. 2018, arXiv:1801.04406)."""

    needs = ("image_gradients", "no_batch_norm")

    def discriminator_losses(self, step):
        (gradient,) = torch.autograd.grad(step.real_logits.sum(), step.real, create_graph=True)
        return {"r1_loss": gradient.flatten(1).square().sum(1) / 2}


class Velocity(nn.Module):
    """From a noisy image, its time and a sentence to the direction in which the image lies."""

    def __init__(self, *, image_size: int, image_channels: int, condition_dim: int = 0, hidden_dim: int = 64) -> None:
        super().__init__()
        self.shape = (image_channels, image_size, image_size)
        pixels = image_channels * image_size**2
        self.layers = nn.Sequential(
            nn.Linear(pixels + condition_dim + 1, hidden_dim), nn.SiLU(), nn.Linear(hidden_dim, pixels)
        )

    def forward(self, images, times, text):
        inputs = [images.flatten(1), times[:, None]] + ([] if text is None else [text.sentence])
        return self.layers(torch.cat(inputs, dim=1)).unflatten(1, self.shape)


@dataclass(frozen=True)
class FlowOptions(SamplingOptions):
    steps: int = 4
    guidance_scale: float = 1.0

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"steps={self.steps}: take at least one")


class Flow(TextToImage):
    """Rectified flow (Liu et al. 2022, arXiv:2209.03003)."""

    options = FlowOptions
    averaged = ("velocity", "text_encoder")

    def __init__(self, *, data_spec, velocity, optimizer, text_encoder=None, ema_half_life_images=None, seed=0) -> None:
        super().__init__(
            data_spec=data_spec, text_encoder=text_encoder, ema_half_life_images=ema_half_life_images, seed=seed
        )
        self.automatic_optimization = False
        self.velocity, self.make_optimizer = velocity, optimizer
        self.keep_averages()

    def configure_optimizers(self):
        return optimizer_for(self.make_optimizer, self.velocity, (self.text_encoder, 1.0))

    def training_step(self, batch, batch_idx):
        self.count_images(len(batch))
        text = self.text_encoder(batch.tokens[:, 0], batch.token_mask[:, 0]) if self.text_encoder else None
        noise = torch.randn(batch.images.shape, generator=self.rng)
        times = torch.rand(len(batch), generator=self.rng)
        mixed = torch.lerp(noise, batch.images, times[:, None, None, None])
        error = self.velocity(mixed, times, text) - (batch.images - noise)
        self.log_metrics("train", self.optimize("", {"loss": error.square().flatten(1).mean(1)}))
        self.average_weights(len(batch))

    def sample(self, networks: Mapping[str, Any], text, rngs, options):
        velocity = networks["velocity"]
        images = rngs.randn(*velocity.shape)
        for i in range(options.steps):
            times = images.new_full((len(images),), i / options.steps)
            images = images + velocity(images, times, text) / options.steps
        return images.clamp(-1, 1)


class Framed(Flow):
    """A family that draws a frame around what another run generates: it needs that run to generate."""

    def __init__(self, *, base, data_spec, velocity, optimizer, text_encoder=None, seed=0) -> None:
        super().__init__(
            data_spec=data_spec, velocity=velocity, optimizer=optimizer, text_encoder=text_encoder, seed=seed
        )
        self.base = [base]  # not a module of ours: its weights are kept as a part

    def sample(self, networks, text, rngs, options):
        noise, times = rngs.randn(*networks["velocity"].shape), torch.zeros(len(rngs))
        images = self.base[0].velocity(noise, times, text)
        images[..., 0] = 1.0
        return images.clamp(-1, 1)
'''
CONF = {
    "term/r1.yaml": "# @package terms.r1\n# R1\n_target_: mypackage.R1\nweight: 5.0\n",
    "system/flow.yaml": "# Flow\n_target_: mypackage.Flow\nema_half_life_images: 64\n",
    "model/flow.yaml": """# @package _global_
# A flow
defaults:
  - override /system: flow
  - override /optimizer: adam
networks: {velocity: {_target_: mypackage.Velocity}}
optimizer: {lr: 1e-3}
monitor: val/energy_distance
mode: min
""",
    "system/framed.yaml": "# Framed\n_target_: mypackage.Framed\n",
}
SMALL = ["tracking=csv", "data.batch_size=16", "validate_every_images=160", "data.val_size=16"]
TERM = ["model=mlp_gan", "data=digits", "term=r1", "terms.r1.weight=2", *SMALL]
FLOW = ["model=flow", "data=scenes_small", *SMALL]
TRUST = ["--trust", "mypackage"]


@pytest.fixture
def here(tmp_path):
    (tmp_path / "mypackage.py").write_text(PACKAGE)
    for name, text in CONF.items():
        (tmp_path / "my_conf" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "my_conf" / name).write_text(text)
    yield tmp_path
    processes.kill_all()


def diptych(folder: Path, *words: str) -> None:
    assert processes.finish(list(words), folder) == 0, processes.said(folder)


def train(folder: Path, *overrides: str) -> RunFolder:
    before = {run.run_id for run in all_runs(folder / "outputs")}
    diptych(folder, "train", "--config-dir", "my_conf", *overrides)
    (run,) = [run for run in all_runs(folder / "outputs") if run.run_id not in before]
    return run


def state(run: RunFolder) -> dict[str, torch.Tensor]:
    return torch.load(run.last, weights_only=True)["state_dict"]


def resumed_like(folder: Path, whole: RunFolder, *overrides: str) -> bool:
    """Whether a run that ended early and was resumed has the weights of one that never stopped."""
    half = train(folder, *overrides, "budget_images=160")
    diptych(folder, "resume", half.run_id, "budget_images=320", *TRUST)
    return all(torch.equal(tensor, state(whole)[name]) for name, tensor in state(half).items())


def test_a_term_with_gradients_of_images_is_composed_trained_and_resumed(here):
    run = train(here, *TERM, "budget_images=320")
    assert any(row.get("train/r1_loss", 0) > 0 for row in read_metrics(run.metrics))
    assert resumed_like(here, run, *TERM)


def test_a_term_is_refused_beside_batch_normalisation_before_data_are_loaded(here):
    words = ["train", "--config-dir", "my_conf", "model=dcgan", "data=folder", "data.root=nowhere", "term=r1"]
    assert processes.finish(words, here) == 2
    said = processes.said(here)
    assert "terms.r1 penalises the discriminator image by image, and DCGANDiscriminator has batch normalisation" in said
    assert "~terms.r1" in said


def test_a_family_is_trained_resumed_evaluated_and_generated_from(here):
    run = train(here, *FLOW, "text_encoder=gru", "budget_images=320")
    assert run.task == "text_to_image"
    assert resumed_like(here, run, *FLOW, "text_encoder=gru")
    diptych(here, "generate", "latest", "a small red circle", "steps=2", "-n", "2", "--out", "pictures", *TRUST)
    record = read_record(sorted((here / "pictures").glob("*.png"))[1])
    assert record is not None
    assert (record["index"], record["options"]) == (1, {"steps": 2, "guidance_scale": 1.0})
    assert processes.finish(["generate", "latest", "a small red circle", "step=2", *TRUST], here) == 2
    assert "did you mean steps=" in processes.said(here)
    diptych(here, "evaluate", "latest", "--num", "16", "--num-prompts", "2", *TRUST)
    (result, *_) = sorted(find_run("latest", here / "outputs").evaluations.glob("*-0.json"))
    assert json.loads(result.read_text())["figures"][0]["n"] == 16


def test_a_part_that_generation_needs_is_restored_from_the_checkpoint_alone(here):
    base = train(here, *FLOW, "text_encoder=gru", "budget_images=64")
    part = f"+parts.base={{run: {base.run_id}, task: text_to_image, scope: generation}}"
    run = train(here, *FLOW, "text_encoder=gru", "system=framed", part, "budget_images=64")
    shutil.rmtree(base.path)
    shutil.rmtree(run.parts)
    moved = here / "elsewhere" / "outputs" / "a" / run.run_id
    shutil.move(run.path, moved)
    diptych(here, "generate", str(moved), "a small red circle", "-n", "1", "--out", "pictures", *TRUST)
    assert list((here / "pictures").glob("*.png"))
