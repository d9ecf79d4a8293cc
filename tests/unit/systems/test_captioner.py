from functools import partial
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback, Trainer
from torch import nn
from torch.utils.data import DataLoader

from diptych.losses.captioning import doubly_stochastic_penalty, token_nll
from diptych.metrics.captions import References
from diptych.models.caption_decoders import AttentionLSTMDecoder, LSTMDecoder
from diptych.models.image_encoders import ConvEncoder
from diptych.runs.folder.layout import RunFolder
from diptych.runs.handles import ImageCaptioner
from diptych.runs.trainer import quiet
from diptych.systems.captioning.objectives import CrossEntropy
from diptych.systems.captioning.system import Captioner
from diptych.systems.schedules import Linear
from diptych.types import BOS_ID, EOS_ID, PAD_ID, SPECIAL_TOKENS, Batch, DataSpec, Scene, SceneObject

COLOURS = ("red", "green", "blue")
SPEC = DataSpec("patches", 16, 3, (*SPECIAL_TOKENS, "a", "picture", *COLOURS), max_length=6)
ADAM = partial(torch.optim.Adam, lr=1e-2)


class CountingEncoder(ConvEncoder):
    """Counts the images that it encodes."""

    seen = 0

    def forward(self, images):
        self.seen += len(images)
        return super().forward(images)


class Figures(Callback):
    """What was logged after each batch, and the learning rates then."""

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []
        self.rates: list[list[float]] = []

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        self.rows.append({name: float(value) for name, value in trainer.callback_metrics.items()})
        self.rates.append([group["lr"] for group in trainer.optimizers[0].param_groups])


def make_captioner(decoder_class=AttentionLSTMDecoder, spec: DataSpec = SPEC, **settings: Any) -> Captioner:
    torch.manual_seed(0)
    encoder = CountingEncoder(image_size=16, widths=(8, 12), num_halvings=2, pooled_dim=10)
    sizes = {"vocabulary_size": len(spec.vocabulary), "image_dim": 10, "embedding_dim": 12, "hidden_dim": 16}
    if decoder_class is AttentionLSTMDecoder:
        sizes |= {"region_dim": encoder.region_dim, "attention_dim": 8}
    return Captioner(
        data_spec=spec,
        image_encoder=encoder,
        caption_decoder=decoder_class(**sizes),
        **{"caption_objective": CrossEntropy(), "optimizer": ADAM, **settings},
    )


def make_batch(seed: int, size: int = 6) -> Batch:
    """Images of one colour; one caption is "red", the other "a red picture"."""
    rng = torch.Generator().manual_seed(seed)
    colours = torch.randint(3, (size,), generator=rng)
    images = -torch.ones(size, 3, 16, 16)
    images[torch.arange(size), colours] = 1
    words = 6 + colours
    tokens = torch.full((size, 2, 6), PAD_ID)
    tokens[..., 0] = BOS_ID
    tokens[:, 0, 1], tokens[:, 0, 2] = words, EOS_ID
    tokens[:, 1, 1], tokens[:, 1, 2], tokens[:, 1, 3], tokens[:, 1, 4] = 4, words, 5, EOS_ID
    names = [COLOURS[i] for i in colours.tolist()]
    references = tuple((n, f"a {n} picture") for n in names)
    keys = tuple(f"{seed}/{i}" for i in range(size))
    return Batch(images, tokens, tokens != PAD_ID, references=references, keys=keys)


def train(captioner: Captioner, batches: list[Batch], val: list[Batch] | None = None) -> Figures:
    figures = Figures()
    with quiet():
        trainer = Trainer(
            accelerator="cpu",
            max_epochs=1,
            callbacks=[figures],
            limit_val_batches=1.0 if val else 0,
            num_sanity_val_steps=0,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        loaders = [DataLoader(b, batch_size=None) for b in (batches, val or [])]
        trainer.fit(captioner, *loaders)
    figures.rows.append({name: float(value) for name, value in trainer.callback_metrics.items()})
    return figures


def test_it_learns_to_caption_images():
    captioner = make_captioner()
    train(captioner, [make_batch(seed) for seed in range(80)])
    batch = make_batch(1000)
    for beam in (1, 3):
        captions = captioner.caption(batch.images, beam=beam)
        assert all(c.text in references for c, references in zip(captions, batch.references, strict=True))
    drawn = captioner.sample_captions(batch.images, seed=0, top_p=0.95)
    assert all(c.text in references for c, references in zip(drawn, batch.references, strict=True))


def test_progress_counts_pairs_and_each_image_is_encoded_once():
    captioner = make_captioner()
    train(captioner, [make_batch(0), make_batch(1)])
    assert captioner.images_seen == 2 * 12
    assert captioner.image_encoder.seen == 2 * 6


def test_the_loss_is_the_mean_over_real_tokens():
    captioner, batch = make_captioner(caption_objective=CrossEntropy(label_smoothing=0.1)), make_batch(0)
    tokens = batch.tokens.flatten(0, 1)
    captioner.train()
    decoded = captioner.caption_decoder(captioner.image_encoder(batch.images), tokens[:, :-1])
    expected = token_nll(decoded.logits, tokens[:, 1:], 0.1).sum() / (tokens[:, 1:] != PAD_ID).sum()
    row = train(make_captioner(caption_objective=CrossEntropy(label_smoothing=0.1)), [batch]).rows[0]
    assert row["train/loss"] == pytest.approx(expected.item())


def test_more_padding_changes_no_gradient():
    batch = make_batch(0)
    tokens = nn.functional.pad(batch.tokens, (0, 3), value=PAD_ID)
    wide = Batch(batch.images, tokens, tokens != PAD_ID, references=batch.references)
    first, second = (make_captioner(max_grad_norm=None) for _ in range(2))
    losses = [train(c, [b]).rows[0]["train/loss"] for c, b in ((first, batch), (second, wide))]
    assert losses[0] == pytest.approx(losses[1])
    for name, parameter in first.named_parameters():
        torch.testing.assert_close(parameter, second.get_parameter(name), msg=name)


def test_the_attention_penalty_is_of_real_words_and_weighs_in():
    batch = make_batch(0)
    captioner = make_captioner(caption_objective=CrossEntropy(attention_penalty_weight=0.5)).train()
    tokens = batch.tokens.flatten(0, 1)
    attention = captioner.caption_decoder(captioner.image_encoder(batch.images), tokens[:, :-1]).attention
    expected = doubly_stochastic_penalty(attention, tokens[:, 1:] != PAD_ID).mean()
    with_penalty, without = (
        train(make_captioner(caption_objective=CrossEntropy(attention_penalty_weight=weight)), [batch]).rows[0]
        for weight in (0.5, 0.0)
    )
    assert with_penalty["train/attention_penalty"] == pytest.approx(expected.item())
    assert with_penalty["train/loss"] == without["train/loss"]
    assert with_penalty["train/grad_norm"] != pytest.approx(without["train/grad_norm"])


def test_a_penalty_without_attention_names_the_key():
    with pytest.raises(
        ValueError, match=r"caption_objective\.attention_penalty_weight=1\.0: LSTMDecoder does not attend"
    ):
        train(
            make_captioner(LSTMDecoder, caption_objective=CrossEntropy(attention_penalty_weight=1.0)), [make_batch(0)]
        )


def test_learning_rates_follow_the_schedule_and_the_encoders_multiplier():
    captioner = make_captioner(schedule=Linear(total_images=48), image_encoder_lr_multiplier=0.1)
    rates = train(captioner, [make_batch(seed) for seed in range(4)]).rates
    assert rates == [pytest.approx([1e-2 * left, 1e-3 * left]) for left in (0.75, 0.5, 0.25, 0.0)]


def test_the_gradient_is_clipped_to_its_largest_norm():
    sgd = partial(torch.optim.SGD, lr=1.0)
    captioner = make_captioner(optimizer=sgd, max_grad_norm=1e-3)
    before = [parameter.detach().clone() for parameter in captioner.parameters()]
    train(captioner, [make_batch(0)])
    moved = [(new - old).norm() for new, old in zip(captioner.parameters(), before, strict=True)]
    assert torch.stack(moved).norm().item() == pytest.approx(1e-3, rel=1e-3)


def test_pixel_noise_grows_from_zero_and_is_on_training_images_alone():
    captioner = make_captioner(pixel_noise=0.4, noise_warmup_images=48)
    train(captioner, [make_batch(0), make_batch(1)])
    images = torch.zeros(200, 3, 16, 16)
    strengths = captioner.train().noise(images).std(dim=(1, 2, 3))
    assert 0.19 < strengths.max() < 0.21
    assert strengths.min() < 0.02
    assert torch.equal(captioner.eval().noise(images), images)


def test_only_noise_that_is_there_takes_time_to_grow():
    assert make_captioner(pixel_noise=0.4, noise_warmup_images=48).warmups == {"system.noise_warmup_images": 48}
    assert make_captioner(noise_warmup_images=48).warmups == {}


def test_frozen_networks_stay_out_of_the_optimiser():
    captioner = make_captioner()
    captioner.image_encoder.requires_grad_(False)
    before = [parameter.clone() for parameter in captioner.image_encoder.parameters()]
    train(captioner, [make_batch(0)])
    assert all(torch.equal(a, b) for a, b in zip(before, captioner.image_encoder.parameters(), strict=True))


def test_validation_perplexity_is_per_token_over_all_batches():
    captioner = make_captioner()
    val = [make_batch(10), make_batch(11, size=3)]
    figures = train(captioner, [make_batch(0)], val).rows[-1]
    captioner.eval()
    nats, count = 0.0, 0
    with torch.no_grad():
        for batch in val:
            tokens = batch.tokens.flatten(0, 1)
            decoded = captioner.caption_decoder(captioner.image_encoder(batch.images), tokens[:, :-1])
            nats += token_nll(decoded.logits, tokens[:, 1:]).sum().item()
            count += int((tokens[:, 1:] != PAD_ID).sum())
    assert figures["val/nll"] == pytest.approx(nats / count)
    assert figures["val/perplexity"] == pytest.approx(torch.tensor(nats / count).exp().item())


def test_without_a_world_generated_captions_are_compared_with_the_references():
    captioner = make_captioner()
    captioner.caption_decoder = Parrot([4, 6, 5, EOS_ID, PAD_ID], len(SPEC.vocabulary))
    batch = make_batch(0)
    captioner.validation_step(batch, 0)
    captioner.validation_step(make_batch(1), 0)
    captioner.validation_step(batch, 0)  # as a distributed sampler may give an image twice
    captions = {key: f"a {COLOURS[0]} picture" for seed in (0, 1) for key in make_batch(seed).keys}
    references = {key: texts for b in (batch, make_batch(1)) for key, texts in zip(b.keys, b.references, strict=True)}
    expected = References(references).score(captions).values()
    figures = captioner.quality.compute()
    assert figures["cider_d"] == pytest.approx(expected["cider_d"])
    assert "bleu_4" not in figures  # no reference has four words
    assert expected["bleu_4"] is None


def test_the_exact_match_rate_is_of_generated_captions():
    """A decoder with one fixed caption matches exactly the one scene that it fits."""
    sentence = ["a", "small", "red", "circle"]
    world = {"shapes": ["circle", "square"], "colours": ["red", "blue"], "min_objects": 1, "max_objects": 1}
    spec = DataSpec("scenes", 16, 3, (*SPECIAL_TOKENS, *sentence), max_length=7, world=world)
    captioner = make_captioner(LSTMDecoder, spec)
    captioner.caption_decoder = Parrot([4, 5, 6, 7, EOS_ID], len(spec.vocabulary))
    tokens = torch.tensor([[[BOS_ID, 4, 5, 6, 7, EOS_ID]]]).expand(2, 1, 6)
    scenes = tuple(Scene(32, (SceneObject("circle", colour, "small", 16, 16, 4.1),)) for colour in ("red", "blue"))
    batch = Batch(torch.zeros(2, 3, 16, 16), tokens, tokens > 0, scenes=scenes)
    captioner.validation_step(batch, 0)
    figures = captioner.quality.compute()
    assert (figures["exact_match"], figures["faithful"], figures["well_formed"]) == (0.5, 0.5, 1.0)
    assert figures["right_shape"] == 1.0


class Parrot(nn.Module):
    """Gives one caption for every image."""

    def __init__(self, sentence: list[int], vocabulary_size: int) -> None:
        super().__init__()
        self.logits = 50 * nn.functional.one_hot(torch.tensor(sentence), vocabulary_size).float()

    def forward(self, features, tokens):
        return self.logits[: tokens.shape[1]].expand(len(tokens), -1, -1), None

    def encode_memory(self, features):
        return features

    def initial_state(self, memory):
        return (torch.zeros(len(memory.pooled), dtype=torch.long),)

    def step(self, tokens, memory, state):
        return self.logits[state[0]], (state[0] + 1,)


@pytest.mark.parametrize("decoder_class", [LSTMDecoder, AttentionLSTMDecoder])
def test_captions_carry_their_words_and_attention_maps(decoder_class):
    captioner = make_captioner(decoder_class)
    for caption in captioner.caption(make_batch(0).images, beam=2):
        assert caption.text == " ".join(caption.words)
        assert caption.score <= 0
        if decoder_class is LSTMDecoder:
            assert caption.attention is None
        else:
            assert caption.attention.shape == (len(caption.words), 4, 4)
            torch.testing.assert_close(caption.attention.sum((1, 2)), torch.ones(len(caption.words)))


def test_captioning_leaves_training_as_it_was():
    captioner = make_captioner().train()
    state = torch.get_rng_state()
    buffers = [buffer.clone() for buffer in captioner.buffers()]
    captioner.caption(make_batch(0).images)
    captioner.sample_captions(make_batch(0).images, seed=0)
    assert captioner.image_encoder.training
    assert captioner.caption_decoder.training
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(a, b) for a, b in zip(buffers, captioner.buffers(), strict=True))


def test_a_frozen_captioners_negative_log_likelihood_is_differentiable_in_the_pixels():
    captioner, batch = make_captioner().eval().requires_grad_(False), make_batch(0)
    images = batch.images.double().requires_grad_()
    captioner.double()
    nll = captioner.negative_log_likelihood(images, batch.tokens[:, 0])
    nll.sum().backward()
    step = 1e-4 * images.grad / images.grad.norm()
    change = captioner.negative_log_likelihood(images + step, batch.tokens[:, 0]) - nll
    assert change.sum().item() == pytest.approx(1e-4 * images.grad.norm().item(), rel=1e-2)
    assert nll.shape == (6,)


def test_losses_that_are_no_numbers_stop_before_the_step():
    captioner = make_captioner()
    with torch.no_grad():
        captioner.caption_decoder.to_logits.bias[0] = torch.nan
    with pytest.raises(FloatingPointError, match="loss is nan"):
        train(captioner, [make_batch(0)])


@pytest.mark.parametrize("decoder", [LSTMDecoder, AttentionLSTMDecoder])
def test_several_sentences_of_an_image_cost_what_each_costs_alone(decoder, tmp_path):
    handle = ImageCaptioner(RunFolder(tmp_path), tmp_path, make_captioner(decoder).eval())
    images, sentences = list(make_batch(0, size=3).images), ["red", "a blue picture", "a green picture"]
    together = handle.sentence_nats(images, sentences)
    alone = [[handle.nats_per_token([i], [s]) * (len(s.split()) + 1) for s in sentences] for i in images]
    torch.testing.assert_close(together, torch.tensor(alone), rtol=1e-4, atol=1e-4)
