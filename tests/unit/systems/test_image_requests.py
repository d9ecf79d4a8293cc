"""Which image is asked of which noise: seeds for a call, for each sentence, for each image; latents that are given."""

import pytest
import torch

from diptych.systems.image_rngs import GivenLatents, ImageRequest, ImageRngs, image_requests, seeds_of_rows


def test_one_seed_counts_the_images_of_each_sentence():
    asked = image_requests(["a", "b"], 2, 7)
    assert asked == [ImageRequest(said, said, 7, index) for said, index in [("a", 0), ("a", 1), ("b", 0), ("b", 1)]]


def test_a_seed_for_each_sentence_is_that_seed_s_own_call():
    whole = image_requests(["a", "b"], 2, [3, 4])
    assert whole == [*image_requests(["a"], 2, 3), *image_requests(["b"], 2, 4)]


def test_a_seed_for_each_image_gives_the_first_image_of_each_seed():
    whole = image_requests(["a"], 3, [5, 6, 7])
    assert whole == [request for seed in (5, 6, 7) for request in image_requests(["a"], 1, seed)]


def test_keys_replace_the_sentences_noise():
    assert [request.noise_key for request in image_requests(["a", "b"], 1, 0, ["x", "y"])] == ["x", "y"]


def test_rows_of_one_noise_repeat_the_seeds_of_their_sentence():
    assert seeds_of_rows(7, 2, 3) == 7
    assert seeds_of_rows([1, 2], 2, 2) == [1, 1, 2, 2]
    assert seeds_of_rows([1, 2, 3, 4], 2, 2) == [1, 2, 1, 2, 3, 4, 3, 4]


def test_seeds_that_fit_nothing_are_refused():
    with pytest.raises(ValueError, match="3 seeds and 2 sentences with 2 images each: give one seed"):
        image_requests(["a", "b"], 2, [1, 2, 3])


def test_noise_of_a_request_is_that_of_its_own_seed():
    mixed = ImageRngs.of([ImageRequest("x", "a", 3, 1), ImageRequest("y", "b", 4, 0)]).randn(5)
    assert torch.equal(mixed[:1], ImageRngs([("a", 1)], seed=3).randn(5))
    assert torch.equal(mixed[1:], ImageRngs([("b", 0)], seed=4).randn(5))


def test_given_latents_are_the_first_noise_and_all_else_is_drawn():
    latents, rngs = torch.randn(3, 4), lambda: ImageRngs([("a", i) for i in range(3)], seed=0)
    first, last = GivenLatents(latents, rngs()).split(2)
    assert torch.equal(torch.cat([first.randn(4), last.randn(4, truncation=0.1)]), latents)
    assert torch.equal(torch.cat([first.randn(2), last.randn(2)]), rngs().randn(2))
    assert torch.equal(torch.cat([first.rand(2), last.rand(2)]), torch.cat([p.rand(2) for p in _after(rngs, 2)]))


def _after(rngs, size):
    """Those after one draw of this size."""
    parts = rngs().split(2)
    for part in parts:
        part.randn(size)
    return parts


def test_latents_of_another_shape_or_number_are_refused():
    with pytest.raises(ValueError, match="2 rows of latents and 1 images"):
        GivenLatents(torch.zeros(2, 4), ImageRngs([("a", 0)], seed=0))
    with pytest.raises(ValueError, match=r"latents of an image of this run are \(5,\), not \(4,\)"):
        GivenLatents(torch.zeros(1, 4), ImageRngs([("a", 0)], seed=0)).randn(5)
    with pytest.raises(ValueError, match="no latents to be given; give a noise key"):
        GivenLatents(torch.zeros(1, 4), ImageRngs([("a", 0)], seed=0)).rand(5)
