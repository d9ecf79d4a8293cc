"""What a caption objective sees and may do, shown by objectives that are not shipped."""

from functools import partial
from typing import Any

import pytest
import torch
from pytorch_lightning import LightningDataModule, Trainer
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from diptych.decoding import greedy, sample
from diptych.models.caption_decoders import LSTMDecoder
from diptych.models.image_encoders import ConvEncoder
from diptych.runs.trainer import quiet
from diptych.systems.captioning.objectives import CaptionObjective, CrossEntropy
from diptych.systems.captioning.system import Captioner
from diptych.types import BOS_ID, EOS_ID, PAD_ID, SPECIAL_TOKENS, Batch, DataSpec

COLOURS = ("red", "green", "blue")
SPEC = DataSpec("patches", 8, 3, (*SPECIAL_TOKENS, *COLOURS), max_length=4)
WIDTH = 12


class SelfCritical(CaptionObjective):
    """Rennie et al. 2017 (arXiv:1612.00563), with the share of right words as the reward; no networks of its own."""

    def losses(self, step):
        sampled, baseline = step.decode(partial(sample, rng=step.rng)), step.decode(greedy)
        advantage = self.reward(sampled.tokens, step) - self.reward(baseline.tokens, step)
        return {"self_critical_loss": -advantage * step.log_probs(sampled).sum(dim=1)}

    def reward(self, tokens, step):
        captions = [step.tokenizer.decode(row).split() for row in tokens.tolist()]
        right = [
            len(set(words) & set(texts[0].split())) / max(1, len(words))
            for words, texts in zip(captions, step.batch.references, strict=True)
        ]
        return torch.tensor(right)


class Adversarial(nn.Module, CaptionObjective):
    """A discriminator of captions learns along; policy gradients take its verdict to the captioner."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(len(SPEC.vocabulary), WIDTH)
        self.weights = {"adversarial_loss": 0.5}

    def helpers(self):
        return [(self.words, 5.0)]

    def losses(self, step):
        sampled, image = step.decode(partial(sample, rng=step.rng)), step.features.pooled.detach()
        real, fake = self.score(image, step.targets), self.score(image, sampled.tokens)
        reward = (fake - fake.mean()).detach()
        return {
            "discriminator_loss": F.softplus(-real) + F.softplus(fake),
            "adversarial_loss": -reward * step.log_probs(sampled).sum(dim=1),
        }

    def score(self, image, tokens):
        return (image * self.words(tokens).mean(dim=1)).sum(dim=1)


def make_captioner(objective: Any, spec: DataSpec = SPEC, **settings: Any) -> Captioner:
    torch.manual_seed(0)
    encoder = ConvEncoder(image_size=8, widths=(8, 12), num_halvings=2, pooled_dim=WIDTH)
    decoder = LSTMDecoder(
        vocabulary_size=len(spec.vocabulary), image_dim=WIDTH, embedding_dim=8, hidden_dim=16, dropout=0.2
    )
    adam = partial(torch.optim.Adam, lr=1e-2)
    return Captioner(
        data_spec=spec,
        image_encoder=encoder,
        caption_decoder=decoder,
        caption_objective=objective,
        optimizer=adam,
        **settings,
    )


def make_batch(seed: int, size: int = 24) -> Batch:
    """Pictures of one colour, each with its name."""
    colours = torch.randint(3, (size,), generator=torch.Generator().manual_seed(seed))
    images = -torch.ones(size, 3, 8, 8)
    images[torch.arange(size), colours] = 1
    tokens = torch.stack([torch.full((size,), BOS_ID), 4 + colours, torch.full((size,), EOS_ID)], dim=1).unsqueeze(1)
    references = tuple((COLOURS[i],) for i in colours.tolist())
    return Batch(images, tokens, tokens != PAD_ID, references=references)


class Data(LightningDataModule):
    """Batches, and nothing that lists their captions."""

    def __init__(self, num_batches: int) -> None:
        super().__init__()
        self.batches = [make_batch(seed) for seed in range(num_batches)]

    def train_dataloader(self) -> DataLoader:
        return DataLoader(self.batches, batch_size=None)

    def val_dataloader(self) -> DataLoader:
        return DataLoader([], batch_size=None)


class Split:
    """Examples whose captions carry their number; `size` None is an endless split."""

    def __init__(self, size: int | None) -> None:
        self.size = size

    def captions_of(self, index: int) -> tuple[str, ...]:
        return (f"caption {index}", f"another caption {index}")


def train(captioner: Captioner, data: Data) -> dict[str, float]:
    with quiet():
        trainer = Trainer(
            accelerator="cpu",
            max_epochs=1,
            limit_val_batches=0,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(captioner, datamodule=data)
    return {name: float(value) for name, value in trainer.callback_metrics.items()}


def one_step(captioner: Captioner, batch: Batch):
    return captioner._step(batch)


def test_self_critical_training_is_one_class():
    captioner, batch = make_captioner(SelfCritical()), make_batch(1000, size=32)
    train(captioner, Data(80))
    captions = [caption.text for caption in captioner.caption(batch.images)]
    right = sum(text.split()[:1] == [names[0]] for text, names in zip(captions, batch.references, strict=True))
    assert right > 24


def test_a_discriminator_of_captions_learns_along():
    captioner = make_captioner(Adversarial())
    captioner.image_encoder.requires_grad_(False)
    captioner.caption_decoder.requires_grad_(False)
    figures = train(captioner, Data(20))
    step = one_step(captioner, make_batch(1000, size=32))
    score, image = captioner.caption_objective.score, step.features.pooled
    sampled = step.decode(partial(sample, rng=step.rng))
    assert score(image, step.targets).mean() > 0.5 + score(image, sampled.tokens).mean()
    assert {"train/discriminator_loss", "train/adversarial_loss"} <= figures.keys()


def test_in_adversarial_training_each_loss_teaches_its_own_networks():
    captioner = make_captioner(Adversarial())
    losses = captioner.caption_objective.losses(one_step(captioner, make_batch(0)))
    discriminator = {"caption_objective.words.weight"}
    assert taught(captioner, losses["discriminator_loss"]) == discriminator
    assert not taught(captioner, losses["adversarial_loss"]) & discriminator
    assert "caption_decoder.to_logits.weight" in taught(captioner, losses["adversarial_loss"])


def taught(captioner: Captioner, loss: torch.Tensor) -> set[str]:
    names, parameters = zip(*captioner.named_parameters(), strict=True)
    gradients = torch.autograd.grad(loss.mean(), parameters, retain_graph=True, allow_unused=True)
    return {name for name, gradient in zip(names, gradients, strict=True) if gradient is not None}


def test_helpers_learn_at_their_own_rate_and_are_saved():
    captioner = make_captioner(Adversarial(), image_encoder_lr_multiplier=0.1)
    rates = [group["lr"] for group in captioner.configure_optimizers().param_groups]
    assert rates == pytest.approx([1e-2, 1e-3, 5e-2])
    assert "caption_objective.words.weight" in captioner.state_dict()


def test_losses_weigh_one_but_for_those_with_a_weight():
    class Constants(CaptionObjective):
        def __init__(self, weights):
            self.weights = weights

        def losses(self, step):
            return {name: step.logits.square().mean(dim=(1, 2)) for name in ("first", "second")}

    def norm(weights) -> float:
        return train(make_captioner(Constants(weights)), Data(1))["train/grad_norm"]

    assert norm({"second": 0.0}) == pytest.approx(norm({}) / 2, rel=1e-5)


def test_log_probabilities_are_of_the_distribution_that_captions_are_drawn_from():
    captioner = make_captioner(CrossEntropy()).eval()
    with torch.no_grad():
        captioner.caption_decoder.to_logits.bias[[PAD_ID, BOS_ID]] = 5.0
    step = one_step(captioner, make_batch(0))
    captions = step.decode(partial(sample, rng=step.rng))
    log_probs = step.log_probs(captions)
    first = step.logits[:, 0].index_fill(1, torch.tensor([PAD_ID, BOS_ID]), -torch.inf).log_softmax(dim=1)
    torch.testing.assert_close(log_probs[:, 0], first.gather(1, captions.tokens[:, :1])[:, 0])
    assert not log_probs[captions.tokens == PAD_ID].any()
    log_probs.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in captioner.parameters() if p.grad is not None)


def test_a_step_encodes_its_images_once_and_keeps_their_gradient():
    captioner = make_captioner(CrossEntropy())
    step = one_step(captioner, make_batch(0))
    step.decode(greedy)
    assert step.features.pooled.requires_grad
    assert step.features is step.features
    assert step.logits is step.logits


def test_decoding_in_a_step_is_without_dropout_and_leaves_training_as_it_was():
    captioner = make_captioner(CrossEntropy()).train()
    step = one_step(captioner, make_batch(0))
    first, state = step.decode(greedy), torch.get_rng_state()
    assert torch.equal(step.decode(greedy).log_prob, first.log_prob)
    assert torch.equal(torch.get_rng_state(), state)
    assert captioner.caption_decoder.training
    assert not first.log_prob.requires_grad


def test_captions_in_a_step_are_no_longer_than_the_data_s():
    captioner = make_captioner(CrossEntropy())
    with torch.no_grad():
        captioner.caption_decoder.to_logits.bias[4] = 50
    assert one_step(captioner, make_batch(0)).decode(greedy).tokens.shape[1] == SPEC.max_length - 1


def test_the_random_numbers_of_a_step_come_from_the_seed_and_only_where_asked_for():
    def drawn(seed: int) -> list[float]:
        captioner = make_captioner(CrossEntropy(), seed=seed)
        steps = [one_step(captioner, make_batch(0)) for _ in range(2)]
        return [float(torch.rand((), generator=step.rng)) for step in steps for _ in range(2)]

    assert drawn(0) == drawn(0)
    assert len({*drawn(0), *drawn(1)}) == 8
    captioner = make_captioner(CrossEntropy())
    before = captioner.rng.get_state()
    train(captioner, Data(1))
    assert torch.equal(captioner.rng.get_state(), before)


class Reader(CrossEntropy):
    """Keeps the captions that it is given before the first step."""

    def begin(self, training_captions):
        assert not hasattr(self, "captions")
        self.captions = list(training_captions(3))


@pytest.mark.parametrize(("size", "expected"), [(5, 5), (2, 2), (None, 3)])
def test_before_the_first_step_an_objective_may_read_the_training_captions(size, expected):
    captioner, data = make_captioner(Reader()), Data(2)
    data.splits = {"train": Split(size)}
    train(captioner, data)
    assert captioner.caption_objective.captions == [Split(size).captions_of(index) for index in range(expected)]


def test_data_that_do_not_list_their_captions_are_refused_where_an_objective_reads_them():
    with pytest.raises(ValueError, match="caption_objective: Reader reads the training captions, and data patches do"):
        train(make_captioner(Reader()), Data(1))


def test_a_helper_that_no_checkpoint_would_hold_is_refused():
    class Unsaved(SelfCritical):
        def helpers(self):
            return [(nn.Linear(2, 1), 1.0)]

    with pytest.raises(ValueError, match=r"Unsaved\.helpers\(\) names a network that no checkpoint would hold"):
        make_captioner(Unsaved())


def test_a_network_that_would_never_learn_is_refused_unless_it_is_frozen():
    class Forgotten(Adversarial):
        def helpers(self):
            return []

    with pytest.raises(ValueError, match="Forgotten has weights that would never learn"):
        make_captioner(Forgotten())
    make_captioner(Forgotten().requires_grad_(False))


def test_helpers_beside_sharded_networks_are_refused(monkeypatch):
    captioner, plain = make_captioner(Adversarial()), make_captioner(CrossEntropy())
    monkeypatch.setattr("diptych.systems.captioning.system.DTensor", nn.Parameter)
    train(plain, Data(1))
    with pytest.raises(ValueError, match="trainer=fsdp: Adversarial trains networks of its own"):
        train(captioner, Data(1))
