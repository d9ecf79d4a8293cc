"""What every encoder of the data's tokens promises."""

from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from diptych.models.text_encoders import (
    BagOfWordsTextEncoder,
    GRUTextEncoder,
    LSTMTextEncoder,
    PooledGRUTextEncoder,
    RNNTextEncoder,
    TfidfTextEncoder,
    TransformerTextEncoder,
    WordVectorTextEncoder,
)
from diptych.types import BOS_ID, EOS_ID, PAD_ID, SPECIAL_TOKENS, DataSpec, Sentences

SPEC = DataSpec("letters", 8, 3, (*SPECIAL_TOKENS, *"abcde"), max_length=6)
RECURRENT = [
    partial(kind, vocabulary_size=9, embedding_dim=5, word_dim=8, sentence_dim=7)
    for kind in (RNNTextEncoder, GRUTextEncoder, LSTMTextEncoder, PooledGRUTextEncoder)
]
TRANSFORMER = partial(TransformerTextEncoder, vocabulary_size=9, word_dim=8, sentence_dim=7, num_heads=2, hidden_dim=6)
WITH_ORDER = [*RECURRENT, TRANSFORMER]
WITHOUT_ORDER = [
    partial(BagOfWordsTextEncoder, vocabulary_size=9, sentence_dim=7),
    partial(TfidfTextEncoder, vocabulary_size=9, sentence_dim=7),
    partial(WordVectorTextEncoder, data_spec=SPEC, sentence_dim=7),
]
SENTENCES = [[BOS_ID, 4, 5, 6, 7, EOS_ID], [BOS_ID, 6, 4, EOS_ID, PAD_ID, PAD_ID], [BOS_ID, EOS_ID] + 4 * [PAD_ID]]


def name_of(make):
    return make.func.__name__


@pytest.fixture(params=[*WITH_ORDER, *WITHOUT_ORDER], ids=name_of)
def encoder(request):
    torch.manual_seed(0)
    return request.param()


def read(encoder, tokens):
    return encoder(Sentences(("",) * len(tokens), tokens, tokens != PAD_ID))


def test_features_have_the_published_sizes(encoder):
    text = read(encoder, torch.tensor(SENTENCES))
    assert text.sentence.shape == (3, encoder.sentence_dim) == (3, 7)
    assert text.words.shape == (3, 6, encoder.word_dim)
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


@pytest.mark.parametrize("make", WITH_ORDER, ids=name_of)
def test_the_order_of_words_matters(make):
    torch.manual_seed(0)
    there, back = read(make(), torch.tensor([[BOS_ID, 4, 5, 6, EOS_ID], [BOS_ID, 6, 5, 4, EOS_ID]])).sentence
    assert not torch.allclose(there, back, atol=1e-3)


@pytest.mark.parametrize("make", WITHOUT_ORDER, ids=name_of)
def test_the_order_of_words_does_not_matter(make):
    there, back = read(make(), torch.tensor([[BOS_ID, 4, 5, 6, EOS_ID], [BOS_ID, 6, 5, 4, EOS_ID]])).sentence
    assert torch.allclose(there, back, atol=1e-6)


def test_every_parameter_gets_a_gradient(encoder):
    read(encoder, torch.tensor(SENTENCES)).sentence.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in encoder.parameters())


def test_an_empty_sentence_is_finite(encoder):
    assert read(encoder, torch.full((2, 3), PAD_ID)).sentence.isfinite().all()


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


@pytest.mark.parametrize("make", [*WITH_ORDER, *WITHOUT_ORDER], ids=name_of)
def test_every_encoder_can_whiten_its_sentences_and_leaves_words_alone(make):
    torch.manual_seed(0)
    encoder, tokens = make(whitening_floor=1e-9), torch.randint(4, 9, (200, 6))
    before = read(encoder, tokens)
    encoder.whitening.observe(before.sentence)
    encoder.whitening.settle()
    after = read(encoder, tokens)
    torch.testing.assert_close(after.sentence, encoder.whitening(before.sentence))
    torch.testing.assert_close(after.sentence.square().mean(), torch.tensor(1.0), rtol=1e-2, atol=0)
    assert torch.equal(after.words, before.words)
    assert not make().state_dict().keys() & {"whitening.matrix"}
