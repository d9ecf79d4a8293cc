import math
from functools import partial
from typing import Any

import pytest
import torch
from pytorch_lightning import Trainer
from torch.utils.data import DataLoader

from diptych.losses.captioning import token_nll
from diptych.losses.variational import gaussian_kl_between
from diptych.models.caption_decoders import AttentionLSTMDecoder, DecoderOutput, GRUDecoder, LSTMDecoder
from diptych.models.caption_latents.posterior import CaptionPosterior
from diptych.models.caption_latents.priors import ImagePrior, StandardNormalPrior, with_latents
from diptych.models.image_encoders import ConvEncoder
from diptych.runs.trainer import quiet
from diptych.systems.caption_vae import speaking
from diptych.systems.caption_vae.step import LatentCaptionStep, one_caption_each
from diptych.systems.caption_vae.system import CaptionVAE
from diptych.systems.captioning.objectives import CrossEntropy
from diptych.systems.captioning.system import Captioner
from diptych.types import BOS_ID, EOS_ID, PAD_ID, SPECIAL_TOKENS, Batch, DataSpec

COLOURS = ("red", "green", "blue")
SPEC = DataSpec("patches", 16, 3, (*SPECIAL_TOKENS, "a", "picture", *COLOURS), max_length=6)
ADAM = partial(torch.optim.Adam, lr=1e-2)
LATENTS = 3


def make(decoder: Any = LSTMDecoder, prior: Any = StandardNormalPrior, **settings: Any) -> CaptionVAE:
    torch.manual_seed(0)
    encoder = ConvEncoder(image_size=16, widths=(8, 12), num_halvings=2, pooled_dim=10)
    words, sizes = len(SPEC.vocabulary), {"embedding_dim": 12, "hidden_dim": 16}
    made_prior = prior(image_dim=10, latent_dim=LATENTS)
    further = {"region_dim": encoder.region_dim, "attention_dim": 8} if decoder is AttentionLSTMDecoder else {}
    return CaptionVAE(
        data_spec=SPEC,
        image_encoder=encoder,
        latent_encoder=CaptionPosterior(vocabulary_size=words, image_dim=10, latent_dim=LATENTS, **sizes),
        latent_prior=made_prior,
        caption_decoder=decoder(vocabulary_size=words, image_dim=made_prior.conditioned_dim, **sizes, **further),
        **{"caption_objective": CrossEntropy(), "optimizer": ADAM, **settings},
    )


def make_batch(seed: int, size: int = 6) -> Batch:
    """Images of one colour; one caption is "red", the other "a red picture"."""
    colours = torch.randint(3, (size,), generator=torch.Generator().manual_seed(seed))
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
    return Batch(images, tokens, tokens != PAD_ID, references, references=references, keys=keys)


def train(system: CaptionVAE, batches: list[Batch], val: list[Batch] | None = None) -> dict[str, float]:
    silent = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    with quiet():
        trainer = Trainer(
            accelerator="cpu",
            max_epochs=1,
            limit_val_batches=1.0 if val else 0,
            num_sanity_val_steps=0,
            enable_model_summary=False,
            **silent,
        )
        trainer.fit(system, *(DataLoader(b, batch_size=None) for b in (batches, val or [])))
    return {name: float(value) for name, value in trainer.callback_metrics.items()}


@pytest.fixture(scope="module")
def trained() -> CaptionVAE:
    system = make(kl_weight=0.2)
    train(system, [make_batch(seed) for seed in range(150)])
    return system.eval()


def losses_of(system: CaptionVAE, batch: Batch, noise: torch.Tensor) -> dict[str, torch.Tensor]:
    return system._losses(system._step(batch), noise)[0]


def silence(decoder: Any) -> None:
    """Take away all weights of the latents in what the decoder reads of the pooled vector."""
    with torch.no_grad():
        (decoder.image_input[0] if hasattr(decoder, "image_input") else decoder.initial).weight[:, -LATENTS:] = 0


def test_latents_choose_between_true_captions(trained):
    batch = make_batch(1000)
    drawn = [[c.text for c in trained.sample_captions(batch.images, seed=seed)] for seed in range(10)]
    greedy = [c.text for c in trained.caption(batch.images)]
    assert all(text in said for text, said in zip(greedy, batch.references, strict=True))
    assert all(text in said for texts in drawn for text, said in zip(texts, batch.references, strict=True))
    long = sum(len(text.split()) == 3 for texts in drawn for text in texts) / (len(drawn) * len(batch))
    assert 0.25 < long < 0.75  # a coin is thrown between the two captions of an image, and words are not drawn


def test_the_same_seed_draws_the_same_captions_and_temperature_zero_is_the_mean(trained):
    images = make_batch(7).images
    draws = [[c.text for c in trained.sample_captions(images, seed=3)] for _ in range(2)]
    assert draws[0] == draws[1]
    still = [c.text for c in trained.sample_captions(images, seed=3, temperature=0)]
    assert still == [c.text for c in trained.caption(images)]


@pytest.mark.parametrize("decoder", [LSTMDecoder, GRUDecoder, AttentionLSTMDecoder])
def test_without_divergence_and_with_silent_latents_it_is_the_plain_captioner(decoder):
    system, batch = make(decoder, kl_weight=0).eval(), make_batch(0)
    silence(system.caption_decoder)
    noise = torch.randn(len(batch), 2, LATENTS)
    losses = losses_of(system, batch, noise)
    other = losses_of(system, batch, torch.randn_like(noise))
    torch.testing.assert_close(losses["loss"], other["loss"])
    plain = Captioner.features(system, batch.images)
    conditioned = with_latents(plain, torch.zeros(len(batch), LATENTS))
    tokens = batch.tokens.flatten(0, 1)
    nll = token_nll(system.caption_decoder(conditioned, tokens[:, :-1]).logits, tokens[:, 1:])
    torch.testing.assert_close(losses["loss"], nll.sum() / batch.token_mask[..., 1:].sum())
    assert system._kl_weight_now() == 0


@pytest.mark.parametrize("prior", [StandardNormalPrior, ImagePrior])
def test_the_loss_is_minus_the_bound_per_token(prior):
    system, batch = make(prior=prior).eval(), make_batch(0)
    noise = torch.randn(len(batch), 2, LATENTS)
    losses = losses_of(system, batch, noise)
    features, tokens = system.image_encoder(batch.images), batch.tokens.flatten(0, 1)
    posterior = system.latent_encoder(features, tokens)
    given = [part.repeat_interleave(2, dim=0) for part in system.latent_prior(features)]
    latents = posterior.sample(noise.flatten(0, 1))
    logits = system.caption_decoder(with_latents(features, latents), tokens[:, :-1]).logits
    nats = token_nll(logits, tokens[:, 1:]).sum(dim=1) + gaussian_kl_between(*posterior, *given).sum(dim=1)
    total = losses["loss"] + losses["kl_loss"]
    torch.testing.assert_close(total, nats.sum() / batch.token_mask[..., 1:].sum())


def test_the_bound_lies_above_the_integral_and_many_samples_reach_it(monkeypatch):
    """Of two latents, p(x | y) is a sum over a fine grid."""
    monkeypatch.setitem(globals(), "LATENTS", 2)
    system, batch = make().eval(), make_batch(0, size=1)
    with torch.no_grad():
        system.caption_decoder.image_input[0].weight[:, -2:] *= 20
        system.latent_encoder.head[-1].bias.zero_()  # a posterior as wide as the prior, of which few samples are enough
        tokens, side = batch.tokens[0], torch.linspace(-6, 6, 61)
        grid = torch.cartesian_prod(side, side)
        log_prior = -0.5 * grid.square().sum(1) - math.log(2 * math.pi) + 2 * math.log(float(side[1] - side[0]))
        features = system.image_encoder(batch.images)
        conditioned = with_latents(features, grid)
        exact, elbo = [], []
        for caption in tokens:
            rows = caption.expand(len(grid), -1)
            nll = token_nll(system.caption_decoder(conditioned, rows[:, :-1]).logits, rows[:, 1:]).sum(1)
            exact.append(-torch.logsumexp(log_prior - nll, 0))
            posterior = torch.distributions.Normal(*_moments(system.latent_encoder(features, caption[None])))
            weight = posterior.log_prob(grid).sum(1) + 2 * math.log(float(side[1] - side[0]))
            elbo.append((weight.exp() * (nll + weight - log_prior)).sum())
        lengths = (tokens[:, 1:] != PAD_ID).sum(1)
        monkeypatch.setattr(speaking, "SAMPLES_OF_BOUND", 400)
        measured = system.negative_log_likelihood(batch.images, tokens) * lengths
    torch.testing.assert_close(measured, torch.stack(exact), rtol=0.02, atol=0.05)
    assert (torch.stack(elbo) > torch.stack(exact)).all()


def _moments(posterior: Any) -> tuple[torch.Tensor, torch.Tensor]:
    return posterior.mean, (0.5 * posterior.log_variance).exp()


def test_likelihoods_do_not_depend_on_the_batch_or_on_padding(trained):
    batch = make_batch(5)
    tokens = batch.tokens.flatten(0, 1)
    with torch.no_grad():
        together = trained.negative_log_likelihood(batch.images, tokens)
        alone = [
            trained.negative_log_likelihood(batch.images[i : i + 1], tokens[2 * i : 2 * i + 2, :5]) for i in range(6)
        ]
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-4, atol=1e-5)


def test_each_caption_has_latents_of_its_own_and_each_image_is_encoded_once():
    system, batch = make(), make_batch(0)
    step = system._step(batch)
    latents = torch.randn(12, LATENTS)
    of_pairs = LatentCaptionStep.of(step, step.features, latents)
    assert len(of_pairs) == 12
    torch.testing.assert_close(of_pairs.features.pooled[:, -LATENTS:], latents)
    torch.testing.assert_close(of_pairs.features.pooled[::2, :-LATENTS], step.features.pooled)
    assert torch.equal(of_pairs.tokens, step.tokens)
    pairs = one_caption_each(batch)
    assert pairs.sentences == tuple((text,) for said in batch.sentences for text in said)
    assert pairs.keys[:3] == ("0/0", "0/0", "0/1")


def test_pixels_get_a_gradient_through_the_bound(trained):
    batch = make_batch(0)
    images = batch.images.clone().requires_grad_()
    trained.negative_log_likelihood(images, batch.tokens[:, 0]).sum().backward()
    assert images.grad is not None
    assert images.grad.abs().sum() > 0


def test_free_nats_and_growth_weigh_the_divergence():
    system = make(kl_weight=2.0, kl_warmup_images=100, free_nats=1e6)
    system.images_seen = 25
    assert system._kl_weight_now() == 0.5
    batch = make_batch(0)
    losses = losses_of(system, batch, torch.randn(6, 2, LATENTS))
    num_tokens = batch.token_mask[..., 1:].sum()
    assert float(losses["kl_loss"].detach()) == pytest.approx(1e6 * LATENTS * 12 / float(num_tokens))
    assert (
        not losses["kl_loss"].requires_grad
        or torch.autograd.grad(losses["kl_loss"], system.latent_encoder.head[-1].weight, allow_unused=True)[0]
        .abs()
        .max()
        == 0
    )


def test_before_latents_speak_the_prior_is_decoded_and_the_posterior_learns_nothing():
    system = make(latents_after_images=24, free_nats=0.5)
    before = [weight.clone() for weight in system.latent_encoder.parameters()]
    train(system, [make_batch(0), make_batch(1)])
    assert system.images_seen == 24
    unchanged = zip(before, system.latent_encoder.parameters(), strict=True)
    assert all(torch.equal(*pair) for pair in unchanged)
    train(system, [make_batch(2)])
    assert any(not torch.equal(*pair) for pair in zip(before, system.latent_encoder.parameters(), strict=True))


def test_collapse_is_said_at_validation(caplog):
    system = make(kl_weight=100.0)
    logged = train(system, [make_batch(seed) for seed in range(30)], [make_batch(99)])
    assert logged["val/latent_nats"] < 0.1
    assert logged["val/active_latents"] == 0
    assert "posterior collapse" in caplog.text


def test_what_validation_logs_is_of_captions(trained):
    logged = train(make(free_nats=0.5), [make_batch(seed) for seed in range(20)], [make_batch(99)])
    assert logged["val/latent_nats"] > 0.5
    assert {"val/perplexity", "val/cider_d", "train/loss", "train/kl_loss", "train/latent_nats"} <= set(logged)


class Blind(torch.nn.Module):
    """A decoder that looks at regions alone."""

    def __init__(self, **_: Any) -> None:
        super().__init__()
        self.words = torch.nn.Linear(12, len(SPEC.vocabulary))

    def forward(self, features: Any, tokens: torch.Tensor) -> DecoderOutput:
        return DecoderOutput(self.words(features.regions.mean(1))[:, None].expand(-1, tokens.shape[1], -1), None)


def test_a_decoder_that_would_not_see_latents_is_refused():
    with pytest.raises(ValueError, match="does not read the pooled image vector"):
        make(Blind)


@pytest.mark.parametrize(
    "setting", [{"kl_weight": -1}, {"free_nats": -0.1}, {"kl_warmup_images": -5}, {"latents_after_images": -1}]
)
def test_impossible_settings_are_refused_by_name(setting):
    with pytest.raises(ValueError, match=f"system.{next(iter(setting))}"):
        make(**setting)


def test_words_are_not_drawn(trained):
    with pytest.raises(ValueError, match="top_p"):
        trained.sample_captions(make_batch(0).images, seed=0, top_p=0.9)


def test_what_latents_never_answer_is_refused_first_and_single_words_have_no_probability(trained):
    with pytest.raises(ValueError, match="top_k=3: this captioner draws latents"):
        trained.caption(make_batch(0).images, top_k=3)
    with pytest.raises(ValueError, match="score='a red picture': a variational captioner bounds a sentence"):
        trained.score_captions(make_batch(0).images, ["a red picture"])
