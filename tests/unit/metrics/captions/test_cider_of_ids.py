"""CIDEr-D of ids is CIDEr-D of words, whatever stands beside a caption."""

from itertools import chain

import numpy as np
import pytest

from diptych.metrics.captions.cider import CiderReferences
from diptych.metrics.captions.cider_of_ids import IdWeights, cider_of_ids, padded
from diptych.metrics.captions.document_frequency import DocumentFrequency
from diptych.metrics.captions.ngrams import ngram_counts

WORDS, EOS, UNKNOWN = 12, 2, 3


def captions(rng: np.random.Generator, number: int, *, least: int = 4, longest: int = 12) -> list[tuple[int, ...]]:
    """Of few words, so that n-grams are shared, each ended by <eos>."""
    lengths = rng.integers(0, longest, number)
    return [(*rng.integers(least, least + WORDS, length).tolist(), EOS) for length in lengths]


@pytest.fixture(scope="module")
def training() -> list[list[tuple[int, ...]]]:
    rng = np.random.default_rng(0)
    return [captions(rng, int(rng.integers(1, 6))) for _ in range(40)]


def by_words(said, pictures, training) -> list[float]:
    """The same by the metric of strings, one caption after the other."""
    counted = [set(chain.from_iterable(chain.from_iterable(map(counts_of, texts)))) for texts in training]
    weights = DocumentFrequency.of("training", counted).weights()
    per_picture = len(said) // len(pictures)
    references = [CiderReferences([counts_of(text) for text in texts], weights) for texts in pictures]
    return [references[row // per_picture].score(counts_of(caption)) for row, caption in enumerate(said)]


def counts_of(caption):
    return ngram_counts([f"word{token}" for token in caption])


@pytest.mark.parametrize("per_picture", [1, 4])
def test_of_ids_is_of_words_for_equal_document_frequency(training, per_picture):
    rng = np.random.default_rng(1)
    pictures = [captions(rng, int(rng.integers(1, 6))) for _ in range(25)]
    said = captions(rng, 25 * per_picture, least=UNKNOWN)
    said[: 5 * per_picture] = [pictures[i // per_picture][0] for i in range(5 * per_picture)]
    scores = cider_of_ids(*padded(said), pictures, IdWeights.of(training))
    assert scores == pytest.approx(by_words(said, pictures, training), abs=1e-12)
    assert scores.max() > 1


def test_document_frequency_does_not_depend_on_how_pictures_are_counted(training, monkeypatch):
    whole = IdWeights.of(training)
    monkeypatch.setattr("diptych.metrics.captions.cider_of_ids.AT_ONCE", 7)
    parts = IdWeights.of(iter(training))
    assert np.array_equal(whole.ngrams, parts.ngrams)
    assert np.array_equal(whole.values, parts.values)


def test_what_stands_after_a_caption_and_beside_it_changes_nothing(training):
    said, pictures, weights = training[0][:1] + training[1][:1], training[:2], IdWeights.of(training)
    rows, lengths = padded(said)
    longer = np.full((2, rows.shape[1] + 5), 7)
    for row, length in enumerate(lengths):
        longer[row, :length] = rows[row, :length]
    scores = cider_of_ids(rows, lengths, pictures, weights)
    assert np.array_equal(cider_of_ids(longer, lengths, pictures, weights), scores)
    assert np.array_equal(cider_of_ids(rows[1:], lengths[1:], pictures[1:], weights), scores[1:])


def test_a_caption_of_one_word_or_none_has_a_score(training):
    scores = cider_of_ids(*padded([(EOS,), ()]), [[(4, EOS)], [(4, EOS)]], IdWeights.of(training))
    assert np.isfinite(scores).all()
    assert scores[1] == 0


def test_the_word_of_every_picture_weighs_nothing(training):
    weights = IdWeights.of(training)
    assert cider_of_ids(*padded([(EOS,)]), [[(EOS,)]], weights) == pytest.approx([0])
    assert cider_of_ids(*padded([training[0][0]]), [[training[0][0]]], weights) > 0
