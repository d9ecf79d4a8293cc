"""Whether generated images are classified as asked, and whether those of a sentence differ."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from diptych.evaluation.classification.class_accuracy import ClassAccuracy
from diptych.systems.classification.labels import Classification

SENTENCES = (("dark", "a dark one"), ("bright", "a bright one"))
LABELS = ("dark", "bright")


class Generator:
    """Draws the brightness that a sentence names, with a spread of its own."""

    tokenizer, data_spec, takes_sentences = None, None, True
    cut = staticmethod(lambda sentence: sentence)

    def __init__(self, spread: float) -> None:
        self.spread = spread

    def sample(self, sentences, *, num_images=1, seed=0, batch_size=64):
        rng = torch.Generator().manual_seed(seed)
        level = torch.tensor([0.5 if "bright" in text else -0.5 for text in sentences]).repeat_interleave(num_images)
        noise = torch.randn(len(level), 1, 4, 4, generator=rng)
        return level[:, None, None, None] + self.spread * (noise - noise.mean(dim=(1, 2, 3), keepdim=True))


class Classifier:
    labels, data_spec = LABELS, None

    def classifications(self, pictures):
        for picture in pictures:
            yield Classification((LABELS[int(picture.mean() > 0)],), {})


def measured(spread: float, num: int) -> dict[str, Any]:
    rng = torch.Generator().manual_seed(1)
    names = torch.arange(40) % 2
    noise = torch.randn(40, 1, 4, 4, generator=rng)
    images = (names - 0.5)[:, None, None, None] + 0.2 * (noise - noise.mean(dim=(1, 2, 3), keepdim=True))
    held_out = SimpleNamespace(
        labels=torch.stack([names == 0, names == 1], dim=1),
        references=[SENTENCES[name] for name in names.tolist()],
        images=images,
        world=None,
        spec=SimpleNamespace(labels=LABELS),
        name="levels",
    )
    context: Any = SimpleNamespace(
        subject=Generator(spread),
        partner=Classifier(),
        held_out=held_out,
        request=SimpleNamespace(num=num, seed=0),
        track=lambda items, **_: items,
        protocol={},
    )
    return {figure.key: figure for figure in ClassAccuracy().measure(context).figures}


@pytest.mark.parametrize(("spread", "diversity"), [(0.0, 0.0), (0.1, 0.5), (0.2, 1.0)])
def test_diversity_is_relative_to_real_images_of_the_same_labels(spread, diversity):
    figures = measured(spread, num=400)
    assert figures["class_accuracy"].value == 1.0
    assert figures["class_accuracy"].n == 400
    assert figures["class_accuracy"].chance == pytest.approx(0.5)
    assert figures["class_accuracy"].reference == 1.0
    assert figures["diversity_within_sentence"].value == pytest.approx(diversity, abs=0.05)


def test_one_image_a_sentence_has_no_diversity():
    assert measured(0.1, num=4)["diversity_within_sentence"].value is None
