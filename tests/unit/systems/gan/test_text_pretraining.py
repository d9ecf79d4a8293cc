from typing import Any

import pytest
import torch
from torch import nn

from diptych.models.image_encoders import ConvEncoder
from diptych.models.text_encoders import PooledGRUTextEncoder
from diptych.systems.schedules import Trapezoid
from diptych.systems.text_pretraining import TextPretraining
from diptych.types import Sentences


class Seeing:
    """The part of a captioner that pretraining needs."""

    def __init__(self) -> None:
        self.image_encoder = ConvEncoder(image_size=8, widths=(4, 4), num_halvings=1, pooled_dim=4)


def sentences(number):
    tokens = torch.randint(4, 10, (number, 5))
    return Sentences(("",) * number, tokens, torch.ones_like(tokens, dtype=torch.bool))


def whitening_encoder(vocabulary_size=12):
    sizes = {"embedding_dim": 4, "word_dim": 8, "sentence_dim": 6, "num_queries": 2}
    return PooledGRUTextEncoder(vocabulary_size=vocabulary_size, whitening_floor=1e-4, **sizes)


@pytest.fixture
def text_encoder():
    return whitening_encoder(vocabulary_size=10)


@pytest.fixture
def pretraining(text_encoder):
    return TextPretraining(pretraining_images=40, whitening_images=20, captioner=Seeing(), text_encoder=text_encoder)


def test_pretraining_comes_first_then_whitening_then_generation(pretraining):
    stages = [(pretraining.is_learning(seen), pretraining.is_over(seen)) for seen in (20, 40, 60, 80)]
    assert stages == [(True, False), (True, False), (False, False), (False, True)]
    assert not pretraining.is_over(pretraining.images)
    assert pretraining.is_over(pretraining.images + 1)


def test_the_target_is_standardised_and_always_the_same(pretraining, text_encoder):
    images, nothing_known = torch.randn(64, 3, 8, 8), torch.zeros(64, 6)
    targets = pretraining.targets([images], 6)
    assert 0.5 < pretraining.loss(nothing_known, targets).mean() < 2
    assert torch.equal(pretraining.targets([images], 6), targets)


def test_the_target_of_a_batch_in_parts_is_that_of_the_whole(pretraining):
    images = torch.randn(10, 3, 8, 8)
    torch.testing.assert_close(pretraining.targets(images.split([4, 3, 3]), 6), pretraining.targets([images], 6))


def test_the_captioner_is_frozen_and_the_text_encoder_learns(pretraining, text_encoder):
    targets = pretraining.targets([torch.randn(4, 3, 8, 8)], 6)
    pretraining.loss(text_encoder(sentences(4)).sentence, targets).mean().backward()
    assert not any(p.requires_grad for p in pretraining.image_encoder.parameters())
    assert not [name for name, p in text_encoder.named_parameters() if p.grad is None]


def test_the_last_observation_settles_the_whitening(pretraining, text_encoder):
    pretraining.observe(text_encoder(sentences(10)).sentence, images_seen=50)
    assert torch.equal(text_encoder.whitening.matrix, torch.eye(6))
    pretraining.observe(text_encoder(sentences(10)).sentence, images_seen=60)
    assert not torch.equal(text_encoder.whitening.matrix, torch.eye(6))


def test_pretraining_that_skips_the_whitening_is_refused(pretraining):
    with pytest.raises(ValueError, match=r"whitening_images=20: no batch fell into them"):
        pretraining.check_settled()


def test_pretraining_begins_with_unwhitened_vectors(pretraining, text_encoder):
    pretraining.observe(text_encoder(sentences(10)).sentence, images_seen=60)
    pretraining.begin(text_encoder, torch.device("cpu"), is_resumed=False)
    assert torch.equal(text_encoder.whitening.matrix, torch.eye(6))


def test_a_text_encoder_that_cannot_whiten_is_refused():
    with pytest.raises(ValueError, match=r"Identity does not: derive it from diptych\.models\.text_encoders"):
        TextPretraining(pretraining_images=1, whitening_images=1, captioner=Seeing(), text_encoder=nn.Identity())


def test_a_text_encoder_with_nothing_to_learn_is_refused(pretraining, text_encoder):
    with pytest.raises(ValueError, match=r"nothing that could learn: set text_encoder\.sentence_dim"):
        pretraining.begin(text_encoder.requires_grad_(False), torch.device("cpu"), is_resumed=False)


def restored() -> dict[str, Any]:
    """The parts of a GAN whose captioner stayed behind."""
    encoder = whitening_encoder()
    pretraining = TextPretraining(pretraining_images=10, whitening_images=10, text_encoder=encoder)
    return {"text_encoder": encoder, "text_pretraining": pretraining}


def test_pretraining_without_a_captioner_is_refused_before_the_first_step(make_gan, train, batches):
    with pytest.raises(ValueError, match=r"text_pretraining needs .* parts\.captioner\.run"):
        train(make_gan(**restored()), batches)


def test_a_text_encoder_that_would_never_whiten_is_refused_before_the_first_step(make_gan, train, batches):
    gan = make_gan(text_encoder=whitening_encoder())
    with pytest.raises(
        ValueError, match=r"whitening_floor: .*text_pretraining=captioner_features.*whitening_floor=null"
    ):
        train(gan, batches)
    assert gan.images_seen == 0


def test_what_another_run_has_whitened_stays_so_without_pretraining(make_gan, train, batches):
    gan = make_gan(text_encoder=whitening_encoder())
    gan.text_encoder.whitening.observe(torch.randn(10, 6))
    gan.text_encoder.whitening.settle()
    train(gan, batches[:1])
    assert gan.images_seen == 4


def test_a_generator_restored_to_generate_needs_no_captioner(make_gan):
    assert make_gan(**restored()).generate(["a b"]).shape == (1, 1, 28, 28)


def test_a_trapezoid_rises_holds_and_falls():
    schedule = Trapezoid(total_images=100, decay_images=40, warmup_images=10, final=0.5)
    assert [schedule(seen) for seen in (0, 5, 10, 60, 80, 100, 120)] == [0.0, 0.5, 1.0, 1.0, 0.75, 0.5, 0.5]


@pytest.mark.parametrize("size", [2, 3])
def test_pretraining_in_micro_batches_is_that_of_the_whole_batch(make_gan, train, batch_of, size):
    """Two batches to learn from, one to whiten by, and one of the game."""

    def pretrained(**settings: Any) -> tuple[list[dict[str, float]], nn.Module]:
        torch.manual_seed(0)
        encoder, captioner = whitening_encoder(), Seeing()
        captioner.image_encoder = ConvEncoder(
            image_size=28, image_channels=1, widths=(4, 4), num_halvings=2, pooled_dim=4
        )
        pretraining = TextPretraining(
            pretraining_images=16, whitening_images=8, captioner=captioner, text_encoder=encoder
        )
        gan = make_gan(text_encoder=encoder, text_pretraining=pretraining, **settings)
        return train(gan, [batch_of(seed, size=8) for seed in range(4)]), encoder.whitening

    (whole, whitening), (parts, others) = pretrained(), pretrained(micro_batch_size=size)
    for row, other in zip(whole[:3], parts[:3], strict=True):
        assert other["pretraining_loss"] == pytest.approx(row["pretraining_loss"], rel=1e-4)
    torch.testing.assert_close(others.matrix, whitening.matrix, rtol=1e-3, atol=1e-3)
    assert not torch.equal(whitening.matrix, torch.eye(6))
    assert parts[3].keys() == whole[3].keys() >= {"d_loss", "g_loss"}
