"""The two directions of recurrent encoders, and how their words are pooled."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from diptych.models.text_encoders import GRUTextEncoder, PooledGRUTextEncoder
from diptych.models.text_encoders.both_directions import BothDirections
from diptych.types import BOS_ID, EOS_ID, PAD_ID, Sentences

SENTENCES = [[BOS_ID, 4, 5, 6, 7, EOS_ID], [BOS_ID, 6, 4, EOS_ID, PAD_ID, PAD_ID], [BOS_ID, EOS_ID] + 4 * [PAD_ID]]


def test_queries_look_at_real_words_only_and_wholly():
    torch.manual_seed(0)
    encoder = PooledGRUTextEncoder(vocabulary_size=9, num_queries=3, word_dim=8)
    tokens = torch.tensor(SENTENCES)
    mask = tokens != PAD_ID
    attention = encoder.attention(encoder(Sentences(("",) * 3, tokens, mask)).words, mask)
    assert attention.shape == (3, 3, 6)
    assert torch.allclose(attention.sum(2), torch.ones(3, 3))
    assert not attention.masked_select(~mask[:, None]).any()


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
