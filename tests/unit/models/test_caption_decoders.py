"""The formula of each caption decoder; `test_every_caption_decoder` holds the laws of all."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from diptych.models.caption_decoders import (
    AttentionLSTMDecoder,
    EveryStepLSTMDecoder,
    GRUDecoder,
    HardAttentionLSTMDecoder,
    LSTMDecoder,
    RNNDecoder,
    TopDownDecoder,
    TransformerDecoder,
    repeat_rows,
)
from diptych.models.caption_decoders.transformer import places_in_grid
from diptych.models.caption_latents.priors import with_latents
from diptych.types import BOS_ID, ImageFeatures

VOCABULARY, IMAGES, LENGTH, REGIONS = 11, 3, 6, 4


def make(decoder_class, **values):
    sizes = {"vocabulary_size": VOCABULARY, "image_dim": 5, "embedding_dim": 6, "hidden_dim": 8}
    if issubclass(decoder_class, (AttentionLSTMDecoder, TopDownDecoder)):
        sizes |= {"region_dim": 7, "attention_dim": 9}
    return decoder_class(**sizes, **values).double().eval()


def make_transformer(**values):
    sizes = {"vocabulary_size": VOCABULARY, "max_length": 8, "image_dim": 5, "region_dim": 7}
    sizes |= {"dim": 8, "num_layers": 2, "num_heads": 2, "feedforward_dim": 12}
    return TransformerDecoder(**sizes | values).double().eval()


@pytest.fixture
def features():
    return ImageFeatures(torch.randn(IMAGES, 5).double(), torch.randn(IMAGES, REGIONS, 7).double())


@pytest.fixture
def tokens():
    """Two captions of each image, side by side."""
    tokens = torch.randint(3, VOCABULARY, (2 * IMAGES, LENGTH))
    tokens[:, 0] = BOS_ID
    return tokens


def test_rows_are_repeated_side_by_side():
    assert repeat_rows(torch.tensor([1, 2]), 6).tolist() == [1, 1, 1, 2, 2, 2]
    with pytest.raises(ValueError, match="5 captions do not divide evenly among 2 images"):
        repeat_rows(torch.tensor([1, 2]), 5)


def test_the_vanilla_network_is_the_articles_formula(features, tokens):
    """h_t = tanh(W x_t + U h_{t-1} + b), the image first and then the words."""
    decoder = make(RNNDecoder)
    weights = dict(decoder.recurrent.named_parameters())
    w, u, b = weights["weight_ih_l0"], weights["weight_hh_l0"], weights["bias_ih_l0"] + weights["bias_hh_l0"]
    hidden = torch.tanh(decoder.image_input(features.pooled).repeat_interleave(2, dim=0) @ w.T + b)
    for time, logits in enumerate(decoder(features, tokens).logits.unbind(1)):
        hidden = torch.tanh(decoder.embedding(tokens[:, time]) @ w.T + hidden @ u.T + b)
        torch.testing.assert_close(logits, decoder.to_logits(hidden))


@pytest.mark.parametrize("decoder_class", [RNNDecoder, GRUDecoder, LSTMDecoder])
def test_the_image_is_remembered_to_the_twelfth_word(decoder_class):
    """Before anything is learned; with torch's own start the last word hears a hundredth of what the first does."""
    decoder = decoder_class(vocabulary_size=VOCABULARY, image_dim=32, embedding_dim=64, hidden_dim=128)
    pooled, tokens = torch.randn(8, 32), torch.randint(3, VOCABULARY, (8, 12))

    def said(images):
        return decoder(ImageFeatures(images, images.unsqueeze(1)), tokens).logits

    changes = (said(pooled) - said(pooled.roll(1, 0))).norm(dim=-1).mean(0).tolist()
    assert changes[-1] > 0.04 * changes[0]


def test_the_image_at_every_step_is_a_cell_that_reads_words_and_image(features, tokens):
    """An LSTM cell over words and image side by side, with the input matrix once for each."""
    decoder = make(EveryStepLSTMDecoder)
    cell = nn.LSTMCell(2 * 6, 8).double()
    once = decoder.recurrent.weight_ih_l0
    cell.load_state_dict(
        {
            "weight_ih": torch.cat([once, once], dim=1),
            "weight_hh": decoder.recurrent.weight_hh_l0,
            "bias_ih": decoder.recurrent.bias_ih_l0,
            "bias_hh": decoder.recurrent.bias_hh_l0,
        }
    )
    image = decoder.image_input(features.pooled).repeat_interleave(2, dim=0)
    state = None
    for time, logits in enumerate(decoder(features, tokens).logits.unbind(1)):
        state = cell(torch.cat([decoder.embedding(tokens[:, time]), image], dim=1), state)
        torch.testing.assert_close(logits, decoder.to_logits(state[0]))


@pytest.mark.parametrize("decoder_class", [AttentionLSTMDecoder, HardAttentionLSTMDecoder, TopDownDecoder])
def test_attention_follows_regions_wherever_they_stand(decoder_class, features, tokens):
    decoder = make(decoder_class)
    order = torch.tensor([2, 0, 3, 1])
    here, there = decoder(features, tokens), decoder(features._replace(regions=features.regions[:, order]), tokens)
    torch.testing.assert_close(there.logits, here.logits)
    torch.testing.assert_close(there.attention, here.attention[..., order])


@pytest.mark.parametrize("decoder_class", [AttentionLSTMDecoder, TopDownDecoder])
def test_the_last_word_has_a_say_in_where_to_look(decoder_class, features, tokens):
    decoder = make(decoder_class)
    other = tokens.clone()
    other[:, 3] = (tokens[:, 3] - 2) % (VOCABULARY - 3) + 3
    before, after = decoder(features, tokens).attention, decoder(features, other).attention
    assert not torch.isclose(before[:, 3], after[:, 3]).all(-1).any()


def test_hard_attention_sees_the_likeliest_region_alone(features, tokens):
    """It is the soft decoder that is told to look there, and its gradient is that of soft attention there."""
    decoder = make(HardAttentionLSTMDecoder)
    reading = decoder.read(features, tokens, decoder.choose)
    assert torch.equal(reading.chosen.sum(-1), torch.ones_like(reading.chosen.sum(-1)))
    assert torch.equal(reading.chosen.argmax(-1), reading.attention.argmax(-1))
    looks = iter(reading.chosen.detach().unbind(1))
    told = decoder.read(features, tokens, lambda weights: next(looks).view(weights.shape))
    torch.testing.assert_close(told.logits, decoder(features, tokens).logits)
    decoder(features, tokens).logits.square().sum().backward()
    assert decoder.energy.weight.grad.abs().sum() > 0


def test_the_two_lstms_are_the_articles(features, tokens):
    """Anderson et al. 2018, section 3.2, with torch's cells, word by word."""
    decoder = make(TopDownDecoder)
    gates = 4 * 8
    look, speak = nn.LSTMCell(8 + 5 + 6, 8).double(), nn.LSTMCell(7 + 8, 8).double()
    from_speech, to_speech = decoder.from_last_speech.weight.chunk(2)
    words = decoder.from_words
    of_look, of_query = decoder.from_look.weight[:gates], decoder.from_look.weight[gates:]
    with torch.no_grad():
        look.weight_ih.copy_(torch.cat([from_speech, decoder.from_image.weight, words.weight], dim=1))
        look.weight_hh.copy_(decoder.from_last_look.weight)
        look.bias_ih.copy_(words.bias)
        look.bias_hh.zero_()
        speak.weight_ih.copy_(torch.cat([decoder.from_context.weight, of_look], dim=1))
        speak.weight_hh.copy_(to_speech)
        speak.bias_ih.copy_(decoder.from_look.bias[:gates])
        speak.bias_hh.zero_()
    pooled, regions = (part.repeat_interleave(2, dim=0) for part in features)
    first = second = (torch.zeros(6, 8).double(), torch.zeros(6, 8).double())
    output = decoder(features, tokens)
    for time in range(LENGTH):
        first = look(torch.cat([second[0], pooled, decoder.embedding(tokens[:, time])], dim=1), first)
        query = first[0] @ of_query.T + decoder.from_look.bias[gates:]
        weights = decoder.energy(torch.tanh(decoder.keys(regions) + query.unsqueeze(1))).squeeze(2).softmax(1)
        context = (weights.unsqueeze(2) * regions).sum(1)
        second = speak(torch.cat([context, first[0]], dim=1), second)
        torch.testing.assert_close(output.attention[:, time], weights)
        torch.testing.assert_close(output.logits[:, time], decoder.to_logits(second[0]))


def test_the_transformer_s_layers_are_torch_s(features, tokens):
    decoder = make_transformer(num_layers=1)
    layer = decoder.layers[0]
    theirs = nn.TransformerDecoderLayer(8, 2, 12, 0.0, F.gelu, batch_first=True, norm_first=True).double()
    theirs.multihead_attn = nn.MultiheadAttention(8, 2, batch_first=True).double()
    to_cross = layer.to_cross
    theirs.multihead_attn.load_state_dict(
        {
            "in_proj_weight": torch.cat([to_cross.weight, decoder.to_seen.weight]),
            "in_proj_bias": torch.cat([to_cross.bias, decoder.to_seen.bias]),
            "out_proj.weight": layer.from_cross.weight,
            "out_proj.bias": layer.from_cross.bias,
        }
    )
    pairs = {"norm1": layer.self_norm, "norm2": layer.cross_norm, "norm3": layer.change_norm}
    pairs |= {"linear1": layer.change[0], "linear2": layer.change[2], "self_attn.out_proj": layer.from_self}
    for name, module in pairs.items():
        theirs.get_submodule(name).load_state_dict(module.state_dict())
    theirs.self_attn.in_proj_weight.data, theirs.self_attn.in_proj_bias.data = layer.to_self.weight, layer.to_self.bias
    image = decoder.image(features.pooled).repeat_interleave(2, dim=0).unsqueeze(1)
    words = decoder.embedding(tokens) * 8**0.5 + decoder.positions[:LENGTH] + image
    regions = decoder.region_norm(decoder.regions(features.regions) + places_in_grid(REGIONS, 8)).repeat_interleave(
        2, dim=0
    )
    mask = nn.Transformer.generate_square_subsequent_mask(LENGTH).double()
    expected = decoder.to_logits(decoder.norm(theirs(words, regions, tgt_mask=mask, tgt_is_causal=True)))
    torch.testing.assert_close(decoder(features, tokens).logits, expected)


def test_the_transformer_refuses_captions_longer_than_the_data_s(features):
    decoder = make_transformer(max_length=4)
    with pytest.raises(ValueError, match=r"5 tokens .* longer than the 4 of the data .* data\.max_length"):
        decoder(features, torch.full((IMAGES, 5), BOS_ID))
    memory = decoder.encode_memory(features)
    state = decoder.initial_state(memory)
    for _ in range(4):
        _, state = decoder.step(torch.full((IMAGES,), BOS_ID), memory, state)
    with pytest.raises(ValueError, match="5 tokens"):
        decoder.step(torch.full((IMAGES,), BOS_ID), memory, state)


def test_tied_words_are_one_matrix_and_fixed_positions_do_not_learn(features, tokens):
    decoder = make_transformer(tied_words=True, learned_positions=False)
    assert decoder.to_logits.weight is decoder.embedding.weight
    assert make_transformer().to_logits.weight is not make_transformer().embedding.weight
    decoder(features, tokens).logits.square().sum().backward()
    assert decoder.positions.grad is None
    assert "positions" in decoder.state_dict()


def test_places_of_a_grid_tell_rows_from_columns():
    """Regions of one row share the first half, regions of one column the second; other grids are one row."""
    places = places_in_grid(9, 8).unflatten(0, (3, 3))
    assert torch.equal(places[:, 0, :4], places[:, 2, :4])
    assert torch.equal(places[0, :, 4:], places[2, :, 4:])
    assert len({tuple(row) for row in places.flatten(0, 1).tolist()}) == 9
    assert len({tuple(row) for row in places_in_grid(6, 8).tolist()}) == 6


@pytest.mark.parametrize(("values", "said"), [({"dim": 10}, "dim=10"), ({"num_layers": 0}, "num_layers=0")])
def test_sizes_that_cannot_be_are_refused_by_name(values, said):
    with pytest.raises(ValueError, match=f"caption_decoder.{said}"):
        make_transformer(**values)


def test_latents_that_do_not_divide_evenly_among_the_images_are_refused():
    features = ImageFeatures(torch.zeros(2, 3), torch.zeros(2, 4, 5))
    assert with_latents(features, torch.ones(4, 1)).pooled.tolist() == [[0, 0, 0, 1]] * 4
    with pytest.raises(ValueError, match="5 captions do not divide evenly among 2 images"):
        with_latents(features, torch.ones(5, 1))
    with pytest.raises(ValueError, match="1 captions do not divide evenly among 0 images"):
        repeat_rows(torch.zeros(0), 1)
