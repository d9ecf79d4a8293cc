import pytest
import torch
from torch.nn import functional as F

from diptych.models.text_encoders import GRUTextEncoder, LSTMTextEncoder, PooledGRUTextEncoder, RNNTextEncoder
from diptych.types import BOS_ID, EOS_ID, PAD_ID, Sentences

ENCODERS = (RNNTextEncoder, GRUTextEncoder, LSTMTextEncoder, PooledGRUTextEncoder)
SENTENCES = [[BOS_ID, 4, 5, 6, 7, EOS_ID], [BOS_ID, 6, 4, EOS_ID, PAD_ID, PAD_ID], [BOS_ID, EOS_ID] + 4 * [PAD_ID]]


@pytest.fixture(params=ENCODERS)
def encoder(request):
    torch.manual_seed(0)
    return request.param(vocabulary_size=9, embedding_dim=5, word_dim=8, sentence_dim=7)


def read(encoder, tokens):
    return encoder(Sentences(("",) * len(tokens), tokens, tokens != PAD_ID))


def test_features_have_the_published_sizes(encoder):
    text = read(encoder, torch.tensor(SENTENCES))
    assert text.sentence.shape == (3, encoder.sentence_dim) == (3, 7)
    assert text.words.shape == (3, 6, encoder.word_dim) == (3, 6, 8)
    assert torch.equal(text.mask, torch.tensor(SENTENCES) != PAD_ID)


def test_padding_changes_nothing(encoder):
    tokens = torch.tensor(SENTENCES)
    padded = read(encoder, F.pad(tokens, (0, 3), value=PAD_ID))
    plain = read(encoder, tokens)
    assert torch.allclose(padded.sentence, plain.sentence, atol=1e-6)
    assert torch.allclose(padded.words[:, :6], plain.words, atol=1e-6)
    assert not padded.words[:, 6:].any()


def test_a_sentence_is_read_alike_in_any_company(encoder):
    together = read(encoder, torch.tensor(SENTENCES)).sentence
    alone = torch.cat([read(encoder, torch.tensor([row])).sentence for row in SENTENCES])
    assert torch.allclose(together, alone, atol=1e-6)


def test_the_order_of_words_matters(encoder):
    there, back = read(encoder, torch.tensor([[BOS_ID, 4, 5, 6, EOS_ID], [BOS_ID, 6, 5, 4, EOS_ID]])).sentence
    assert not torch.allclose(there, back, atol=1e-3)


def test_every_parameter_gets_a_gradient(encoder):
    read(encoder, torch.tensor(SENTENCES)).sentence.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in encoder.parameters())


def test_an_empty_sentence_is_finite(encoder):
    assert read(encoder, torch.full((2, 3), PAD_ID)).sentence.isfinite().all()


def test_queries_look_at_real_words_only_and_wholly():
    torch.manual_seed(0)
    encoder = PooledGRUTextEncoder(vocabulary_size=9, num_queries=3, word_dim=8)
    tokens = torch.tensor(SENTENCES)
    attention = encoder.attention(read(encoder, tokens).words, tokens != PAD_ID)
    assert attention.shape == (3, 3, 6)
    assert torch.allclose(attention.sum(2), torch.ones(3, 3))
    assert not attention.masked_select((tokens == PAD_ID)[:, None]).any()


def test_an_odd_word_size_is_refused_because_two_directions_share_it():
    with pytest.raises(ValueError, match=r"text_encoder\.word_dim=7"):
        GRUTextEncoder(vocabulary_size=9, word_dim=7)
