import copy

import pytest
import torch
from torch import nn

from diptych.losses.adversarial import Hinge
from diptych.systems.gan.terms.contrastive import Contrastive
from diptych.types import TextFeatures


def contrastive(**settings: float) -> dict[str, Contrastive]:
    return {"contrastive": Contrastive(**settings)}


def state_of(*networks: nn.Module) -> list[torch.Tensor]:
    return [tensor.clone() for network in networks for tensor in network.state_dict().values()]


def parameters_of(*networks: nn.Module) -> list[torch.Tensor]:
    return [parameter.detach().clone() for network in networks for parameter in network.parameters()]


def equal(some: list[torch.Tensor], others: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(some, others, strict=True))


def articles_loop(gan, batches) -> list[tuple[float, float]]:
    """The second article's training code, on logits and with latents drawn as the system draws them."""
    generator, discriminator = copy.deepcopy(gan.generator).train(), copy.deepcopy(gan.discriminator).train()
    criterion = nn.BCEWithLogitsLoss()
    optimizer_d = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    optimizer_g = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    rng, losses = torch.Generator().manual_seed(0), []
    for batch in batches:
        real, fake = torch.ones(len(batch)), torch.zeros(len(batch))
        discriminator.zero_grad()
        loss_real = criterion(discriminator(batch.images), real)
        loss_real.backward()
        generated = generator(torch.randn(len(batch), 10, generator=rng))
        loss_fake = criterion(discriminator(generated.detach()), fake)
        loss_fake.backward()
        optimizer_d.step()
        generator.zero_grad()
        loss_g = criterion(discriminator(generated), real)
        loss_g.backward()
        optimizer_g.step()
        losses.append((float((loss_real + loss_fake).detach()), float(loss_g.detach())))
    return losses


def after_prompts(size: int) -> torch.Generator:
    """The system's randomness once a batch's captions are drawn."""
    rng = torch.Generator().manual_seed(0)
    torch.randint(1, (size,), generator=rng)
    return rng


@pytest.fixture
def double():
    """In single precision, rounding and Adam soon tell two orders of summation apart."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("double")
def test_training_is_the_articles_loop_loss_for_loss(make_gan, train, batch_of):
    gan, batches = make_gan(conditional=False), [batch_of(seed) for seed in range(20)]
    expected = articles_loop(gan, batches)
    logged = [(row["d_loss"], row["g_loss"]) for row in train(gan, batches)]
    torch.testing.assert_close(torch.tensor(logged), torch.tensor(expected), rtol=1e-6, atol=1e-8)


def test_only_the_generator_changes_in_its_step(make_gan, train, batches, monkeypatch):
    gan = make_gan(mismatch_weight=0.5, terms=contrastive(generator_weight=1.0))
    step, before, after = gan._train_generator, [], []

    def watched(*arguments):
        before.append((state_of(gan.discriminator, gan.discriminator_text_encoder), state_of(gan.generator)))
        figures = step(*arguments)
        after.append((state_of(gan.discriminator, gan.discriminator_text_encoder), state_of(gan.generator)))
        return figures

    monkeypatch.setattr(gan, "_train_generator", watched)
    train(gan, batches[:2])
    for (discriminator, generator), (discriminator_after, generator_after) in zip(before, after, strict=True):
        assert equal(discriminator, discriminator_after)
        assert not equal(generator, generator_after)


def test_only_the_discriminator_changes_in_its_step(make_gan, train, batches):
    gan = make_gan(discriminator_steps=2, mismatch_weight=0.5, terms=contrastive())
    generator, discriminator = parameters_of(gan.generator, gan.text_encoder), parameters_of(gan.discriminator)
    encoder = parameters_of(gan.discriminator_text_encoder)
    train(gan, batches[:1])
    assert equal(generator, parameters_of(gan.generator, gan.text_encoder))
    assert not equal(discriminator, parameters_of(gan.discriminator))
    assert not equal(encoder, parameters_of(gan.discriminator_text_encoder))


def test_a_shared_text_encoder_learns_with_the_generator_only(make_gan, train, batches):
    gan = make_gan(separate_text_encoders=False, discriminator_steps=2, terms=contrastive())
    assert gan.discriminator_text_encoder is None
    encoder = parameters_of(gan.text_encoder)
    train(gan, batches[:1])
    assert equal(encoder, parameters_of(gan.text_encoder))
    train(gan, batches[1:2])
    assert not equal(encoder, parameters_of(gan.text_encoder))


def test_the_text_encoders_start_as_equal_copies_that_share_nothing(make_gan):
    gan = make_gan()
    assert equal(state_of(gan.text_encoder), state_of(gan.discriminator_text_encoder))
    ids = [{id(p) for p in encoder.parameters()} for encoder in (gan.text_encoder, gan.discriminator_text_encoder)]
    assert not ids[0] & ids[1]


def test_the_generator_learns_at_every_nth_batch(make_gan, train, batches):
    rows = train(make_gan(discriminator_steps=2), batches)
    assert rows[0].keys() & {"g_loss", "d_fake_after"} == set()
    assert "g_loss" in rows[1]
    assert rows[2]["g_loss"] == rows[1]["g_loss"]
    assert rows[3]["g_loss"] != rows[1]["g_loss"]
    assert len({row["d_loss"] for row in rows}) == 4


def test_running_statistics_are_tracked_once_a_batch_in_g_and_once_a_kind_in_d(make_gan, train, batches):
    gan = make_gan(conditional=False)
    train(gan, batches)
    assert {int(m.num_batches_tracked) for m in gan.generator.modules() if isinstance(m, nn.BatchNorm2d)} == {4}
    assert {int(m.num_batches_tracked) for m in gan.discriminator.modules() if isinstance(m, nn.BatchNorm2d)} == {8}


def test_progress_is_counted_in_images(make_gan, train, batches):
    gan = make_gan()
    train(gan, batches)
    assert gan.images_seen == sum(map(len, batches)) == 16


def test_what_is_promised_is_logged(make_gan, train, batches):
    gan = make_gan(mismatch_weight=0.5, terms=contrastive(generator_weight=0.1))
    (row,) = train(gan, batches[:1])
    assert row.keys() == {
        *("d_loss", "d_real", "d_fake_before", "d_fake_after", "d_mismatched", "d_grad_norm", "d_lr"),
        *("d_sign_fraction", "d_gap"),
        *("g_loss", "g_grad_norm", "g_lr", "contrastive_loss", "generator_contrastive_loss"),
    }
    assert all(0 < row[name] < 1 for name in ("d_real", "d_fake_before", "d_fake_after", "d_mismatched"))
    assert row["d_lr"] == pytest.approx(2e-4)


def test_a_discriminators_step_lowers_its_opinion_of_the_images(make_gan, train, batches):
    rows = train(make_gan(objective=Hinge()), batches)
    assert all(row["d_fake_after"] < row["d_fake_before"] for row in rows)


def test_mismatched_pairs_leave_the_loss_alone_where_every_sentence_fits(make_gan, train, batch_of):
    batch = batch_of(0, sentences=["abc", "cab", "bca", "abc"])
    (without,) = train(make_gan(), [batch])
    (with_mismatches,) = train(make_gan(mismatch_weight=0.5), [batch])
    assert with_mismatches["d_loss"] == without["d_loss"]


def test_mismatched_pairs_share_the_negatives(make_gan, train, batch_of):
    """real + (generated + mismatched) / 2; all mismatched sentences are alike, so that the draw does not matter."""
    batch = batch_of(0, sentences=["abc", "def"])
    gan = make_gan(mismatch_weight=0.5)
    frozen = copy.deepcopy(gan)
    (row,) = train(gan, [batch])
    text = frozen.discriminator_text_encoder(batch.pick(0))
    swapped = TextFeatures(*(part.flip(0) for part in text))
    latents = torch.randn(1, 2, 10, generator=after_prompts(2))[0]
    generated = frozen.generator(latents, frozen.text_encoder(batch.pick(0)))
    real, fake = frozen.discriminator(batch.images, text), frozen.discriminator(generated, text)
    mismatched = frozen.discriminator(batch.images, swapped)
    plus = nn.functional.softplus
    expected = (plus(-real) + (plus(fake) + plus(mismatched)) / 2).mean()
    assert row["d_loss"] == pytest.approx(float(expected.detach()), rel=1e-5)


def test_a_batch_of_one_trains_with_every_term(make_gan, train, batch_of):
    gan = make_gan(mismatch_weight=0.5, terms=contrastive(generator_weight=1.0))
    (row,) = train(gan, [batch_of(0, size=1)])
    assert row["contrastive_loss"] == 0
    assert torch.tensor(list(row.values())).isfinite().all()


def test_a_loss_that_is_not_finite_stops_the_run_by_name_before_the_weights_are_touched(make_gan, train, batch_of):
    gan, batch = make_gan(), batch_of(0)
    before = parameters_of(gan.discriminator)
    batch.images[0] = float("nan")
    with pytest.raises(FloatingPointError, match=r"d_loss is nan after 4 images"):
        train(gan, [batch])
    assert equal(before, parameters_of(gan.discriminator))


def test_training_in_bfloat16_mixed_precision_stays_close_to_float32(make_gan, train, batches):
    settings = {"mismatch_weight": 0.5, "terms": contrastive(), "ema_half_life_images": 8}
    full = train(make_gan(**settings), batches)
    gan = make_gan(**settings)
    mixed = train(gan, batches, precision="bf16-mixed")
    assert all(p.dtype == torch.float32 for p in gan.parameters())
    for name in ("d_loss", "g_loss", "contrastive_loss"):
        assert [row[name] for row in mixed] == pytest.approx([row[name] for row in full], rel=0.1)


def test_mixed_precision_scores_with_the_weights_of_now(make_gan, train, batches):
    """Autocast keeps half-precision copies of weights; one from before the discriminator's step would be stale."""
    hurried = {"discriminator_optimizer": lambda groups: torch.optim.SGD(groups, lr=0.5)}
    (full,) = train(make_gan(**hurried), batches[:1])
    (mixed,) = train(make_gan(**hurried), batches[:1], precision="bf16-mixed")
    assert abs(full["d_fake_after"] - full["d_fake_before"]) > 0.05
    assert mixed["d_fake_after"] == pytest.approx(full["d_fake_after"], abs=0.02)


def test_float16_is_refused_with_the_way_out(make_gan, train, batches, monkeypatch):
    gan = make_gan()
    monkeypatch.setattr("pytorch_lightning.Trainer.precision", property(lambda self: "16-mixed"))
    with pytest.raises(ValueError, match="bf16-mixed"):
        train(gan, batches[:1])


def test_a_run_taken_up_again_goes_on_bit_for_bit(make_gan, fit, batches, tmp_path):
    settings = {
        "mismatch_weight": 0.5,
        "terms": contrastive(),
        "ema_half_life_images": 8,
        "discriminator_steps": 3,
    }
    whole = make_gan(**settings)
    fit(whole, batches, max_epochs=2)
    half = make_gan(**settings)
    fit(half, batches).save_checkpoint(tmp_path / "half.ckpt")
    rest = make_gan(**settings)
    fit(rest, batches, max_epochs=2, ckpt_path=tmp_path / "half.ckpt")
    assert rest.images_seen == whole.images_seen == 32
    assert equal(state_of(rest), state_of(whole))
    assert not equal(state_of(half), state_of(whole))


PARTS = {"mismatch_weight": 0.5, "ema_half_life_images": 8, "micro_batch_size": 3}


def test_a_run_in_micro_batches_goes_on_bit_for_bit(make_gan, fit, batches, tmp_path):
    settings = {**PARTS, "terms": contrastive(), "discriminator_steps": 3}
    whole, half, rest = (make_gan(**settings) for _ in range(3))
    fit(whole, batches, max_epochs=2)
    fit(half, batches).save_checkpoint(tmp_path / "half.ckpt")
    fit(rest, batches, max_epochs=2, ckpt_path=tmp_path / "half.ckpt")
    assert rest.images_seen == whole.images_seen == 32
    assert equal(state_of(rest), state_of(whole))
    assert not equal(state_of(half), state_of(whole))


def test_a_run_that_began_whole_goes_on_in_micro_batches(make_gan, fit, batches, tmp_path):
    fit(make_gan(), batches).save_checkpoint(tmp_path / "half.ckpt")
    rest = make_gan(micro_batch_size=2)
    fit(rest, batches, max_epochs=2, ckpt_path=tmp_path / "half.ckpt")
    assert rest.images_seen == 32


def test_a_gan_says_which_networks_and_terms_see_micro_batches(make_gan, train, batches, caplog):
    train(make_gan(**PARTS, terms=contrastive()), batches)
    (said,) = [message for message in caplog.messages if "micro_batch_size" in message]
    assert "a step of 4 examples is computed in 2 parts" in said
    assert "batch normalisation of generator, discriminator and terms.contrastive see the examples of one part" in said


def test_mismatched_sentences_come_from_the_whole_batch(make_gan, train, batch_of):
    """Within a part, both sentences fit both images; those of the other part are wrong."""
    sentences = ["abc", "cab", "def", "fed"]
    (whole,) = train(make_gan(**{**PARTS, "micro_batch_size": None}), [batch_of(0, sentences=sentences)])
    (parts,) = train(make_gan(**{**PARTS, "micro_batch_size": 2}), [batch_of(0, sentences=sentences)])
    (without,) = train(make_gan(micro_batch_size=2), [batch_of(0, sentences=sentences)])
    assert parts["d_mismatched"] == pytest.approx(whole["d_mismatched"], rel=0.05)
    assert parts["d_loss"] != without["d_loss"]


def test_only_the_generators_first_pass_moves_its_statistics(make_gan, train, batches):
    """It generates each part again in its own step; over a batch, statistics move once by their momentum."""
    gan = make_gan(conditional=False, micro_batch_size=2)
    train(gan, batches)
    assert {int(m.num_batches_tracked) for m in gan.generator.modules() if isinstance(m, nn.BatchNorm2d)} == {2 * 4}
    assert {int(m.num_batches_tracked) for m in gan.discriminator.modules() if isinstance(m, nn.BatchNorm2d)} == {16}
    assert {m.momentum for m in gan.modules() if isinstance(m, nn.BatchNorm2d)} == {0.1}


def test_micro_batches_learn_in_bfloat16_as_in_float32(make_gan, train, batches):
    """A half-precision copy of a weight that was made without gradients must not be used where they are wanted."""
    full = train(make_gan(**PARTS), batches)
    gan = make_gan(**PARTS)
    before = parameters_of(gan.generator, gan.text_encoder)
    mixed = train(gan, batches, precision="bf16-mixed")
    changed = zip(before, parameters_of(gan.generator, gan.text_encoder), strict=True)
    assert all(not torch.equal(old, new) for old, new in changed if old.numel() > 1)
    for name in ("d_loss", "g_loss", "g_grad_norm"):
        assert [row[name] for row in mixed] == pytest.approx([row[name] for row in full], rel=0.1)
