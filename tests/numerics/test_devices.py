"""Two devices that share a batch learn and measure the same as one device with the whole batch."""

from pathlib import Path
from typing import Any

import devices
import processes
import pytest
import torch

from diptych.runs.folder.find import all_runs

SGD = ("optimizer@generator_optimizer=sgd", "optimizer@discriminator_optimizer=sgd")
NO_BETAS = ("~generator_optimizer.betas", "~discriminator_optimizer.betas")
SGD_ONE = ("optimizer=sgd", "~optimizer.betas")
SMALL_DIGITS = ("data=digits", "data.batch_size=16", "tracking=none", "budget_images=64", "validate_every_images=32")
SMALL_CAPTIONER = ("caption_decoder.dropout=0", "budget_images=128", "validate_every_images=64")
RUNS = {
    "a captioner": (
        "model=small_captioner",
        "caption_decoder.dropout=0",
        "caption_objective.attention_penalty_weight=1",
        "budget_images=128",
        "validate_every_images=64",
    ),
    "a variational captioner": ("model=small_caption_vae", "budget_images=128", "validate_every_images=64"),
    "a self-critical captioner": (
        "model=small_captioner",
        "caption_objective=self_critical",
        "caption_objective.cross_entropy_weight=0.5",
        "caption_objective.reward.document_frequency_images=50",
        *SMALL_CAPTIONER,
    ),
    "a captioner that learns from truth": (
        "model=small_captioner",
        "caption_objective=self_critical_truth",
        "caption_objective.cross_entropy_weight=1",
        *SMALL_CAPTIONER,
    ),
    "a captioner of hard attention": (
        "model=small_captioner",
        "caption_decoder=lstm_hard_attention",
        "caption_objective=hard_attention",
        *SMALL_CAPTIONER,
    ),
    "an adversarial captioner": ("model=small_captioner", "caption_objective=adversarial", *SMALL_CAPTIONER),
    "an adversarial captioner by relaxed words": (
        "model=small_captioner",
        "caption_objective=adversarial_gumbel",
        *SMALL_CAPTIONER,
    ),
    "a captioner that reads disturbed captions": (
        "model=small_captioner",
        "caption_objective.word_dropout_prob=0.2",
        "caption_objective.scheduled_sampling_prob=0.3",
        *SMALL_CAPTIONER,
    ),
    "a generator of sentences": (
        "model=small_text_gan",
        "+term=mode_seeking",
        *SGD,
        "budget_images=64",
        "validate_every_images=32",
    ),
    "the shipped generator's parts": (
        "model=small_layered_gan",
        *SGD,
        "terms.redescription.pixel_noise=0",
        "discriminator.backbone_noise=0",
        "text_pretraining.pretraining_images=32",
        "text_pretraining.whitening_images=16",
        "budget_images=80",
        "validate_every_images=80",
    ),
    "deep fusion of sentences": ("model=small_dfgan", *SGD, "budget_images=64", "validate_every_images=32"),
    "a generator in stages": ("model=small_attngan", *SGD, "budget_images=64", "validate_every_images=32"),
    "a plain GAN": ("model=dcgan", *SMALL_DIGITS, "data.image_size=32", "generator.width=4", "discriminator.width=4"),
    "a critic with penalties": (
        "model=mlp_gan",
        "text_encoder=gru",
        "objective=relativistic",
        "term=[gradient_penalty,r1,r2,matching_gradient_penalty,feature_matching,orthogonal]",
        "terms.orthogonal.discriminator_weight=1e-4",
        "generator.hidden_dims=[16,16]",
        "discriminator.hidden_dims=[16,16]",
        *SMALL_DIGITS,
    ),
    "a GAN through augmentations": (
        "model=mlp_gan",
        "text_encoder=gru",
        "term=[r1,consistency]",
        "terms.consistency.fake_weight=10",
        "augmentation=[diffaugment,ada,instance_noise]",
        "augmentations.ada.initial_p=0.5",
        "augmentations.ada.interval_images=32",
        "augmentations.ada.speed_images=200",
        "generator.hidden_dims=[16,16]",
        "discriminator.hidden_dims=[16,16]",
        *SMALL_DIGITS,
    ),
    "WGAN-GP": ("model=small_wgan_gp", *SGD, *NO_BETAS, "budget_images=64", "validate_every_images=32"),
    "R3GAN": ("model=small_r3gan", *SGD, *NO_BETAS, "budget_images=64", "validate_every_images=32"),
    "BigGAN": ("model=small_biggan", *SGD, *SMALL_DIGITS, "data.image_size=16"),
    "StyleGAN2": ("model=small_stylegan2", *SGD, *SMALL_DIGITS, "data.image_size=16"),
    "a flow of sentences": (
        "model=small_flow",
        "term=[contrastive_flow,representation_alignment,redescription]",
        "terms.redescription.pixel_noise=0",
        "data.captioned_share=0.7",
        "optimizer=sgd",
        "~optimizer.betas",
        "budget_images=64",
        "validate_every_images=32",
    ),
    "a flow of one step": (
        "model=small_mean_flow",
        "denoiser.num_levels=2",
        "times.max_guidance_scale=1",
        "optimizer=sgd",
        "~optimizer.betas",
        "budget_images=64",
        "validate_every_images=32",
    ),
    "a guided flow of one step": (
        "model=small_mean_flow",
        "optimizer=sgd",
        "~optimizer.betas",
        "budget_images=64",
        "validate_every_images=32",
    ),
    "a codebook": ("model=small_vqvae", *SGD_ONE, "budget_images=64", "validate_every_images=32"),
    "rounded numbers": ("model=small_fsq_autoencoder", *SGD_ONE, "budget_images=64", "validate_every_images=32"),
    "Gaussian latents": ("model=small_kl_autoencoder", *SGD_ONE, "budget_images=64", "validate_every_images=32"),
    "a flow in latents": ("model=small_latent_flow", *SGD_ONE, "budget_images=64", "validate_every_images=32"),
    "a conditional VAE": ("model=small_vae", *SGD_ONE, "budget_images=64", "validate_every_images=32"),
    "a prior of the next code": ("model=small_prior", *SGD_ONE, "budget_images=64", "validate_every_images=32"),
    "a prior of hidden codes": ("model=small_masked_prior", *SGD_ONE, "budget_images=64", "validate_every_images=32"),
    "a classifier": ("model=classifier", *SMALL_DIGITS),
    "an embedding": ("model=small_embedding", "data.languages=[en,zh]", "budget_images=64", "validate_every_images=32"),
    "a contrastive embedding": ("model=embedding", "embedding_objective=contrastive", *SMALL_DIGITS),
    "a generator with partners": (
        "model=small_text_gan",
        "+term=[learned_redescription,word_region_matching,perceptual_feature_matching,perceptual]",
        "image_encoder=cnn",
        "image_encoder.widths=[8,8,8]",
        "caption_decoder=lstm",
        "caption_decoder.dropout=0",
        "terms.learned_redescription.pixel_noise=0",
        *SGD,
        "budget_images=64",
        "validate_every_images=32",
    ),
}
"""Noise and dropout are left out, which each device draws for itself."""
SLOW = (
    "a captioner that learns from truth",
    "an adversarial captioner by relaxed words",
    "a captioner that reads disturbed captions",
)
"""Kin of others here."""


@pytest.fixture(scope="module")
def lender(tmp_path_factory) -> Path:
    """A captioner for the run that borrows one."""
    return lent("small_captioner", tmp_path_factory.mktemp("lender"))


@pytest.fixture(scope="module")
def embedding(tmp_path_factory) -> Path:
    """An embedding for the run that borrows one."""
    return lent("small_embedding", tmp_path_factory.mktemp("embedding"))


@pytest.fixture(scope="module")
def autoencoder(tmp_path_factory) -> Path:
    """A VQ-VAE for the priors that borrow one."""
    return lent("small_vqvae", tmp_path_factory.mktemp("autoencoder"))


@pytest.fixture(scope="module")
def latents(tmp_path_factory) -> Path:
    """A KL autoencoder for the flow that borrows one."""
    return lent("small_kl_autoencoder", tmp_path_factory.mktemp("latents"))


def lent(model: str, folder: Path) -> Path:
    train = ["train", "--config-dir", str(devices.CONF), f"model={model}", "budget_images=32"]
    assert processes.finish([*train, "validate_every_images=32"], folder) == 0, processes.said(folder)
    (run,) = all_runs(folder / "outputs")
    return run.path


@pytest.mark.parametrize(
    ("name", "strategy"),
    [
        *(pytest.param(name, "ddp", marks=[pytest.mark.slow] if name in SLOW else []) for name in RUNS),
        ("a captioner", "fsdp"),
    ],
)
def test_two_devices_learn_and_measure_the_same_as_one(name, strategy, request, tmp_path):
    overrides = list(RUNS[name])
    if name == "a flow of sentences":
        overrides.append(f"+parts.captioner={{run: '{request.getfixturevalue('lender')}', task: captioning}}")
    if "model=small_layered_gan" in overrides:
        overrides.append(f"parts.captioner.run={request.getfixturevalue('lender')}")
    if name == "a flow in latents":
        overrides.append(f"parts.autoencoder.run={request.getfixturevalue('latents')}")
    if name.startswith("a prior of"):
        overrides.append(f"parts.autoencoder.run={request.getfixturevalue('autoencoder')}")
    if name == "a generator with partners":
        overrides.append(f"+parts.embedding={{run: '{request.getfixturevalue('embedding')}', task: embedding}}")
    (one,) = devices.trained(overrides, 1, tmp_path / "one")
    first, second = devices.trained(overrides, 2, tmp_path / "two", strategy)
    assert [sum(pair) for pair in zip(first["tokens"], second["tokens"], strict=True)] == one["tokens"]
    assert "data=digits" in overrides or first["tokens"] != second["tokens"]  # sentences differ in length
    for other in (first, second):
        assert_same_gradients(one["gradients"], other["gradients"])
        assert_same_figures(one["figures"], other["figures"])
        for key, value in one["state"].items():
            assert torch.allclose(value.double(), other["state"][key].double(), rtol=1e-5, atol=1e-6), key


@pytest.mark.parametrize(
    ("name", "strategy"), [("a captioner", "ddp"), ("a captioner", "fsdp"), ("a plain GAN", "ddp")]
)
def test_all_devices_begin_with_the_weights_of_the_first(name, strategy, tmp_path):
    """As where the checkpoint of a warm start is written anew while they read it."""
    overrides = list(RUNS[name])
    stray = "+callbacks.stray={_target_: tinyparts.Stray, rank: 1}"
    undisturbed, _ = devices.trained(overrides, 2, tmp_path / "undisturbed", strategy)
    for other in devices.trained([*overrides, stray], 2, tmp_path / "strayed", strategy):
        assert [key for key, value in undisturbed["state"].items() if not torch.equal(value, other["state"][key])] == []


def test_two_devices_in_micro_batches_learn_as_one_with_the_whole_batch(tmp_path):
    """Mismatched sentences may be of another device and of another part."""
    overrides = ["model=mlp_gan", "text_encoder=gru", "system.mismatch_weight=0.5", *SMALL_DIGITS]
    (one,) = devices.trained(overrides, 1, tmp_path / "one")
    for other in devices.trained([*overrides, "system.micro_batch_size=3"], 2, tmp_path / "two"):
        assert_same_gradients(one["gradients"], other["gradients"])
        assert_same_figures(one["figures"], other["figures"])


def test_sharded_networks_learn_in_micro_batches_as_whole_ones(tmp_path):
    overrides = [*RUNS["a captioner"], "system.micro_batch_size=3"]
    whole, _ = devices.trained(overrides, 2, tmp_path / "whole")
    sharded, _ = devices.trained(overrides, 2, tmp_path / "sharded", "fsdp")
    assert_same_gradients(whole["gradients"], sharded["gradients"])
    assert_same_figures(whole["figures"], sharded["figures"])


def assert_same_gradients(some: list[list[torch.Tensor]], others: list[list[torch.Tensor]]) -> None:
    """To 1e-5 of each gradient's norm; those that are zero but for rounding, of a thousandth of all together."""
    assert len(some) >= 4
    for step, other_step in zip(some, others, strict=True):
        total = torch.stack([gradient.norm() for gradient in step]).norm()
        for gradient, other in zip(step, other_step, strict=True):
            assert (gradient - other).norm() <= 1e-5 * max(gradient.norm(), 1e-3 * total)


def assert_same_figures(some: list[dict[str, Any]], others: list[dict[str, Any]]) -> None:
    """Of every training step and every validation, which measured something."""
    assert any(name.startswith("val/") for figures in some for name in figures)
    for figures, other in zip(some, others, strict=True):
        assert other == pytest.approx(figures, rel=1e-5, abs=1e-6)
