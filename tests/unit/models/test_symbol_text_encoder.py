"""The oracle encoder, given symbols that a test makes up."""

import torch

from diptych.models.text_encoders import SymbolTextEncoder
from diptych.types import Sentences


class Letters:
    """Two facts: whether a sentence has an x and a y, and whether it has a z."""

    num_facts, num_symbols = 2, 3

    def __call__(self, texts):
        return torch.tensor(
            [[["x" in text, "y" in text, False], [False, False, "z" in text]] for text in texts]
        ).float()


def read(encoder, *texts):
    tokens = torch.ones(len(texts), 2, dtype=torch.long)
    return encoder(Sentences(texts, tokens, tokens > 0))


def test_its_sentences_can_be_whitened():
    encoder = SymbolTextEncoder(symbols=Letters(), word_dim=4, sentence_dim=5, whitening_floor=1e-4)
    texts = ("x", "y", "z", "x z", "y z", "x y z", "")
    before = read(encoder, *texts)
    encoder.whitening.observe(before.sentence)
    encoder.whitening.settle()
    after = read(encoder, *texts)
    torch.testing.assert_close(after.sentence.mean(0), torch.zeros(5), rtol=0, atol=1e-5)
    assert torch.equal(after.words, before.words)


def test_a_sentence_is_a_function_of_its_symbols_and_not_their_sum():
    encoder = SymbolTextEncoder(symbols=Letters(), word_dim=4, sentence_dim=5)
    text = read(encoder, "x z", "z, then x", "x", "z", "")
    assert torch.equal(text.sentence[0], text.sentence[1])
    both, alone = text.sentence[0] + text.sentence[4], text.sentence[2] + text.sentence[3]
    assert not torch.allclose(both, alone, atol=1e-3)


def test_a_fact_that_is_not_stated_is_no_word():
    text = read(SymbolTextEncoder(symbols=Letters(), word_dim=4, sentence_dim=5), "z", "y", "")
    assert text.mask.tolist() == [[False, True], [True, False], [False, False]]
    assert torch.equal(text.words.any(2), text.mask)


def test_every_parameter_gets_a_gradient():
    encoder = SymbolTextEncoder(symbols=Letters(), word_dim=4, sentence_dim=5)
    text = read(encoder, "x y", "z", "x z", "y z")
    (text.sentence.square().sum() + text.words.square().sum()).backward()
    assert all(p.grad.any() for p in encoder.parameters())
