"""A discriminator of captions: it reads sentences up to their end, and no padding."""

import pytest
import torch
from torch.nn import functional as F

from diptych.models.gan.caption_discriminator import CaptionDiscriminator
from diptych.types import EOS_ID

WORDS = 9


@pytest.fixture
def discriminator():
    torch.manual_seed(0)
    return CaptionDiscriminator(vocabulary_size=WORDS, image_dim=6, embedding_dim=5, hidden_dim=8)


@pytest.fixture
def pairs():
    tokens = torch.tensor([[4, 5, EOS_ID, 0], [6, EOS_ID, 0, 0], [7, 7, 7, EOS_ID], [5, EOS_ID, 0, 0]])
    return torch.randn(2, 6, generator=torch.Generator().manual_seed(1)), tokens, tokens != 0


def test_padding_changes_no_score(discriminator, pairs):
    pooled, tokens, mask = pairs
    longer = F.pad(tokens, (0, 3), value=8)
    scores = discriminator(pooled, tokens, mask)
    torch.testing.assert_close(discriminator(pooled, longer, F.pad(mask, (0, 3))), scores)
    other = tokens.masked_fill(~mask, 8)
    torch.testing.assert_close(discriminator(pooled, other, mask), scores)


def test_each_row_belongs_to_its_image(discriminator, pairs):
    pooled, tokens, mask = pairs
    alone = torch.cat([discriminator(pooled[i : i + 1], tokens[2 * i :][:2], mask[2 * i :][:2]) for i in range(2)])
    torch.testing.assert_close(discriminator(pooled, tokens, mask), alone)
    assert (discriminator(pooled.flip(0), tokens, mask) - alone).abs().min() > 1e-4


def test_one_hot_words_score_as_tokens(discriminator, pairs):
    pooled, tokens, mask = pairs
    words = F.one_hot(tokens, WORDS).float()
    torch.testing.assert_close(discriminator.of_relaxed(pooled, words, mask), discriminator(pooled, tokens, mask))


def test_a_sentence_of_the_end_alone_has_a_score(discriminator):
    end = torch.tensor([[EOS_ID]])
    assert discriminator(torch.zeros(1, 6), end, end != 0).isfinite().all()
