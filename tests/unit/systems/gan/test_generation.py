import pytest
import torch

from diptych.systems.gan.options import LatentOptions

SENTENCES = ["a b c", "d e", "f"]


@pytest.fixture
def generator(make_gan, train, batches):
    """Trained a little, so that averages and running statistics differ from where they started."""
    gan = make_gan(ema_half_life_images=100)
    train(gan, batches)
    return gan


def test_pictures_do_not_depend_on_how_they_are_batched(generator):
    whole = generator.generate(SENTENCES, num_images=3)
    assert whole.shape == (9, 1, 28, 28)
    for batch_size in (1, 2, 5):
        torch.testing.assert_close(generator.generate(SENTENCES, num_images=3, batch_size=batch_size), whole)


def test_a_picture_depends_on_seed_sentence_and_number_alone(generator):
    whole = generator.generate(SENTENCES, num_images=3, seed=5).unflatten(0, (3, 3))
    torch.testing.assert_close(generator.generate(["d e"], num_images=1, seed=5)[0], whole[1, 0])
    torch.testing.assert_close(generator.generate(["f", "f"], num_images=2, seed=5)[3], whole[2, 1])


def test_seeds_sentences_and_numbers_all_matter(generator):
    one = generator.generate(["a b c"], num_images=2, seed=0)
    assert not torch.equal(one[0], one[1])
    assert not torch.equal(one, generator.generate(["a b c"], num_images=2, seed=1))
    assert not torch.equal(one, generator.generate(["a b d"], num_images=2, seed=0))


def test_generation_leaves_no_trace(generator):
    """Neither modes nor running statistics nor anybody's randomness."""
    generator.train()
    generator.discriminator.eval()
    modes = {name: module.training for name, module in generator.named_modules()}
    state = {name: tensor.clone() for name, tensor in generator.state_dict().items()}
    rngs = generator.rng.get_state(), torch.get_rng_state()
    for use_ema in (True, False):
        generator.generate(SENTENCES, use_ema=use_ema)
    generator.sample_grid()
    assert modes == {name: module.training for name, module in generator.named_modules()}
    assert all(torch.equal(state[name], tensor) for name, tensor in generator.state_dict().items())
    assert torch.equal(rngs[0], generator.rng.get_state())
    assert torch.equal(rngs[1], torch.get_rng_state())


def test_averaged_weights_generate_unless_the_raw_ones_are_wanted(generator):
    averaged, raw = (generator.generate(["a b"], use_ema=use_ema) for use_ema in (True, False))
    assert not torch.equal(averaged, raw)
    generator.generator_average.network.load_state_dict(generator.generator.state_dict())
    generator.text_encoder_average.network.load_state_dict(generator.text_encoder.state_dict())
    assert torch.equal(generator.generate(["a b"]), raw)


def test_raw_and_averaged_weights_are_both_in_the_state(generator):
    names = generator.state_dict().keys()
    raw = [name for name in names if name.startswith(("generator.", "text_encoder."))]
    assert raw
    for name in raw:
        role, _, rest = name.partition(".")
        assert f"{role}_average.network.{rest}" in names


def test_a_generator_without_average_generates_with_the_weights_of_now(make_gan):
    gan = make_gan()
    assert torch.equal(gan.generate(["a"]), gan.generate(["a"], use_ema=False))


def test_truncated_latents_generate_other_pictures(generator):
    plain, cut = (
        generator.generate(["a b"], num_images=4),
        generator.generate(["a b"], num_images=4, options=LatentOptions(truncation=0.1)),
    )
    assert not torch.equal(plain, cut)
    assert cut.std(0).mean() < plain.std(0).mean()


def test_an_unconditional_generator_takes_no_sentences(make_gan):
    gan = make_gan(conditional=False)
    assert gan.generate(num_images=3).shape == (3, 1, 28, 28)
    assert torch.equal(gan.generate([""], num_images=3), gan.generate(None, num_images=3))
    with pytest.raises(ValueError, match="without sentences"):
        gan.generate(["a b"])


def test_a_conditional_generator_wants_sentences_it_can_read(generator):
    with pytest.raises(ValueError, match="at least one"):
        generator.generate([])
    with pytest.raises(ValueError, match="'a b c d e' has 5 tokens; this generator reads at most 4"):
        generator.generate(["a b c d e"])
    assert generator.generate(["a dragon"]).shape == (1, 1, 28, 28)


def test_a_bound_that_leaves_nothing_is_refused():
    with pytest.raises(ValueError, match="truncation=0"):
        LatentOptions(truncation=0.0)


def test_noise_survives_another_sentence_under_its_key(generator):
    one = generator.generate(["a b", "a b"], noise_keys=["a b", "f"])
    torch.testing.assert_close(one[0], generator.generate(["a b"])[0])
    assert not torch.equal(one[0], one[1])
    torch.testing.assert_close(one[1], generator.generate(["a b"], noise_keys=["f"])[0])


def test_the_sample_grid_has_a_row_a_sentence_and_a_column_a_latent(generator):
    generator.sample_sentences = ("a b c", "d e")
    images, captions = generator.sample_grid()
    assert captions == ("a b c",) * 8 + ("d e",) * 8
    generator.sample_sentences = ("d e",)
    torch.testing.assert_close(generator.sample_grid()[0], images[8:])


def test_the_unconditional_grid_is_eight_by_eight(make_gan):
    images, captions = make_gan(conditional=False).sample_grid()
    assert images.shape == (64, 1, 28, 28)
    assert set(captions) == {""}


def test_the_grid_is_part_of_the_checkpoint(make_gan, fit, batches, tmp_path):
    gan, other = make_gan(seed=0), make_gan(seed=1)
    gan.sample_sentences = ("a b c", "d e")
    fit(gan, batches).save_checkpoint(tmp_path / "run.ckpt")
    fit(other, batches, ckpt_path=tmp_path / "run.ckpt")
    assert other.sample_sentences == ("a b c", "d e")
    for mine, its in zip(gan.sample_grid(), other.sample_grid(), strict=True):
        assert torch.equal(mine, its) if isinstance(mine, torch.Tensor) else mine == its


def test_validation_tells_images_from_the_data(make_gan, fit, batches, batch_of):
    trainer = fit(make_gan(), batches, limit_val_batches=None)
    distance = float(trainer.callback_metrics["val/energy_distance"])
    assert 0.05 < distance < 2
