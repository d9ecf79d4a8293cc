"""Interpolation between images: closed forms, exact ends, and what walks refuse."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from diptych.systems.image_rngs import ImageRngs
from diptych.systems.walk import Stop, WalkRngs, blended, check_walk, on_the_way, slerp, stops_of
from diptych.types import TextFeatures


def noise(key: str, number: int = 0) -> ImageRngs:
    return ImageRngs([(key, number)], seed=0)


@given(share=st.floats(0.01, 0.99))
def test_orthogonal_noise_moves_on_its_circle(share):
    between = slerp(torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 2.0]]), share)
    angle = share * math.pi / 2
    torch.testing.assert_close(between, torch.tensor([[2 * math.cos(angle), 2 * math.sin(angle)]]))


@given(share=st.floats(0, 1), dim=st.integers(2, 300))
def test_long_noise_keeps_its_length(share, dim):
    rng = torch.Generator().manual_seed(dim)
    first, last = (torch.nn.functional.normalize(torch.randn(2, dim, generator=rng)) for _ in range(2))
    torch.testing.assert_close(slerp(first, last, share).norm(dim=1), torch.ones(2), atol=1e-3, rtol=0)


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 1.0])
def test_a_walk_that_stays_is_bit_for_bit_where_it_began(share):
    latents = torch.randn(3, 100)
    assert torch.equal(slerp(latents, latents.clone(), share), latents)


def test_opposite_noise_has_no_circle_and_takes_the_line():
    first = torch.tensor([[1.0, -1.0]])
    torch.testing.assert_close(slerp(first, -first, 0.25), 0.5 * first)


def test_noise_at_the_ends_is_exactly_that_of_the_ends():
    for share, key in ((0.0, "a"), (1.0, "b")):
        walked = WalkRngs(noise("a"), noise("b"), share).randn(4, 3)
        assert torch.equal(walked, noise(key).randn(4, 3))


def test_other_than_normal_noise_cannot_be_walked():
    rngs = WalkRngs(noise("a"), noise("b"), 0.5)
    with pytest.raises(ValueError, match="no walk"):
        rngs.rand(3)
    with pytest.raises(ValueError, match="no walk"):
        rngs.multinomial(torch.ones(1, 2))


def test_conditions_move_on_a_line_and_both_sentences_words_are_read():
    first = TextFeatures(torch.zeros(1, 2), torch.zeros(1, 3, 2), torch.tensor([[True, False, False]]))
    last = TextFeatures(torch.ones(1, 2), torch.ones(1, 3, 2), torch.tensor([[True, True, False]]))
    between = blended(first, last, 0.25)
    assert between.sentence.tolist() == [[0.25, 0.25]]
    assert between.words.unique().tolist() == [0.25]
    assert between.mask.tolist() == [[True, True, False]]
    assert blended(first, last, 0) is first
    assert blended(first, last, 1) is last


def test_every_stop_is_a_frame_and_none_comes_twice():
    way = list(on_the_way(3, 3))
    assert way == [(0, 1, 0.0), (0, 1, 0.5), (0, 1, 1.0), (1, 2, 0.5), (1, 2, 1.0)]


def test_one_sentence_or_number_stands_for_all_stops():
    assert stops_of(["a", "b"], [0], None) == [Stop("a", "a", 0), Stop("b", "a", 0)]
    assert stops_of(["a", "b"], [3], ["a", "b"]) == [Stop("a", "a", 3), Stop("b", "b", 3)]
    assert stops_of(["a"], [0, 1, 2], None) == [Stop("a", "a", number) for number in range(3)]
    with pytest.raises(ValueError, match="the walk has 3 stops and 2 numbers"):
        stops_of(["a", "b", "c"], [0, 1], None)


def test_walks_that_lead_nowhere_are_refused():
    with pytest.raises(ValueError, match="two sentences, or two noises"):
        check_walk([Stop("a", "a")], 8)
    with pytest.raises(ValueError, match=r"frames=1"):
        check_walk([Stop("a", "a"), Stop("b", "a")], 1)
