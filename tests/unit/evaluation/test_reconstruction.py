"""Runs whose images made again are known beforehand, and a real one through the command line and in Python."""

import json
import shutil

import pytest
import torch
from contexts import context_of, run_of

import diptych
from diptych.cli.main import main
from diptych.config.composition import compose
from diptych.evaluation.generation.features import feature_network
from diptych.evaluation.held_out import HeldOut, take_held_out
from diptych.evaluation.reconstruction.benchmark import Reconstruction
from diptych.runs.training import train

NUM = 16
SMALL_WORLD = ["data=scenes_demo", "data.world.min_objects=1", "data.world.sizes=[large]"]
SMALL = ["data.batch_size=8", "data.val_size=8", "encoder.widths=[8,8,8]", "decoder.widths=[8,8,8]", "tracking=none"]


@pytest.fixture(scope="module")
def held_out() -> HeldOut:
    return take_held_out(compose(SMALL_WORLD), data=None, split="test", num=NUM, spare=0)


def figures(remake, held_out):
    run = run_of(
        reconstructs=True, reconstructions=lambda pictures, sentences=(): (remake(image) for image in pictures)
    )
    context = context_of(run, held_out)
    vars(context).update(network=feature_network(None, compose(SMALL_WORLD), ()))
    evaluation = Reconstruction().measure(context)
    return {figure.key: figure for figure in evaluation.figures}


def test_one_that_changes_nothing_makes_no_mistake(held_out):
    found = figures(lambda image: image, held_out)
    assert found["scene_accuracy"].value == found["scene_accuracy"].reference == 1
    assert found["psnr"].value == 100
    assert found["ssim"].value == pytest.approx(1)
    assert found["perceptual_distance"].value == pytest.approx(0, abs=1e-6)


def test_one_that_blanks_everything_is_never_right(held_out):
    found = figures(torch.zeros_like, held_out)
    assert found["scene_accuracy"].value == 0
    assert found["psnr"].value < 20
    assert found["perceptual_distance"].value > 0.3


def test_worse_images_have_worse_figures(held_out):
    noise = torch.Generator().manual_seed(0)
    noisy = lambda std: figures(  # noqa: E731
        lambda image: (image + std * torch.randn(image.shape, generator=noise)).clamp(-1, 1), held_out
    )
    little, much = noisy(0.02), noisy(0.3)
    assert little["psnr"].value > much["psnr"].value
    assert little["ssim"].value > much["ssim"].value
    assert little["perceptual_distance"].value < much["perceptual_distance"].value


def test_an_autoencoder_is_measured_from_the_command_line_and_used_in_python(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    folder, _ = train(compose(["model=vqvae", *SMALL_WORLD, *SMALL, "bottleneck.num_codes=8", "budget_images=16"]))
    assert main(["evaluate", folder.run_id, "--num", "8"]) == 0
    assert "Reconstruction (scenes_demo, test)" in capsys.readouterr().out
    (file,) = folder.evaluations.glob("*-reconstruction.json")
    assert {figure["key"] for figure in json.loads(file.read_text())["figures"]} == {
        "scene_accuracy",
        "psnr",
        "ssim",
        "perceptual_distance",
    }
    run = diptych.load(folder.path)
    assert [picture.size for picture in run.reconstruct([torch.zeros(3, 32, 32)] * 2)] == [(32, 32)] * 2


def test_a_prior_generates_without_the_run_of_its_autoencoder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lender, _ = train(compose(["model=vqvae", *SMALL_WORLD, *SMALL, "bottleneck.num_codes=8", "budget_images=16"]))
    prior = ["model=prior", "text_encoder=gru", "prior.dim=8", "prior.depth=1", "prior.num_heads=2"]
    borrowed = f"parts.autoencoder.run={lender.path}"
    own = [word for word in SMALL if "coder.widths" not in word]
    folder, _ = train(compose([*prior, *SMALL_WORLD, *own, "budget_images=16", borrowed]))
    before = diptych.load(folder.path).sample(["a large red circle"])
    shutil.rmtree(lender.path)
    shutil.move(str(folder.path / "checkpoints" / "last.ckpt"), tmp_path / "alone.ckpt")
    shutil.rmtree(folder.path)
    after = diptych.load(tmp_path / "alone.ckpt").sample(["a large red circle"])
    assert torch.equal(before, after)


def test_a_vae_is_measured_by_what_it_makes_again_and_by_what_it_makes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["model=vae", "text_encoder=gru", "generator.widths=[8,8,8,8]", "generator.latent_dim=4"]
    folder, _ = train(compose([*words, *SMALL_WORLD, *SMALL[:2], "tracking=none", "budget_images=16"]))
    assert main(["evaluate", folder.run_id, "--num", "8"]) == 0
    kinds = {file.stem.rpartition("-")[2] for file in folder.evaluations.glob("*.json")}
    assert {"generation", "reconstruction"} <= kinds
