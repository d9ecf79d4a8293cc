"""A batch computed in micro-batches teaches what the whole batch teaches, with the memory of one micro-batch."""

import weakref
from collections import Counter
from dataclasses import dataclass
from functools import cache

import pytest
import torch
from devices import Witness
from steps import built, taught

DIGITS = ("data=digits", "data.batch_size=8")
SCENES = ("data=scenes_small", "data.batch_size=8", "data.captions_per_image=2")
GENERATOR = ("model=mlp_gan", "generator.hidden_dims=[16,16]", "generator.latent_dim=4")
SMALL_GAN = (*GENERATOR, "discriminator.hidden_dims=[16,16]")
SENTENCES = ("text_encoder=gru", "system.mismatch_weight=0.5")
CAPTIONER_ALONE = ("model=cnn_rnn_attention", "caption_decoder.dropout=0.0")
CAPTIONER = (*CAPTIONER_ALONE, "caption_objective.attention_penalty_weight=1")
RUNS = {
    "a GAN": (*SMALL_GAN, *DIGITS),
    "a GAN of sentences": (*SMALL_GAN, *SENTENCES, *DIGITS),
    "with one text encoder": (*SMALL_GAN, *SENTENCES, "system.separate_text_encoders=false", *DIGITS),
    "with spectral normalisation": (
        *GENERATOR,
        *SENTENCES,
        "discriminator=projection",
        "discriminator.widths=[4,4,4]",
        *DIGITS,
    ),
    "with a lazy gradient penalty": (*SMALL_GAN, *DIGITS, "term=r1", "terms.r1.every=2"),
    "with every gradient penalty": (
        *SMALL_GAN,
        *SENTENCES,
        *DIGITS,
        "term=[gradient_penalty,r1,r2,matching_gradient_penalty]",
    ),
    "of a relativistic pair, with orthogonal filters": (
        *SMALL_GAN,
        *DIGITS,
        "objective=relativistic",
        "term=orthogonal",
        "terms.orthogonal.weight=0.1",
        "terms.orthogonal.discriminator_weight=0.1",
    ),
    "through augmentations": (
        *SMALL_GAN,
        *SENTENCES,
        *DIGITS,
        "term=[r1,consistency]",
        "terms.consistency.fake_weight=10",
        "augmentation=[diffaugment,ada,instance_noise]",
        "augmentations.ada.initial_p=0.5",
        "augmentations.ada.interval_images=8",
        "augmentations.ada.speed_images=100",
        "discriminator.spectral_norm=true",
    ),
    "with a slower generator": (*SMALL_GAN, *DIGITS, "system.discriminator_steps=2"),
    "with deep fusion": (
        "model=dfgan",
        "generator.width=1",
        "generator.latent_dim=4",
        "discriminator.width=1",
        *DIGITS,
        "data.image_size=16",
    ),
    "in stages": (
        "model=attngan",
        "generator.width=2",
        "generator.noise_dim=4",
        "generator.condition_width=4",
        "generator.num_residual_blocks=1",
        "generator.num_stages=2",
        "discriminator.width=1",
        "discriminator.num_stages=2",
        *DIGITS,
        "data.image_size=16",
    ),
    "StyleGAN2, whose noise and mixed styles are functions of latents": (
        "model=stylegan2",
        "generator.latent_dim=4",
        "generator.style_dim=6",
        "generator.widths=[4,4,4]",
        "discriminator.widths=[4,4,4]",
        "discriminator.group_size=0",
        "terms.r1.every=2",
        *SENTENCES,
        *DIGITS,
        "data.image_size=16",
    ),
    "a captioner": (*CAPTIONER, *SCENES, "system.pixel_noise=0.2"),
    "a variational captioner": (
        "model=caption_vae",
        "latent_prior=image",
        "system.latents_after_images=0",
        "system.free_nats=0",
        *SCENES,
    ),
    "a self-critical captioner": (
        *CAPTIONER_ALONE,
        *SCENES,
        "caption_objective=self_critical_truth",
        "caption_objective.num_samples=3",
        "caption_objective.cross_entropy_weight=0.5",
    ),
    "a captioner of hard attention": ("model=cnn_rnn_hard_attention", "caption_decoder.dropout=0.0", *SCENES),
    "an adversarial captioner": (*CAPTIONER_ALONE, *SCENES, "caption_objective=adversarial"),
    "an adversarial captioner by relaxed words": (*CAPTIONER_ALONE, *SCENES, "caption_objective=adversarial_gumbel"),
    "a captioner that reads disturbed captions": (
        *CAPTIONER_ALONE,
        *SCENES,
        "caption_objective.word_dropout_prob=0.2",
        "caption_objective.scheduled_sampling_prob=0.3",
    ),
    "a classifier": ("model=classifier", *SCENES, "system.pixel_noise=0.2"),
}
"""Without dropout, which draws for each micro-batch; batch normalisation is taken out."""


@cache
def whole_batches(name: str) -> Witness:
    """What whole batches teach."""
    return taught(built(RUNS[name], batch_norm=False), RUNS[name])


@pytest.mark.parametrize("size", [1, 3, 8])
@pytest.mark.parametrize("name", RUNS)
def test_accumulated_gradients_are_those_of_the_whole_batch(name, size):
    whole = whole_batches(name)
    parts = taught(built([*RUNS[name], f"system.micro_batch_size={size}"], batch_norm=False), RUNS[name])
    assert len(whole.gradients) >= 3
    assert any(gradient.norm() > 0 for gradient in whole.gradients[0])
    for step, other in zip(whole.gradients, parts.gradients, strict=True):
        total = torch.stack([gradient.norm() for gradient in step]).norm()
        for gradient, accumulated in zip(step, other, strict=True):
            assert (gradient - accumulated).norm() <= 1e-6 * max(gradient.norm(), 1e-6 * total)
    for figures, others in zip(whole.figures, parts.figures, strict=True):
        assert others == pytest.approx(figures, rel=1e-6, abs=1e-9)


class Kept:
    """The largest number of bytes that autograd keeps at once, beside the weights of a system."""

    def __init__(self, system: torch.nn.Module) -> None:
        self.peak = 0
        self.weights = {weight.untyped_storage().data_ptr() for weight in system.parameters()}
        self.uses: Counter[tuple[int, int]] = Counter()

    def pack(self, tensor: torch.Tensor) -> "Box":
        box, storage = Box(tensor), tensor.untyped_storage()
        if storage.data_ptr() not in self.weights:
            use = (storage.data_ptr(), storage.nbytes())
            self.uses[use] += 1
            weakref.finalize(box, self.uses.subtract, [use])
            self.peak = max(self.peak, self.now)
        return box

    @property
    def now(self) -> int:
        return sum(size for (_, size), number in self.uses.items() if number)


@dataclass(eq=False)
class Box:
    tensor: torch.Tensor


def most_kept(overrides: tuple[str, ...]) -> int:
    system = built(overrides, batch_norm=False)
    kept = Kept(system)
    with torch.autograd.graph.saved_tensors_hooks(kept.pack, lambda box: box.tensor):
        taught(system, overrides, number=1)
    assert kept.peak > kept.now == 0
    return kept.peak


@pytest.mark.parametrize("name", ["a GAN of sentences", "a captioner", "a classifier"])
def test_only_one_micro_batch_is_kept_for_the_way_back(name):
    assert most_kept((*RUNS[name], "system.micro_batch_size=2")) < 0.4 * most_kept(RUNS[name])
