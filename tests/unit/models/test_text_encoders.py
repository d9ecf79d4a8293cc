"""What every encoder of the data's tokens promises, and what the recurrent ones promise besides."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from diptych.models.text_encoders import GRUTextEncoder, LSTMTextEncoder, PooledGRUTextEncoder, RNNTextEncoder
from diptych.models.text_encoders.both_directions import BothDirections
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


@pytest.fixture(params=[nn.RNN, nn.GRU, nn.LSTM])
def layers(request):
    """PyTorch's bidirectional layer and ours, with the same seed."""
    torch.manual_seed(0)
    theirs = request.param(5, 4, batch_first=True, bidirectional=True)
    torch.manual_seed(0)
    return theirs, BothDirections(request.param, 5, 4)


def test_both_directions_are_those_of_a_packed_bidirectional_layer(layers):
    theirs, ours = layers
    inputs, lengths = torch.randn(6, 9, 5), torch.tensor([9, 1, 4, 7, 2, 4])
    packed = theirs(pack_padded_sequence(inputs, lengths, batch_first=True, enforce_sorted=False))[0]
    expected = pad_packed_sequence(packed, batch_first=True, total_length=9)[0]
    states = ours(inputs, lengths)
    assert torch.allclose(states, expected, atol=1e-6)
    states.square().sum().backward()
    expected.square().sum().backward()
    for own, other in zip(ours.parameters(), theirs.parameters(), strict=True):  # and so is an optimiser's state
        assert torch.allclose(own.grad, other.grad, atol=1e-5)


def test_weights_are_saved_as_those_of_a_bidirectional_layer(layers):
    theirs, ours = (nn.ModuleDict({"recurrent": layer}) for layer in layers)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert all(torch.equal(ours.state_dict()[name], weight) for name, weight in theirs.state_dict().items())


def test_weights_of_a_bidirectional_layer_load_also_into_a_copy(layers):
    theirs, ours = layers
    copied = copy.deepcopy(ours)
    changed = {name: weight + 1 for name, weight in theirs.state_dict().items()}
    copied.load_state_dict(changed)
    assert all(torch.equal(copied.state_dict()[name], weight) for name, weight in changed.items())
    assert not any(torch.equal(copied.state_dict()[name], ours.state_dict()[name]) for name in changed)


def test_a_weight_that_is_missing_is_missed_by_its_name(layers):
    theirs, ours = layers
    state = theirs.state_dict()
    del state["weight_hh_l0_reverse"]
    with pytest.raises(RuntimeError, match="weight_hh_l0"):
        ours.load_state_dict(state)


class OfTensors(nn.Module):
    """An encoder as an exported program calls it."""

    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, tokens, mask):
        return tuple(self.encoder(Sentences((), tokens, mask)))


@pytest.mark.filterwarnings("ignore:The tensor attributes .*_flat_weights:UserWarning")  # of every nn.RNNBase
def test_an_encoder_is_exported_with_any_number_of_sentences(encoder):
    tokens = torch.tensor(SENTENCES)
    inputs, rows = (tokens, tokens != PAD_ID), torch.export.Dim("rows", min=2, max=64)
    wrapped = OfTensors(encoder.eval())
    program = torch.export.export(wrapped, inputs, dynamic_shapes=({0: rows}, {0: rows}))
    more = torch.tensor([*SENTENCES, *reversed(SENTENCES)])
    for exported, own in zip(program.module()(more, more != PAD_ID), wrapped(more, more != PAD_ID), strict=True):
        assert torch.allclose(exported.float(), own.float(), atol=1e-6)
