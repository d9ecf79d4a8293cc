"""Laws of every caption decoder, and the formula of each."""

import pytest
import torch

from diptych.models.attention_decoder import AttentionLSTMDecoder
from diptych.models.caption_decoders import GRUDecoder, LSTMDecoder, RNNDecoder, repeat_rows
from diptych.types import BOS_ID, ImageFeatures

VOCABULARY, IMAGES, LENGTH, REGIONS = 11, 3, 6, 4
DECODERS = (RNNDecoder, GRUDecoder, LSTMDecoder, AttentionLSTMDecoder)


def make(decoder_class, **values):
    sizes = {"vocabulary_size": VOCABULARY, "image_dim": 5, "embedding_dim": 6, "hidden_dim": 8}
    if decoder_class is AttentionLSTMDecoder:
        sizes |= {"region_dim": 7, "attention_dim": 9}
    return decoder_class(**sizes, **values).double().eval()


@pytest.fixture(params=DECODERS, ids=lambda decoder: decoder.__name__)
def decoder(request):
    return make(request.param)


@pytest.fixture
def features():
    return ImageFeatures(torch.randn(IMAGES, 5).double(), torch.randn(IMAGES, REGIONS, 7).double())


@pytest.fixture
def tokens():
    """Two captions of each image, side by side."""
    tokens = torch.randint(3, VOCABULARY, (2 * IMAGES, LENGTH))
    tokens[:, 0] = BOS_ID
    return tokens


def test_teacher_forcing_gives_the_logits_of_single_steps(decoder, features, tokens):
    logits = decoder(features, tokens).logits
    memory = decoder.encode_memory(features)
    state = tuple(leaf.repeat_interleave(2, dim=0) for leaf in decoder.initial_state(memory))
    for time in range(LENGTH):
        step_logits, state = decoder.step(tokens[:, time], memory, state)
        torch.testing.assert_close(step_logits, logits[:, time])


def test_no_token_depends_on_later_ones(decoder, features, tokens):
    changed = tokens.clone()
    changed[:, 4:] = 3
    before, after = decoder(features, tokens).logits, decoder(features, changed).logits
    torch.testing.assert_close(before[:, :4], after[:, :4])
    assert not torch.allclose(before[:, 4:], after[:, 4:])


def test_captions_of_one_image_are_decoded_as_if_each_had_its_own(decoder, features, tokens):
    together = decoder(features, tokens)
    alone = decoder(ImageFeatures(*(part.repeat_interleave(2, dim=0) for part in features)), tokens)
    torch.testing.assert_close(together.logits, alone.logits)
    torch.testing.assert_close(together.attention, alone.attention)


def test_logits_depend_on_the_image_and_their_gradient_reaches_it(decoder, features, tokens):
    features = ImageFeatures(*(part.requires_grad_() for part in features))
    decoder(features, tokens).logits[:, -1].sum().backward()
    assert features.pooled.grad.abs().sum(1).all()
    assert isinstance(decoder, AttentionLSTMDecoder) == (features.regions.grad is not None)


def test_captions_that_do_not_divide_among_the_images_are_refused(decoder, features, tokens):
    with pytest.raises((ValueError, RuntimeError)):
        decoder(features, tokens[:-1])


def test_dropout_acts_in_training_only(features, tokens):
    for decoder_class in DECODERS:
        decoder = make(decoder_class, dropout=0.5)
        assert torch.equal(decoder(features, tokens).logits, decoder(features, tokens).logits)
        decoder.train()
        assert not torch.equal(decoder(features, tokens).logits, decoder(features, tokens).logits)


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


def test_only_the_decoder_that_attends_has_attention(decoder, features, tokens):
    assert (decoder(features, tokens).attention is None) != isinstance(decoder, AttentionLSTMDecoder)


def test_attention_sums_to_one(features, tokens):
    attention = make(AttentionLSTMDecoder)(features, tokens).attention
    assert attention.shape == (2 * IMAGES, LENGTH, REGIONS)
    assert (attention > 0).all()
    torch.testing.assert_close(attention.sum(-1), torch.ones(2 * IMAGES, LENGTH).double())


def test_attention_follows_regions_wherever_they_stand(features, tokens):
    decoder = make(AttentionLSTMDecoder)
    order = torch.tensor([2, 0, 3, 1])
    here, there = decoder(features, tokens), decoder(features._replace(regions=features.regions[:, order]), tokens)
    torch.testing.assert_close(there.logits, here.logits)
    torch.testing.assert_close(there.attention, here.attention[..., order])


def test_the_last_word_has_a_say_in_where_to_look(features, tokens):
    decoder = make(AttentionLSTMDecoder)
    other = tokens.clone()
    other[:, 3] = (tokens[:, 3] - 2) % (VOCABULARY - 3) + 3
    before, after = decoder(features, tokens).attention, decoder(features, other).attention
    assert not torch.isclose(before[:, 3], after[:, 3]).all(-1).any()
