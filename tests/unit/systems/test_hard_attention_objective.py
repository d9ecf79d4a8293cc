"""Hard attention learns the variational bound of Xu et al. 2015: its gradient against every choice of regions."""

from functools import partial
from itertools import product
from math import prod

import pytest
import torch
from torch import nn

from diptych.losses.captioning import token_nll
from diptych.models.caption_decoders import AttentionLSTMDecoder, HardAttentionLSTMDecoder, LSTMDecoder
from diptych.models.caption_decoders.hard_attention import one_region
from diptych.systems.captioning.objectives import CaptionStep, WholeBatch, hard_attention
from diptych.systems.captioning.objectives.hard_attention import HardAttentionObjective, sampled_region
from diptych.text import tokenizer_of
from diptych.types import BOS_ID, EOS_ID, PAD_ID, SPECIAL_TOKENS, Batch, DataSpec, ImageFeatures

SPEC = DataSpec("patches", 8, 3, (*SPECIAL_TOKENS, "red", "green"), max_length=4)
CAPTION = [BOS_ID, 4, EOS_ID, PAD_ID]
REGIONS = 3


class Features(nn.Module):
    """The same features for every image."""

    def forward(self, images):
        rng = torch.Generator().manual_seed(1)
        pooled, regions = torch.randn(1, 5, generator=rng), 3 * torch.randn(1, REGIONS, 7, generator=rng)
        return ImageFeatures(*(part.double().repeat_interleave(len(images), dim=0) for part in (pooled, regions)))


def make_decoder(decoder_class=HardAttentionLSTMDecoder):
    torch.manual_seed(0)
    sizes = {"vocabulary_size": len(SPEC.vocabulary), "image_dim": 5, "embedding_dim": 6, "hidden_dim": 8}
    attends = issubclass(decoder_class, AttentionLSTMDecoder)
    sizes |= {"region_dim": 7, "attention_dim": 5} if attends else {}
    decoder = decoder_class(**sizes).double()
    if attends:
        decoder.energy.weight.data *= 10  # regions of unequal probability
    return decoder


def make_step(decoder, images: int = 1, seed: int = 0) -> CaptionStep:
    tokens = torch.tensor([[CAPTION]] * images)
    batch = Batch(torch.zeros(images, 3, 8, 8), tokens, tokens != PAD_ID)
    return CaptionStep(
        batch=batch,
        images=batch.images,
        num_tokens=batch.token_mask[..., 1:].sum().double(),
        image_encoder=Features(),
        caption_decoder=decoder,
        tokenizer=tokenizer_of(SPEC),
        images_seen=0,
        max_length=3,
        system_rng=torch.Generator().manual_seed(seed),
        whole=WholeBatch(batch),
    )


def gradient(loss, decoder):
    given = torch.autograd.grad(loss, list(decoder.parameters()), allow_unused=True)
    pairs = zip(given, decoder.parameters(), strict=True)
    return torch.cat([(torch.zeros_like(p) if g is None else g).flatten() for g, p in pairs])


def read_by(decoder, step, choice):
    """A pass in which the words look at these regions, one after the other."""
    regions = iter(choice)
    return decoder.read(step.features, step.tokens[:, :-1], lambda w: one_region(torch.full((1, 1), next(regions)), w))


@pytest.mark.parametrize("baseline", [0.0, -3.0])
def test_the_mean_gradient_of_its_draws_is_that_of_the_bound(baseline, monkeypatch):
    """The bound sums p(s | a) log p(y | s, a) over all choices s of regions; the baseline leaves the mean alone."""
    decoder, choices = make_decoder(), list(product(range(REGIONS), repeat=3))
    bound, mean, total = 0.0, 0.0, 0.0
    for choice in choices:
        step = make_step(decoder)
        reading = read_by(decoder, step, choice)
        probability = prod(reading.attention[0, t, region] for t, region in enumerate(choice[:2]))
        log_likelihood = -token_nll(reading.logits, step.targets).sum()
        weight = probability / REGIONS  # the third word is padding: all its regions are the same choice
        bound, total = bound + weight * log_likelihood, total + weight.item()
        regions = iter(choice)
        monkeypatch.setattr(
            hard_attention, "sampled_region", lambda w, _, r=regions: one_region(torch.full((1, 1), next(r)), w)
        )
        objective = HardAttentionObjective(entropy_weight=0.0, expected_share=0.0)
        objective.baseline.fill_(baseline)
        objective.num_baselines.fill_(1)
        losses = objective.losses(step)
        loss = losses["loss"] + objective.weights["reinforce_loss"] * losses["reinforce_loss"]
        mean = mean + weight.item() * gradient(loss, decoder)
    assert total == pytest.approx(1)
    exact = gradient(-bound / make_step(decoder).num_tokens, decoder)
    assert exact.abs().max() > 1e-3
    torch.testing.assert_close(mean, exact)


def test_regions_are_drawn_as_often_as_their_probabilities_say():
    weights = torch.tensor([0.7, 0.25, 0.05]).expand(1, 20_000, 3)
    drawn = sampled_region(weights, torch.rand(1, 20_000, generator=torch.Generator().manual_seed(0)))
    assert torch.equal(drawn.sum(-1), torch.ones(1, 20_000))
    torch.testing.assert_close(drawn.mean((0, 1)), weights[0, 0], atol=0.01, rtol=0)


def test_captions_with_the_expected_context_are_those_of_soft_attention(monkeypatch):
    decoder, step = make_decoder(), make_step(make_decoder(), images=4)
    monkeypatch.setattr(CaptionStep, "uniform", lambda self, name, *shape: torch.zeros(len(self), *shape))
    losses = HardAttentionObjective(expected_share=0.5).losses(step)
    soft = decoder.read(step.features, step.tokens[:, :-1], lambda weights: weights)
    torch.testing.assert_close(losses["loss"], token_nll(soft.logits, step.targets).sum() / step.num_tokens)
    assert losses["reinforce_loss"] == 0


def test_padding_and_the_captions_of_other_rows_change_nothing(monkeypatch):
    decoder = make_decoder()
    monkeypatch.setattr(hard_attention, "sampled_region", lambda w, _: one_region(w.argmax(-1), w))
    objectives = [HardAttentionObjective(expected_share=0.0) for _ in range(2)]
    for objective in objectives:
        objective.num_baselines.fill_(1)
    one, many = objectives[0].losses(make_step(decoder)), objectives[1].losses(make_step(decoder, images=3))
    for name, loss in one.items():
        torch.testing.assert_close(many[name], loss)


def test_the_entropy_bonus_pulls_towards_equal_attention():
    decoder, step = make_decoder(), make_step(make_decoder())
    losses = HardAttentionObjective(expected_share=0.0).losses(step)
    reading = decoder.read(step.features, step.tokens[:, :2], lambda weights: weights)
    assert -losses["entropy_loss"] <= torch.tensor(float(REGIONS)).log()
    assert reading.attention.shape == (1, 2, REGIONS)
    equal = make_decoder()
    equal.energy.weight.data.zero_()
    highest = HardAttentionObjective().losses(make_step(equal))["entropy_loss"]
    torch.testing.assert_close(-highest, torch.tensor(float(REGIONS)).log().double())


def test_the_baseline_is_a_moving_average_of_what_was_drawn():
    decoder, objective = make_decoder(), HardAttentionObjective(expected_share=0.0, baseline_decay=0.9)
    rewards = []
    for seed in range(4):
        step = make_step(decoder, seed=seed)
        before = objective.baseline.item()
        rewards.append(-objective.losses(step)["loss"].item() * step.num_tokens.item())
        expected = rewards[0] if seed == 0 else 0.9 * before + 0.1 * rewards[-1]
        assert objective.baseline.item() == pytest.approx(expected, rel=1e-5)


def test_the_first_step_has_no_baseline_and_rewards_nothing():
    decoder, objective = make_decoder(), HardAttentionObjective(expected_share=0.0)
    assert objective.losses(make_step(decoder, images=3))["reinforce_loss"] == 0
    assert objective.losses(make_step(decoder, images=3, seed=1))["reinforce_loss"] != 0


def test_the_baseline_moves_once_a_step_by_all_of_its_parts():
    decoder, whole, parts = make_decoder(), *(HardAttentionObjective() for _ in range(2))
    for seed in range(3):
        whole.losses(make_step(decoder, images=5, seed=seed))
        step = make_step(decoder, images=5, seed=seed)
        for part in (slice(0, 2), slice(2, 4), slice(4, 5)):
            parts.losses(step.rows(part))
    assert whole.baseline != 0
    assert parts.baseline.item() == pytest.approx(whole.baseline.item(), rel=1e-6)
    assert parts.num_baselines == whole.num_baselines == 3


@pytest.mark.parametrize("decoder_class", [LSTMDecoder, AttentionLSTMDecoder])
def test_a_decoder_that_chooses_no_regions_is_refused(decoder_class):
    """Soft attention as well: no draw of its regions is what it would say captions by."""
    message = f"{decoder_class.__name__} does not choose among regions; choose caption_decoder=lstm_hard"
    with pytest.raises(ValueError, match=message):
        HardAttentionObjective().losses(make_step(make_decoder(decoder_class)))


@pytest.mark.parametrize("name", ["expected_share", "baseline_decay"])
def test_shares_are_refused_by_name(name):
    with pytest.raises(ValueError, match=f"caption_objective.{name}=1.5"):
        partial(HardAttentionObjective, **{name: 1.5})()
