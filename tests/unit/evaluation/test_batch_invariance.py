"""The same seed gives the same evaluation, whoever loads the data and however many pictures are generated at once."""

from types import SimpleNamespace

import pytest
import torch
from contexts import context_of
from torch import nn

from diptych.config.composition import compose
from diptych.evaluation.generation.benchmark import Generation
from diptych.evaluation.generation.generated import generate_held_out
from diptych.evaluation.held_out import take_held_out
from diptych.evaluation.progress import silently
from diptych.runs.handles import ImageGenerator
from diptych.systems.text_to_image import TextToImage
from diptych.types import Sentences, TextFeatures
from diptych.world import render

NUM = 20


class Words(nn.Module):
    """The mean of word vectors."""

    sentence_dim = word_dim = 8

    def __init__(self, num_words: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(num_words, self.word_dim)

    def forward(self, sentences: Sentences) -> TextFeatures:
        mask = sentences.mask
        words = self.embedding(sentences.tokens) * mask[..., None]
        return TextFeatures(words.sum(1) / mask.sum(1, keepdim=True), words, mask)


class Mixer(nn.Module):
    """Adds a sentence's vector to a picture of the world, through convolutions whose rounding depends on the batch."""

    latent_dim = 4

    def __init__(self, pictures: torch.Tensor) -> None:
        super().__init__()
        self.pictures = nn.Parameter(pictures)
        self.choose = nn.Linear(Words.sentence_dim + self.latent_dim, len(pictures))
        self.blend = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, latents: torch.Tensor, text: TextFeatures) -> torch.Tensor:
        weights = (40 * self.choose(torch.cat([text.sentence, latents], dim=1))).softmax(dim=1)
        images = torch.einsum("bp,pchw->bchw", weights, self.pictures)
        return (images + 0.02 * self.blend(images)).clamp(-1, 1)


def test_worker_processes_change_no_bit_of_the_examples():
    here, elsewhere = (
        take_held_out(compose(["data=scenes_demo", f"data.num_workers={n}"]), data=None, split="test", num=NUM)
        for n in (0, 2)
    )
    assert torch.equal(here.images, elsewhere.images)
    assert here.references == elsewhere.references
    assert here.scenes == elsewhere.scenes


class Mixing(TextToImage):
    def __init__(self, *, generator: nn.Module, **settings) -> None:
        super().__init__(**settings)
        self.generator = generator
        self.keep_averages()

    def sample(self, networks, text, rngs, options):
        return networks["generator"](rngs.randn(networks["generator"].latent_dim), text)


def test_the_batch_size_changes_no_verdict_and_no_figure(monkeypatch):
    held_out = take_held_out(compose(["data=scenes_demo"]), data=None, split="test", num=NUM)
    system = Mixing(
        data_spec=held_out.spec,
        generator=Mixer(render(held_out.true_scenes())),
        text_encoder=Words(len(held_out.spec.vocabulary)),
    )
    generator = ImageGenerator(SimpleNamespace(read_collapse=lambda: None), SimpleNamespace(), system)
    generated = []
    for at_once in (64, 64, 3):
        monkeypatch.setattr("diptych.evaluation.generation.generated.PICTURES_AT_ONCE", at_once)
        generated.append(generate_held_out(generator, held_out, seed=0, track=silently))
    assert torch.equal(generated[0].images, generated[1].images)
    assert torch.allclose(generated[0].images, generated[2].images, atol=1e-5, rtol=0)
    assert generated[0].judged.truth == generated[2].judged.truth
    assert sum(reading.is_legible for reading in generated[0].judged.readings) > 0
    tables = []
    for one in (generated[0], generated[2]):
        context = context_of(generator, held_out)
        vars(context).update(generated=one)
        tables.append(Generation().measure(context))
    for one, other in zip(*(table.figures for table in tables), strict=True):
        assert one.value == pytest.approx(other.value, abs=1e-6)
