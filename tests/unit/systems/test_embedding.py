"""An embedding small enough to train in a test: what it learns, from whom, and what it measures."""

import logging
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from pytorch_lightning import Trainer
from steps import batches_of, built, taught
from torch.utils.data import DataLoader

from diptych.losses.contrastive import contrastive_loss
from diptych.models.image_encoders import ConvEncoder
from diptych.models.text_encoders import GRUTextEncoder
from diptych.runs.trainer import quiet
from diptych.systems.coupling import coupled_parts
from diptych.systems.embedding.objectives import Contrastive, EmbeddingObjective, WordRegions
from diptych.systems.embedding.quality import EmbeddingQuality
from diptych.systems.embedding.system import ImageTextEmbedding
from diptych.text import tokenizer_of
from diptych.types import SPECIAL_TOKENS, Batch, DataSpec

COLOURS = ("red", "green", "blue")
SPEC = DataSpec("patches", 16, 3, (*SPECIAL_TOKENS, *COLOURS), 6)
SMALL = (
    "data=scenes_small",
    "data.batch_size=6",
    "image_encoder.widths=[4,6]",
    "image_encoder.num_halvings=2",
    "image_encoder.pooled_dim=8",
    "text_encoder.embedding_dim=4",
    "text_encoder.word_dim=6",
    "text_encoder.sentence_dim=8",
    "system.embedding_dim=5",
)
OBJECTIVES = ("contrastive", "word_regions")


def small(objective: str, *overrides: str) -> tuple[str, ...]:
    return ("model=embedding", f"embedding_objective={objective}", *SMALL, *overrides)


def make_embedding(objective: EmbeddingObjective | None = None, **settings: Any) -> ImageTextEmbedding:
    torch.manual_seed(0)
    return ImageTextEmbedding(
        data_spec=SPEC,
        image_encoder=ConvEncoder(image_size=16, widths=(8, 12), num_halvings=2, pooled_dim=10),
        text_encoder=GRUTextEncoder(vocabulary_size=len(SPEC.vocabulary), embedding_dim=8, word_dim=8, sentence_dim=8),
        embedding_objective=objective or Contrastive(),
        embedding_dim=8,
        **{"optimizer": partial(torch.optim.Adam, lr=1e-2), **settings},
    )


def make_batch(seed: int, size: int = 16) -> Batch:
    """A coloured quarter for each of the words said."""
    rng = torch.Generator().manual_seed(seed)
    shown = torch.rand(size, 3, generator=rng) > 0.5
    images = -torch.ones(size, 3, 16, 16)
    for place, corner in enumerate(((0, 0), (0, 8), (8, 0))):
        rows, columns = (slice(start, start + 8) for start in corner)
        images[shown[:, place], place, rows, columns] = 1
    sentences = [" ".join(c for c, is_shown in zip(COLOURS, row, strict=True) if is_shown) for row in shown.tolist()]
    tokens, mask = tokenizer_of(SPEC).encode_batch(sentences)
    said = tuple((sentence,) for sentence in sentences)
    return Batch(images, tokens[:, None], mask[:, None], said, references=said)


def train(system: ImageTextEmbedding, batches: list[Batch], val: list[Batch] | None = None, **settings: Any) -> Any:
    silent = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    usual = {"accelerator": "cpu", "max_epochs": 1, "num_sanity_val_steps": 0, "enable_model_summary": False}
    with quiet():
        trainer = Trainer(limit_val_batches=1.0 if val else 0, **(usual | silent | settings))
        trainer.fit(system, *(DataLoader(b, batch_size=None) for b in (batches, val or [])))  # pyright: ignore
    return {name: float(value) for name, value in trainer.callback_metrics.items()}


@pytest.mark.parametrize("make_objective", [Contrastive, partial(WordRegions, region_dim=12, word_dim=8)])
def test_it_learns_which_sentence_belongs_to_which_image(make_objective):
    embedding = make_embedding(make_objective(), pixel_noise=0.1)
    figures = train(embedding, [make_batch(seed) for seed in range(80)], [make_batch(1000), make_batch(1001)])
    assert figures["val/recall_at_1"] == figures["val/text_to_image_recall_at_1"] == 1
    batch = make_batch(2000)
    sentences = batch.pick(0).texts
    found = (embedding.embed_images(batch.images) @ embedding.embed_sentences(sentences).T).argmax(dim=1)
    assert [sentences[i] for i in found.tolist()] == list(sentences)


def test_the_loss_is_the_masked_contrastive_loss_of_the_projections():
    system = built(small("contrastive"))
    (batch,) = batches_of(small("contrastive"), 1)
    compatible = torch.tensor([[i % 3 == j % 3 for j in range(6)] for i in range(6)])
    text = system.text_encoder(batch.pick(0))
    images = system.projections["image"](system.image_encoder(batch.images).pooled)
    own = contrastive_loss(images, system.projections["text"](text.sentence), temperature=0.07, compatible=compatible)
    losses = system.matching_losses(batch.images, batch.pick(0).texts, compatible)
    torch.testing.assert_close(losses, {"sentence_loss": own}, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_sentence_that_is_true_of_all_images_teaches_nothing(objective):
    system = built(small(objective))
    (batch,) = batches_of(small(objective), 1)
    losses = system.matching_losses(batch.images, batch.pick(0).texts, torch.ones(6, 6, dtype=torch.bool))
    assert {value for loss in losses.values() for value in loss.tolist()} == {0.0}


def test_truth_in_the_world_masks_a_batch_of_one_scene():
    overrides = small(
        "contrastive", "data.world.shapes=[circle]", "data.world.colours=[red]", "data.world.sizes=[large]"
    )
    rows = taught(built(overrides), overrides, 1).figures
    assert rows[0]["train/sentence_loss"] == 0


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_gradients_in_pixels_are_those_of_finite_differences(objective):
    system = built(small(objective)).eval().requires_grad_(False)
    (batch,) = batches_of(small(objective), 1)
    compatible, sentences = torch.eye(6, dtype=torch.bool), batch.pick(0).texts
    loss = lambda images: torch.stack([*system.matching_losses(images, sentences, compatible).values()]).sum()  # noqa: E731
    images = batch.images.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(images), images)
    direction, step = torch.randn_like(batch.images), 1e-5
    slope = (loss(batch.images + step * direction) - loss(batch.images - step * direction)) / (2 * step)
    assert float(slope) == pytest.approx(float((gradient * direction).sum()), rel=1e-3)


def test_the_temperature_learns_and_never_falls_below_its_bound():
    objective = Contrastive(temperature=0.05, least_temperature=0.04)
    figures = train(make_embedding(objective, max_grad_norm=1.0), [make_batch(seed) for seed in range(40)])
    assert figures["train/temperature"] != pytest.approx(0.05)
    with torch.no_grad():
        objective.log_scale += 9
    batch = make_batch(0)
    make_embedding(objective).matching_losses(batch.images, batch.pick(0).texts, torch.eye(16, dtype=torch.bool))
    assert objective.temperature.item() == pytest.approx(0.04)


def test_a_temperature_that_does_not_learn_stays():
    objective = Contrastive(learns_temperature=False)
    figures = train(make_embedding(objective), [make_batch(0)])
    assert figures["train/temperature"] == pytest.approx(0.07)


def test_impossible_settings_are_refused_by_their_keys():
    with pytest.raises(ValueError, match=r"embedding_objective\.temperature=0\.001: give at least least_temperature"):
        Contrastive(temperature=0.001)
    with pytest.raises(ValueError, match=r"embedding_objective\.gamma2=0: give a positive number"):
        WordRegions(region_dim=2, word_dim=2, gamma2=0)


def test_a_text_encoder_that_would_never_whiten_is_refused_before_the_first_step():
    embedding = make_embedding()
    sizes = {"vocabulary_size": len(SPEC.vocabulary), "embedding_dim": 8, "word_dim": 8, "sentence_dim": 8}
    embedding.text_encoder = GRUTextEncoder(**sizes, whitening_floor=0.001)
    with pytest.raises(ValueError, match=r"text_encoder\.whitening_floor=null"):
        train(embedding, [make_batch(0)])
    assert embedding.images_seen == 0


def test_micro_batches_train_and_say_that_pairs_are_compared_within_a_part(caplog):
    embedding = make_embedding(micro_batch_size=4).train()
    assert "embedding_objective" in coupled_parts(embedding)
    with caplog.at_level(logging.WARNING):
        figures = train(embedding, [make_batch(0)])
    assert "embedding_objective" in caplog.text
    assert 0 < figures["train/sentence_loss"] < 10


@pytest.mark.parametrize("objective", [Contrastive(), WordRegions(region_dim=12, word_dim=8)])
def test_half_precision_and_a_batch_of_one_are_finite(objective):
    embedding = make_embedding(objective)
    figures = train(embedding, [make_batch(0), make_batch(1, size=1)], [make_batch(2)], precision="bf16-mixed")
    assert all(torch.tensor(value).isfinite() for value in figures.values())
    assert figures["train/sentence_loss"] == 0  # a batch of one has no negatives


def test_a_sentence_is_embedded_alike_in_any_company_and_nothing_is_left_behind():
    embedding = make_embedding().train()
    before = {name: value.clone() for name, value in embedding.state_dict().items()}
    alone = embedding.embed_sentences(["red"])
    torch.testing.assert_close(embedding.embed_sentences(["red green blue", "red"])[1:], alone)
    images = make_batch(0).images
    torch.testing.assert_close(embedding.embed_images(images)[:1], embedding.embed_images(images[:1]))
    torch.testing.assert_close(alone.norm(dim=1), torch.ones(1))
    assert embedding.training
    assert all(torch.equal(value, before[name]) for name, value in embedding.state_dict().items())


def test_chinese_sentences_are_read_and_judged_by_their_meaning():
    overrides = small("contrastive", "data.languages=[en,zh]")
    system, (batch,) = built(overrides), batches_of(overrides, 1)
    assert taught(system, overrides, 1).figures[0]["train/sentence_loss"] > 0
    vectors = system.embed_sentences(["一个大的红色圆形", "一个小的蓝色方形"])
    assert not torch.allclose(vectors[0], vectors[1])
    quality = EmbeddingQuality(system.data_spec)
    same = replace(batch, scenes=(batch.scenes[0],) * 6)
    said = [(batch.references[0][0], batch.references[0][-1])[i % 2] for i in range(6)]
    quality.update(torch.randn(6, 5), torch.randn(6, 5), said, same)
    assert quality.compute()["recall_at_1"] == 1  # whatever is found is true


def test_quality_counts_any_true_image_as_right():
    """Sentences 0 and 1 are said of image 0; the nearest image of sentence 2 is image 0, which is wrong."""
    batch = make_batch(0, size=3)
    said = replace(batch, references=(("red", "Red "), ("green", "red"), ("blue",)))
    images, texts = torch.eye(3), torch.tensor([[1.0, 0, 0], [1.0, 0, 0], [1.0, 0, 0.5]])
    quality = EmbeddingQuality(SPEC)
    quality.update(images, texts, ["red", "red", "blue"], said)
    figures = quality.compute()
    assert figures["text_to_image_recall_at_1"] == pytest.approx(2 / 3)
    assert figures["text_to_image_recall_at_5"] == 1
    quality.reset()
    quality.update(images[:1], texts[:1], ["red"], said.rows(slice(0, 1)))
    assert quality.compute()["recall_at_1"] == 1
