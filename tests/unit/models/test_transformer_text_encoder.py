"""The transformer's layers and positions."""

import math

import pytest
import torch
from torch import nn

from diptych.models.text_encoders import TransformerTextEncoder
from diptych.models.text_encoders.transformer import Layer
from diptych.models.waves import sinusoids


def test_a_layer_is_that_of_pytorch():
    torch.manual_seed(0)
    ours = Layer(word_dim=8, num_heads=2, hidden_dim=12)
    theirs = nn.TransformerEncoderLayer(8, 2, 12, dropout=0.0, activation="gelu", batch_first=True, norm_first=True)
    same = {
        "self_attn.in_proj_": ours.to_attention,
        "self_attn.out_proj.": ours.from_attention,
        "linear1.": ours.change[0],
        "linear2.": ours.change[2],
        "norm1.": ours.attention_norm,
        "norm2.": ours.change_norm,
    }
    for parameter in ours.parameters():
        nn.init.normal_(parameter)
    theirs.load_state_dict(
        {f"{name}{kind}": getattr(layer, kind) for name, layer in same.items() for kind in ("weight", "bias")}
    )
    words, mask = torch.randn(3, 5, 8), torch.arange(5) < torch.tensor([5, 2, 1])[:, None]
    expected = theirs(words, src_key_padding_mask=~mask)
    assert torch.allclose(ours(words, mask[:, None, None]), expected, atol=1e-5)


def test_positions_are_those_of_the_article():
    positions = sinusoids(50, 6)
    assert positions[0].tolist() == [0, 0, 0, 1, 1, 1]
    assert positions[7, 1].item() == pytest.approx(math.sin(7 / 10_000 ** (1 / 3)), abs=1e-6)
    assert positions[49, 5].item() == pytest.approx(math.cos(49 / 10_000 ** (2 / 3)), abs=1e-6)


def test_heads_that_do_not_share_a_word_evenly_are_refused():
    with pytest.raises(ValueError, match=r"text_encoder\.word_dim=10 .* twice text_encoder\.num_heads=4"):
        TransformerTextEncoder(vocabulary_size=9, word_dim=10)
