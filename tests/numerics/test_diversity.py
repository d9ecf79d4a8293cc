"""Diversity of generated images relative to real ones: closed forms and identities."""

import pytest
import torch

from diptych.metrics.diversity import LEAST, diversity, duplicates, why_collapsed

RNG = torch.Generator().manual_seed(0)
REAL = torch.randn(400, 1, 8, 8, generator=RNG)


def test_images_as_different_as_real_ones_have_a_diversity_of_one():
    grid = torch.randn(8, 8, 1, 8, 8, generator=RNG)
    assert diversity(grid, REAL) == pytest.approx({"latent_diversity": 1, "sentence_diversity": 1}, abs=0.03)


def test_what_depends_on_the_latent_alone_does_not_follow_its_sentence_and_the_reverse():
    rows = torch.randn(8, 1, 1, 8, 8, generator=RNG).expand(8, 8, 1, 8, 8)
    by_latent = diversity(rows.transpose(0, 1), REAL)
    by_sentence = diversity(rows, REAL)
    assert by_latent["sentence_diversity"] == by_sentence["latent_diversity"] == 0
    assert by_latent["latent_diversity"] == pytest.approx(by_sentence["sentence_diversity"])
    assert why_collapsed(by_latent).startswith("ignores its sentences: ")
    assert not why_collapsed(by_sentence)


def test_the_spread_of_half_the_contrast_is_half():
    grid = torch.randn(4, 8, 1, 8, 8, generator=RNG)
    whole, half = diversity(grid, REAL), diversity(0.5 * grid - 0.3, REAL)
    assert half == pytest.approx({name: value / 2 for name, value in whole.items()}, rel=1e-4)


def test_a_generator_without_sentences_has_latents_only():
    assert diversity(torch.randn(1, 64, 1, 8, 8, generator=RNG), REAL).keys() == {"latent_diversity"}


@pytest.mark.parametrize("real", [REAL[:1], REAL[:1].expand(5, 1, 8, 8), REAL[:0]])
def test_without_real_images_that_differ_there_is_no_diversity(real):
    assert diversity(torch.randn(2, 2, 1, 8, 8, generator=RNG), real) == {}


def test_one_image_whatever_is_asked_is_a_collapse_and_the_words_say_so():
    grid = REAL[:1] + 0.05 * torch.randn(8, 8, 1, 8, 8, generator=RNG)
    words = why_collapsed(diversity(grid, REAL))
    assert words.startswith("collapsed: all images are nearly the same")
    assert "5.0 % between latents and 5.0 % between sentences" in words


def test_nothing_is_said_where_nothing_was_measured():
    assert why_collapsed({}) == why_collapsed({"energy_distance": 0.0}) == ""
    assert why_collapsed({"latent_diversity": LEAST}) == ""
    assert why_collapsed({"latent_diversity": LEAST - 0.01})


def test_images_of_another_latent_that_are_nearly_alike_are_duplicates():
    grid = torch.randn(2, 4, 1, 8, 8, generator=RNG)
    assert duplicates(grid) == {"duplicate_rate": 0.0}
    grid[1, 2] = grid[0, 1] + 0.039  # of the range of 2, just below 0.02
    assert duplicates(grid) == {"duplicate_rate": pytest.approx(2 / 8)}
    grid[1, 2] = grid[0, 1] + 0.041
    assert duplicates(grid) == {"duplicate_rate": 0.0}


def test_images_of_one_latent_are_no_duplicates_whatever_their_sentences():
    rows = torch.randn(1, 4, 1, 8, 8, generator=RNG)
    assert duplicates(rows.expand(8, 4, 1, 8, 8)) == {"duplicate_rate": 0.0}
    assert duplicates(rows[:, :1].expand(8, 4, 1, 8, 8)) == {"duplicate_rate": 1.0}


def test_a_single_latent_has_no_duplicates_to_count():
    assert duplicates(torch.zeros(4, 1, 1, 8, 8)) == {}
