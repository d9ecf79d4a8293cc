"""What words weigh in a bag of words, by words alone or by their rarity."""

import copy

import pytest
import torch
from sklearn.feature_extraction.text import TfidfVectorizer

from diptych.models.text_encoders import BagOfWordsTextEncoder, TfidfTextEncoder
from diptych.types import BOS_ID, EOS_ID, PAD_ID, SPECIAL_TOKENS, UNK_ID, Sentences

WORDS = ("above", "blue", "circle", "red", "square", "star")
TRAINING = ("red circle above red square", "blue circle", "red red star", "blue square above red circle", "square")


def sentences(texts):
    """By a vocabulary of `WORDS`; an unknown word is <unk>."""
    known = {word: i for i, word in enumerate(WORDS, len(SPECIAL_TOKENS))}
    rows = [[BOS_ID, *(known.get(word, UNK_ID) for word in text.split()), EOS_ID] for text in texts]
    longest = max(map(len, rows))
    tokens = torch.tensor([row + [PAD_ID] * (longest - len(row)) for row in rows])
    return Sentences(tuple(texts), tokens, tokens != PAD_ID)


def weights_of(encoder, texts):
    """The weight of each word of the vocabulary in each sentence: what the identity makes of it."""
    torch.nn.init.eye_(encoder.embedding.weight)
    return encoder(sentences(texts)).sentence.detach()


def training_sentences(most_of_endless):
    return [sentences([text]) for text in TRAINING]


@pytest.fixture
def tfidf():
    encoder = TfidfTextEncoder(vocabulary_size=10, sentence_dim=10)
    encoder.read_training_sentences(training_sentences)
    return encoder


def test_a_bag_of_words_counts_them():
    counts = weights_of(BagOfWordsTextEncoder(vocabulary_size=10, sentence_dim=10), ["red circle above red thing", ""])
    assert counts.tolist() == [[0, 0, 0, 1, 1, 0, 1, 2, 0, 0], 10 * [0]]


def test_rarity_is_that_of_scikit_learn(tfidf):
    asked = [*TRAINING, "star star blue red", "circle"]
    theirs = TfidfVectorizer(vocabulary=WORDS).fit(TRAINING).transform(asked).toarray()
    ours = weights_of(tfidf, asked)
    assert torch.allclose(ours[:, len(SPECIAL_TOKENS) :], torch.tensor(theirs, dtype=torch.float32), atol=1e-6)
    assert not ours[:, [PAD_ID, BOS_ID, EOS_ID]].any()


def test_an_unknown_word_is_as_rare_as_a_word_that_no_caption_has(tfidf):
    assert tfidf.rarity[UNK_ID] == pytest.approx(torch.tensor(6.0).log().item() + 1)


def test_without_training_captions_words_are_equally_rare():
    (weights,) = weights_of(TfidfTextEncoder(vocabulary_size=10, sentence_dim=10), ["red circle"])
    assert weights[[6, 7]].tolist() == pytest.approx(2 * [0.5**0.5])


def test_a_restored_encoder_does_not_read_the_captions_again(tfidf):
    restored = TfidfTextEncoder(vocabulary_size=10, sentence_dim=10)
    restored.load_state_dict(copy.deepcopy(tfidf.state_dict()))
    restored.read_training_sentences(lambda _: pytest.fail("it read them again"))
    assert torch.equal(restored.rarity, tfidf.rarity)
