"""Sentences of letters beside noise: data and a way to train that fit into a unit test."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, Trainer
from torch import nn
from torch.utils.data import DataLoader

from diptych.runs.trainer import quiet
from diptych.types import BOS_ID, EOS_ID, PAD_ID, SPECIAL_TOKENS, Batch, DataSpec, Sentences, TextFeatures

WORDS = tuple("abcdefgh")
SPEC = DataSpec("letters", 28, 1, SPECIAL_TOKENS + WORDS, max_length=6)


class BagOfWords(nn.Module):
    """The mean of word vectors."""

    sentence_dim = word_dim = 6

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(len(SPEC.vocabulary), self.word_dim)

    def forward(self, sentences: Sentences) -> TextFeatures:
        mask = sentences.mask
        words = self.embedding(sentences.tokens) * mask[..., None]
        return TextFeatures(words.sum(1) / mask.sum(1, keepdim=True), words, mask)


class Figures(Callback):
    """What was logged after each batch."""

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        figures = trainer.callback_metrics.items()
        self.rows.append({name.removeprefix("train/"): float(value) for name, value in figures})


def make_batch(seed: int, size: int = 4, sentences: Sequence[str] | None = None) -> Batch:
    """Noise with sentences of letters, or with the given ones."""
    rng = torch.Generator().manual_seed(seed)
    said = sentences or ["".join(WORDS[i] for i in torch.randperm(8, generator=rng)[:3]) for _ in range(size)]
    rows = [[BOS_ID, *(WORDS.index(w) + len(SPECIAL_TOKENS) for w in s), EOS_ID] for s in said]
    tokens = torch.tensor([row + [PAD_ID] * (6 - len(row)) for row in rows])[:, None]
    images = torch.rand(len(said), 1, 28, 28, generator=rng) * 2 - 1
    captions = tuple((" ".join(s),) for s in said)
    return Batch(images, tokens, tokens != PAD_ID, captions, references=captions)


def run_fit(system: Any, batches: Sequence[Batch], ckpt_path: Path | None = None, **settings: Any) -> Trainer:
    """One epoch over the batches on the CPU and no validation, writing nothing; the trainer afterwards."""
    silent = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    usual = {"accelerator": "cpu", "max_epochs": 1, "enable_model_summary": False, "limit_val_batches": 0}
    trainer = Trainer(**(usual | silent | settings))
    loader = DataLoader(batches, batch_size=None)  # pyright: ignore[reportArgumentType]
    with quiet():
        trainer.fit(system, loader, loader, ckpt_path=ckpt_path, weights_only=True)
    return trainer


def train_once(system: Any, batches: Sequence[Batch], **settings: Any) -> list[dict[str, float]]:
    """One epoch; what was logged after each batch."""
    figures = Figures()
    run_fit(system, batches, callbacks=[figures], **settings)
    return figures.rows
