"""The shipped caption objectives: what each learns from, and what it must not see."""

import logging
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from pytorch_lightning import LightningDataModule, Trainer
from torch.nn import functional as F
from torch.utils.data import DataLoader

from diptych.models.caption_decoders import LSTMDecoder
from diptych.models.gan.caption_discriminator import CaptionDiscriminator
from diptych.models.image_encoders import ConvEncoder
from diptych.runs.trainer import quiet
from diptych.systems.captioning.objectives import (
    Adversarial,
    AdversarialGumbel,
    CaptionStep,
    CiderReward,
    CrossEntropy,
    SelfCritical,
    SelfCriticalGreedy,
    TruthReward,
    adversarial_gumbel,
)
from diptych.systems.captioning.objectives.disturbed_inputs import with_own_words, with_unknown_words
from diptych.systems.captioning.objectives.pairs import Captions, real_captions
from diptych.systems.captioning.system import Captioner
from diptych.types import BOS_ID, EOS_ID, PAD_ID, SPECIAL_TOKENS, UNK_ID, Batch, DataSpec

COLOURS = ("red", "green", "blue", "white")
SPEC = DataSpec("patches", 8, 3, (*SPECIAL_TOKENS, "a", "patch", *COLOURS), max_length=7)
FIRST = SPEC.vocabulary.index(COLOURS[0])
WIDTH = 12


def cider(spec: DataSpec = SPEC) -> CiderReward:
    return CiderReward(data_spec=spec)


def discriminator() -> CaptionDiscriminator:
    return CaptionDiscriminator(vocabulary_size=len(SPEC.vocabulary), image_dim=WIDTH, embedding_dim=8, hidden_dim=8)


OBJECTIVES = {
    "cross_entropy": lambda: CrossEntropy(word_dropout_prob=0.3, scheduled_sampling_prob=0.3),
    "self_critical": lambda: SelfCritical(reward=cider(), num_samples=3, cross_entropy_weight=0.5),
    "self_critical_greedy": lambda: SelfCriticalGreedy(reward=cider(), num_samples=2),
    "adversarial": lambda: Adversarial(data_spec=SPEC, caption_discriminator=discriminator(), num_samples=3),
    "adversarial_gumbel": lambda: AdversarialGumbel(data_spec=SPEC, caption_discriminator=discriminator()),
}
ADVERSARIAL = ("adversarial", "adversarial_gumbel")


def make_captioner(objective: Any, **settings: Any) -> Captioner:
    torch.manual_seed(0)
    encoder = ConvEncoder(image_size=8, widths=(8, 12), num_halvings=2, pooled_dim=WIDTH)
    decoder = LSTMDecoder(vocabulary_size=len(SPEC.vocabulary), image_dim=WIDTH, embedding_dim=8, hidden_dim=16)
    return Captioner(
        data_spec=SPEC,
        image_encoder=encoder,
        caption_decoder=decoder,
        caption_objective=objective,
        optimizer=partial(torch.optim.Adam, lr=2e-2),
        **settings,
    )


def captioner_with(name: str, **settings: Any) -> Captioner:
    torch.manual_seed(1)
    captioner = make_captioner(OBJECTIVES[name](), **settings)
    captioner.caption_objective.begin(Data([]).training_captions)
    return captioner


def make_batch(seed: int = 0, size: int = 12) -> Batch:
    """Patches of one colour; every third caption is shorter than the others."""
    colours = torch.randint(len(COLOURS), (size,), generator=torch.Generator().manual_seed(seed)).tolist()
    images = -torch.ones(size, 3, 8, 8)
    for image, colour in zip(images, colours, strict=True):
        image[colour % 3 if colour < 3 else slice(None)] = 1
    names = [COLOURS[colour] for colour in colours]
    texts = tuple((name if i % 3 == 0 else f"a {name} patch",) for i, name in enumerate(names))
    ids = [[BOS_ID, *(SPEC.vocabulary.index(word) for word in text.split()), EOS_ID] for (text,) in texts]
    tokens = torch.tensor([row + [PAD_ID] * (5 - len(row)) for row in ids]).unsqueeze(1)
    return Batch(images, tokens, tokens != PAD_ID, sentences=texts, references=texts)


def step_of(captioner: Captioner, batch: Batch) -> CaptionStep:
    captioner.rng.manual_seed(5)
    return replace(captioner._step(batch), images=batch.images, images_seen=100)


def losses_of(captioner: Captioner, batch: Batch) -> dict[str, torch.Tensor]:
    losses = captioner.caption_objective.losses(step_of(captioner, batch))
    return {name: loss.mean() for name, loss in losses.items()}


class Data(LightningDataModule):
    def __init__(self, batches: list[Batch]) -> None:
        super().__init__()
        self.batches = batches
        self.splits = {"train": self}

    size = 4

    def captions_of(self, index: int) -> tuple[str, ...]:
        return (f"a {COLOURS[index]} patch", COLOURS[index])

    def training_captions(self, number: int) -> list[tuple[str, ...]]:
        return [self.captions_of(index) for index in range(self.size)]

    def train_dataloader(self) -> DataLoader:
        return DataLoader(self.batches, batch_size=None)

    def val_dataloader(self) -> DataLoader:
        return DataLoader([], batch_size=None)


def train(captioner: Captioner, number: int) -> dict[str, float]:
    silent = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    with quiet():
        trainer = Trainer(accelerator="cpu", max_epochs=1, limit_val_batches=0, enable_model_summary=False, **silent)
        trainer.fit(captioner, datamodule=Data([make_batch(seed, size=24) for seed in range(number)]))
    return {name: float(value) for name, value in trainer.callback_metrics.items()}


def taught(captioner: Captioner, loss: torch.Tensor) -> set[str]:
    names, parameters = zip(*captioner.named_parameters(), strict=True)
    gradients = torch.autograd.grad(loss.mean(), parameters, retain_graph=True, allow_unused=True)
    return {name for name, gradient in zip(names, gradients, strict=True) if gradient is not None}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_padding_never_changes_a_loss(name):
    captioner, batch = captioner_with(name), make_batch()
    tokens = F.pad(batch.tokens, (0, 2), value=PAD_ID)
    longer = replace(batch, tokens=tokens, token_mask=tokens != PAD_ID)
    losses = losses_of(captioner, batch)
    for key, value in losses_of(captioner, longer).items():
        torch.testing.assert_close(value, losses[key])


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_step_in_two_parts_has_the_losses_of_the_whole(name):
    """Parts of different size; what was drawn for an image does not depend on those beside it."""
    captioner, batch = captioner_with(name), make_batch()
    captioner.image_encoder.eval()  # batch normalisation looks at several images
    whole = losses_of(captioner, batch)
    step = step_of(captioner, batch)
    sums = dict.fromkeys(whole, 0.0)
    for part in (slice(0, 5), slice(5, 12)):
        for key, loss in captioner.caption_objective.losses(step.rows(part)).items():
            sums[key] = sums[key] + loss.mean() * (part.stop - part.start) / len(batch)
    for key, value in whole.items():
        torch.testing.assert_close(sums[key], value, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", [name for name in OBJECTIVES if name != "cross_entropy"])
def test_a_run_from_nothing_is_allowed_and_says_that_it_is_unusual(name, caplog):
    with caplog.at_level(logging.WARNING):
        train(captioner := captioner_with(name), 1)
        assert "starts from networks that have learned nothing" in caplog.text
        caplog.clear()
        captioner.is_warm, captioner.images_seen = True, 0
        train(captioner, 1)
    assert "learned nothing" not in caplog.text


def test_word_dropout_replaces_words_alone_and_as_often_as_said():
    captioner, batch = make_captioner(CrossEntropy()), make_batch(size=600)
    step = step_of(captioner, batch)
    inputs = with_unknown_words(step, step.inputs, 0.25)
    words = step.inputs >= len(SPECIAL_TOKENS)
    assert torch.equal(inputs[~words], step.inputs[~words])
    assert set((inputs == UNK_ID)[words].tolist()) == {True, False}
    assert (inputs == UNK_ID)[words].float().mean().item() == pytest.approx(0.25, abs=0.04)
    assert torch.equal(with_unknown_words(step, step.inputs, 0.0), step.inputs)


def test_scheduled_sampling_reads_the_captioner_s_own_words():
    captioner, batch = make_captioner(CrossEntropy()), make_batch()
    with torch.no_grad():
        captioner.caption_decoder.to_logits.bias[FIRST] = 50  # it says nothing but red
    step = step_of(captioner, batch)
    inputs = with_own_words(step, 1.0)
    words = step.inputs >= len(SPECIAL_TOKENS)
    assert (inputs[words] == FIRST).all()
    assert (inputs[:, 0] == BOS_ID).all()
    mixed = with_own_words(step_of(captioner, make_batch(size=600)), 0.3)
    originals = make_batch(size=600).tokens.flatten(0, 1)[:, :-1]
    changed = originals >= len(SPECIAL_TOKENS)
    changed &= originals != FIRST
    assert (mixed != originals)[changed].float().mean().item() == pytest.approx(0.3, abs=0.05)


def test_scheduled_sampling_grows_from_nothing_to_its_bound():
    objective = CrossEntropy(scheduled_sampling_prob=0.2, scheduled_sampling_images=1000)
    assert [objective.own_word_prob(seen) for seen in (0, 500, 1000, 5000)] == pytest.approx([0, 0.1, 0.2, 0.2])
    assert CrossEntropy(scheduled_sampling_prob=0.2).own_word_prob(1) == 0.2
    captioner = make_captioner(objective)
    assert captioner.warmups == {"caption_objective.scheduled_sampling_images": 1000}


@pytest.mark.parametrize("name", ["word_dropout_prob", "scheduled_sampling_prob"])
def test_what_is_no_probability_is_refused(name):
    with pytest.raises(ValueError, match=rf"caption_objective\.{name}=1\.5 is a probability"):
        CrossEntropy(**{name: 1.5})


def test_an_unknown_word_earns_nothing():
    reward = cider()
    references = (("a red patch", "a zebra patch"),)
    reward.begin(lambda number: [*references, ("a green patch",), ("blue",)])
    batch = replace(make_batch(size=1), references=references)

    def earned(text: str) -> float:
        ids = [SPEC.vocabulary.index(word) for word in text.split()]
        return float(reward(torch.tensor([[*ids, EOS_ID, PAD_ID]]), batch))

    assert earned("<unk>") == earned("<unk> <unk>") == 0
    assert earned("a <unk> patch") == earned("a blue patch") < earned("a red patch")
    assert earned("a red patch <unk>") < earned("a red patch")


def test_a_caption_that_breaks_off_earns_less_than_one_that_ends():
    captioner, batch = captioner_with("self_critical"), make_batch(size=3)
    ended = batch.tokens.flatten(0, 1)[:, 1:]
    cut = ended.masked_fill(ended == EOS_ID, PAD_ID)
    reward = captioner.caption_objective.reward
    assert (reward(ended, batch)[1:] > reward(cut, batch)[1:]).all()


def test_self_critical_training_raises_its_reward():
    captioner = make_captioner(SelfCritical(reward=cider(), num_samples=5))
    captioner.caption_objective.begin(Data([]).training_captions)
    before = mean_reward(captioner)
    train(captioner, 60)
    assert mean_reward(captioner) > before + 1


def mean_reward(captioner: Captioner) -> float:
    step = step_of(captioner, make_batch(99, 64))
    return float(captioner.caption_objective.rewards(step, step.sample(8)).mean())


def test_the_greedy_baseline_of_one_who_always_says_the_same_leaves_nothing_to_learn():
    captioner = captioner_with("self_critical_greedy")
    with torch.no_grad():
        captioner.caption_decoder.to_logits.bias[EOS_ID] = 200
    step = step_of(captioner, make_batch())
    assert not captioner.caption_objective.losses(step)["self_critical_loss"].any()
    assert step.figures["greedy_reward"] == step.figures["reward"]


@pytest.mark.parametrize("objective", [SelfCritical, partial(Adversarial, data_spec=SPEC, caption_discriminator=None)])
def test_one_sample_an_image_is_refused_where_samples_are_each_other_s_baseline(objective):
    settings = {"reward": None} if objective is SelfCritical else {}
    with pytest.raises(ValueError, match=r"caption_objective\.num_samples=1: \w+ needs at least 2"):
        objective(num_samples=1, **settings)


def test_exact_truth_is_refused_where_there_is_none():
    with pytest.raises(ValueError, match=r"caption_objective\.reward: data patches have no exact scenes"):
        TruthReward(data_spec=SPEC)


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_each_loss_teaches_its_own_networks(name):
    captioner = captioner_with(name)
    losses = captioner.caption_objective.losses(step_of(captioner, make_batch()))
    own = {key for key, _ in captioner.named_parameters() if key.startswith("caption_objective.caption_discriminator.")}
    assert taught(captioner, losses["discriminator_loss"]) == own
    deceiving = taught(captioner, losses["adversarial_loss"])
    assert not deceiving & own
    assert {"caption_decoder.to_logits.weight", "image_encoder.to_pooled.weight"} <= deceiving


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_the_discriminator_learns_to_tell_captions_apart(name):
    captioner = captioner_with(name)
    captioner.image_encoder.requires_grad_(False)
    captioner.caption_decoder.requires_grad_(False)
    train(captioner, 60)
    step = step_of(captioner, make_batch(99, 64))
    captioner.caption_objective.losses(step)
    assert step.figures["discriminator_accuracy_real"] > 0.7
    assert step.figures["discriminator_accuracy_fake"] > 0.7
    real, image = real_captions(step, SPEC), step.features.pooled
    own, other = (captioner.caption_objective.caption_discriminator(image, *pair) for pair in (real.own, real.others))
    assert (own > other)[real.are_wrong].float().mean() > 0.8


def test_real_and_sampled_captions_are_cut_and_masked_alike():
    real = Captions.of(torch.tensor([[4, 5, EOS_ID, PAD_ID, PAD_ID]]))
    sampled = Captions.of(torch.tensor([[4, 5, EOS_ID, 7, EOS_ID]]))
    assert torch.equal(real.tokens, sampled.tokens)
    assert torch.equal(real.mask, sampled.mask)
    assert real.mask.tolist() == [[True, True, True, False, False]]


def test_a_caption_that_is_true_of_the_image_is_no_negative():
    captioner, batch = captioner_with("adversarial"), make_batch(size=24)
    real = real_captions(step_of(captioner, batch), SPEC)
    for own, other, wrong in zip(real.own.tokens.tolist(), real.others.tokens.tolist(), real.are_wrong, strict=True):
        assert bool(wrong)
        assert set(own) != set(other)
    same = replace(batch, tokens=batch.tokens[:1].expand(24, -1, -1), sentences=batch.sentences[:1] * 24)
    same = replace(same, token_mask=same.tokens != PAD_ID, references=same.sentences)
    assert not real_captions(step_of(captioner, same), SPEC).are_wrong.any()


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_a_batch_of_one_is_refused_for_want_of_other_captions(name):
    captioner = captioner_with(name)
    with pytest.raises(ValueError, match=r"data\.batch_size=1: an adversarial caption objective needs captions of oth"):
        captioner.caption_objective.losses(step_of(captioner, make_batch(size=1)))


def test_until_the_discriminator_has_learned_the_captioner_does_not_listen_to_it():
    objective = Adversarial(data_spec=SPEC, caption_discriminator=discriminator(), discriminator_warmup_images=100)
    step = step_of(make_captioner(objective), make_batch())
    assert not objective.losses(step)["adversarial_loss"].any()
    assert objective.losses(replace(step, images_seen=101))["adversarial_loss"].any()


def test_the_relaxed_gradient_of_the_adversarial_loss_is_that_of_finite_differences(monkeypatch):
    """In float64, with the same noise and so with the same words."""
    monkeypatch.setattr(adversarial_gumbel, "straight_through", lambda relaxed, tokens: relaxed)
    captioner, batch = captioner_with("adversarial_gumbel").double(), make_batch()
    batch, bias = replace(batch, images=batch.images.double()), captioner.caption_decoder.to_logits.bias

    def loss() -> torch.Tensor:
        return captioner.caption_objective.judged(step_of(captioner, batch))[0].mean()

    (gradient,) = torch.autograd.grad(loss(), bias)
    differences = torch.zeros_like(gradient)
    for word in range(len(bias)):
        with torch.no_grad():
            values = []
            for change in (1e-5, -1e-5):
                bias[word] += change
                values.append(loss())
                bias[word] -= change
            differences[word] = (values[0] - values[1]) / 2e-5
    torch.testing.assert_close(gradient, differences, rtol=1e-5, atol=1e-8)
    assert gradient.abs().max() > 1e-5
