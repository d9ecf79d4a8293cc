"""A flow whose text encoder learns first, and then stands still while the denoiser learns."""

import copy

import torch
from letters import SPEC, make_batch
from letters import train_once as train

from diptych.models.denoisers.unet import UNet
from diptych.models.image_encoders import ConvEncoder
from diptych.models.text_encoders import PooledGRUTextEncoder
from diptych.systems.text_pretraining import TextPretraining

SMALL = {"widths": [8, 16], "attention_levels": 1, "embedding_dim": 16, "head_dim": 8}


class Seeing:
    """The part of a captioner that pretraining needs."""

    def __init__(self) -> None:
        self.image_encoder = ConvEncoder(image_size=28, image_channels=1, widths=(4, 4), num_halvings=1, pooled_dim=4)


def reading_flow(make_flow):
    """Eight images teach the text encoder, eight more measure what it has learned."""
    torch.manual_seed(1)
    sizes = {"embedding_dim": 4, "word_dim": 8, "sentence_dim": 6, "num_queries": 2}
    reads = PooledGRUTextEncoder(vocabulary_size=len(SPEC.vocabulary), whitening_floor=1e-4, **sizes)
    pretraining = TextPretraining(pretraining_images=8, whitening_images=8, captioner=Seeing(), text_encoder=reads)
    denoiser = UNet(sample_size=28, sample_channels=1, condition_dim=6, word_dim=8, **SMALL)
    return make_flow(text_encoder=reads, text_pretraining=pretraining, denoiser=denoiser, text_dropout=0.0)


def state(module):
    return copy.deepcopy(dict(module.named_parameters()))


def moved(before, module):
    return any(not value.equal(before[name]) for name, value in module.named_parameters())


def test_the_text_encoder_learns_first_and_then_the_denoiser_alone(make_flow):
    flow = reading_flow(make_flow)
    start = state(flow.denoiser), state(flow.text_encoder)
    rows = train(flow, [make_batch(seed) for seed in range(4)])
    assert [("pretraining_loss" in row, "loss" in row) for row in rows] == [(True, False)] * 4
    assert not moved(start[0], flow.denoiser)
    assert moved(start[1], flow.text_encoder)
    learned = state(flow.text_encoder)
    rows = train(flow, [make_batch(seed) for seed in range(4, 12)])
    assert all("loss" in row for row in rows)
    assert moved(start[0], flow.denoiser)
    assert not moved(learned, flow.text_encoder)
    assert not any(moved(learned, kept) for kept in flow.text_encoder_average.copies)


def test_averages_of_the_denoiser_begin_when_it_learns(make_flow):
    flow = reading_flow(make_flow)
    train(flow, [make_batch(seed) for seed in range(5)])
    assert flow.warmup_images == 16
    for kept in flow.denoiser_average.copies:  # after its first step an average is what the network is
        pairs = zip(kept.parameters(), flow.denoiser.parameters(), strict=True)
        assert all(torch.equal(one, other) for one, other in pairs)
