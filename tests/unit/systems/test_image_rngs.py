import pytest
import torch

from diptych.systems.image_rngs import ImageRngs


def latents_for(images, *, latent_dim: int, seed: int, truncation: float | None = None) -> torch.Tensor:
    return ImageRngs(images, seed=seed).randn(latent_dim, truncation=truncation)


def test_latents_are_a_function_of_seed_sentence_and_number():
    some = latents_for([("a", 0), ("b", 0), ("a", 1)], latent_dim=5, seed=3)
    again = latents_for([("a", 1), ("a", 0)], latent_dim=5, seed=3)
    assert torch.equal(some[2], again[0])
    assert torch.equal(some[0], again[1])
    assert len({tuple(row) for row in some.tolist()}) == 3
    assert not torch.equal(some, latents_for([("a", 0), ("b", 0), ("a", 1)], latent_dim=5, seed=4))


def test_neighbouring_seeds_and_numbers_are_not_confused():
    """Seed 1, picture 12 is not seed 11, picture 2."""
    one = latents_for([("x", 12), ("2 x", 1)], latent_dim=5, seed=1)
    other = latents_for([("x", 2), ("x", 1)], latent_dim=5, seed=11)
    assert not torch.isin(one, other).any()


def test_latents_are_standard_normal():
    values = latents_for([("a", i) for i in range(400)], latent_dim=100, seed=0)
    assert float(values.mean()) == pytest.approx(0, abs=0.02)
    assert float(values.std()) == pytest.approx(1, abs=0.02)


def test_truncated_latents_stay_within_the_bound_and_keep_the_normal_shape():
    values = latents_for([("a", i) for i in range(200)], latent_dim=100, seed=0, truncation=1.0)
    assert values.abs().max() <= 1
    assert float(values.std()) == pytest.approx(0.5396, abs=0.02)


def test_noise_of_any_shape_and_choices_belong_to_their_image():
    whole, part = (ImageRngs(images, seed=2) for images in ([("a", 0), ("b", 0), ("a", 1)], [("a", 1)]))
    for draw in (lambda rngs: rngs.randn(3, 4, 4), lambda rngs: rngs.rand(2)):
        assert torch.equal(draw(whole)[2:], draw(part))
    assert whole.rand(5).min() >= 0
    assert whole.multinomial(torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.5, 0.5]]))[:2].tolist() == [1, 0]


def test_parts_go_on_where_the_whole_would():
    images = [("a", i) for i in range(5)]
    whole = ImageRngs(images, seed=0).randn(3)
    assert torch.equal(torch.cat([part.randn(3) for part in ImageRngs(images, seed=0).split(2)]), whole)
