"""Runs of caption decoders: resumed exactly, and captioning afterwards without what they were built from."""

import shutil

import pytest
import tiny_transformers
import torch

import diptych
from diptych.config.composition import compose
from diptych.runs.training import resume, train
from sameness import differences

SMALL = (
    "data=scenes_demo",
    "schedule=constant",
    "image_encoder.widths=[4,8]",
    "image_encoder.num_halvings=2",
    "image_encoder.pooled_dim=8",
    "data.batch_size=8",
    "data.val_size=8",
    "data.num_workers=0",
    "validate_every_images=8",
    "callbacks.metrics_log.every_images=8",
    "tracking=csv",
    "trainer.threads=1",
    "callbacks.progress.quiet=true",
)
TRANSFORMER = "caption_decoder={dim: 8, num_heads: 2, feedforward_dim: 8, dropout: 0.1}"
CHOICES = {
    "a transformer with dropout": ["model=cnn_transformer", TRANSFORMER],
    "hard attention with its baseline": ["model=cnn_rnn_hard_attention", "caption_decoder.hidden_dim=8"],
    "a pretrained language model": ["model=clipcap", "caption_decoder.prefix_length=2"],
}


QUICK = "a transformer with dropout"


@pytest.mark.parametrize(
    "choice", [pytest.param(choice, marks=[] if choice == QUICK else [pytest.mark.slow]) for choice in CHOICES]
)
def test_it_is_resumed_exactly_and_captions_without_its_folder(choice, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DIPTYCH_OUTPUTS", str(tmp_path / "outputs"))
    chosen = [*SMALL, *CHOICES[choice]]
    if "model=clipcap" in chosen:
        chosen.append(f"caption_decoder.pretrained={tiny_transformers.gpt2(tmp_path / 'network')}")
    whole, _ = train(compose([*chosen, "budget_images=32"]))
    parted, _ = train(compose([*chosen, "budget_images=16"]))
    shutil.rmtree(tmp_path / "network", ignore_errors=True)
    resume(parted, ["budget_images=32"])
    assert differences(learned(parted), learned(whole)) == []
    captions = diptych.load(parted.path).caption([torch.zeros(3, 32, 32)] * 2, beam=2)
    assert len(captions) == 2


def learned(folder):
    """Networks, optimisers, the objective's baseline, progress and the randomness of training."""
    checkpoint = torch.load(folder.last, weights_only=True)
    return {key: checkpoint[key] for key in ("state_dict", "optimizer_states", "images_seen", "system_rng")}
