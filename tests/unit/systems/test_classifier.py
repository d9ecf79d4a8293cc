from functools import partial
from typing import Any

import pytest
import torch
from pytorch_lightning import Trainer
from torch.utils.data import DataLoader

from diptych.models.image_encoders import ConvEncoder
from diptych.runs.trainer import quiet
from diptych.systems.classification.quality import ClassificationQuality
from diptych.systems.classification.system import Classifier
from diptych.systems.schedules import Linear
from diptych.types import SPECIAL_TOKENS, Batch, DataSpec

COLOURS = ("red", "green", "blue")
MANY = DataSpec("patches", 16, 3, SPECIAL_TOKENS, 2, labels=COLOURS)
ONE = DataSpec("patches", 16, 3, SPECIAL_TOKENS, 2, labels=COLOURS, exclusive_labels=True)
ADAM = partial(torch.optim.Adam, lr=1e-2)


def make_classifier(spec: DataSpec = MANY, **settings: Any) -> Classifier:
    torch.manual_seed(0)
    encoder = ConvEncoder(image_size=16, widths=(8, 12), num_halvings=2, pooled_dim=10)
    return Classifier(data_spec=spec, image_encoder=encoder, **{"optimizer": ADAM, **settings})


def make_batch(seed: int, exclusive: bool, size: int = 8) -> Batch:
    """A coloured quarter for each true label."""
    rng = torch.Generator().manual_seed(seed)
    labels = torch.rand(size, 3, generator=rng) > 0.5
    if exclusive:
        labels = torch.nn.functional.one_hot(torch.randint(3, (size,), generator=rng), 3).bool()
    images = -torch.ones(size, 3, 16, 16)
    for place, corner in enumerate(((0, 0), (0, 8), (8, 0))):
        rows, columns = (slice(start, start + 8) for start in corner)
        images[labels[:, place], place, rows, columns] = 1
    tokens = torch.zeros(size, 1, 2, dtype=torch.long)
    return Batch(images, tokens, tokens > 0, labels=labels)


def train(classifier: Classifier, batches: list[Batch], val: list[Batch] | None = None) -> dict[str, float]:
    with quiet():
        trainer = Trainer(
            accelerator="cpu",
            max_epochs=1,
            limit_val_batches=1.0 if val else 0,
            num_sanity_val_steps=0,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(classifier, *(DataLoader(b, batch_size=None) for b in (batches, val or [])))
    return {name: float(value) for name, value in trainer.callback_metrics.items()}


@pytest.mark.parametrize("spec", [MANY, ONE])
def test_it_learns_the_labels(spec):
    classifier, exclusive = make_classifier(spec, pixel_noise=0.1), spec.exclusive_labels
    batches = [make_batch(seed, exclusive) for seed in range(60)]
    figures = train(classifier, batches, [make_batch(seed, exclusive) for seed in range(1000, 1004)])
    assert figures["val/accuracy"] == figures["val/f1"] == figures["val/precision"] == figures["val/recall"] == 1
    batch = make_batch(2000, exclusive)
    for found, held in zip(classifier.classify(batch.images), batch.labels, strict=True):
        assert found.labels == tuple(c for c, holds in zip(COLOURS, held.tolist(), strict=True) if holds)


def test_progress_counts_images_and_the_learning_rate_follows_its_schedule():
    classifier = make_classifier(schedule=Linear(total_images=32))
    figures = train(classifier, [make_batch(seed, False) for seed in range(2)])
    assert classifier.images_seen == 16
    assert figures["train/lr"] == pytest.approx(1e-2 * 0.5)


def test_exactly_one_label_is_predicted_where_exactly_one_holds():
    classifier = make_classifier(ONE)
    found = classifier.classify(torch.randn(20, 3, 16, 16))
    assert {len(one.labels) for one in found} == {1}
    assert all(float(one.probs.sum()) == pytest.approx(1) for one in found)
    assert all(COLOURS[int(one.probs.argmax())] == one.labels[0] for one in found)


def test_classifying_leaves_training_as_it_was():
    classifier = make_classifier().train()
    before = classifier.image_encoder.convolutions[0][1].running_mean.clone()
    classifier.classify(torch.randn(4, 3, 16, 16))
    assert classifier.image_encoder.training
    assert torch.equal(classifier.image_encoder.convolutions[0][1].running_mean, before)


def test_data_without_labels_are_refused():
    spec = DataSpec("folder", 16, 3, SPECIAL_TOKENS, 2)
    with pytest.raises(
        ValueError, match=r"system=classifier: data folder has no labels; choose scenes, digits, mnist or imagefolder"
    ):
        make_classifier(spec)


def test_quality_is_counted_by_hand_over_batches():
    """Label 0: 2 hits among 2 predicted and 3 true; label 1: 1 among 2 predicted and 1 true; two images are right."""
    quality = ClassificationQuality(2)
    found = torch.tensor([[1, 0], [1, 1], [0, 1], [0, 0]]).bool()
    held = torch.tensor([[1, 0], [1, 0], [1, 1], [0, 0]]).bool()
    for rows in (slice(0, 1), slice(1, 4)):
        quality.update(torch.tensor([1.0] * len(found[rows])), found[rows], held[rows])
    figures = {name: float(value) for name, value in quality.compute().items()}
    assert figures == pytest.approx(
        {
            "nll": 1,
            "accuracy": 2 / 4,
            "precision": (1 + 1 / 2) / 2,
            "recall": (2 / 3 + 1) / 2,
            "f1": (4 / 5 + 2 / 3) / 2,
        }
    )
    quality.reset()
    quality.update(torch.tensor([3.0]), held[:1], held[:1])
    assert float(quality.compute()["nll"]) == 3


def test_a_label_that_neither_occurs_nor_is_predicted_does_not_count():
    labels = torch.tensor([[True, False, False], [False, True, False]])
    quality = ClassificationQuality(3)
    quality.update(torch.zeros(2), labels, labels)
    assert float(quality.compute()["f1"]) == 1
    quality.update(torch.zeros(1), torch.tensor([[False, False, True]]), torch.zeros(1, 3, dtype=torch.bool))
    assert float(quality.compute()["f1"]) == pytest.approx(2 / 3)
