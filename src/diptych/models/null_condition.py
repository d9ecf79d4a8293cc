"""No sentence, as networks are told it that learn with sentences and without: for guidance."""

import torch
from jaxtyping import Bool
from torch import Tensor, nn
from torch.nn import functional as F

from diptych.types import TextFeatures


class NullCondition(nn.Module):
    """What a network is told where there is no sentence: a learned vector, and one learned word.

    No sentence is encoded so, and padding neither, whose words are masked.
    """

    def __init__(self, sentence_dim: int, word_dim: int) -> None:
        super().__init__()
        self.sentence = nn.Parameter(torch.randn(sentence_dim))
        self.word = nn.Parameter(torch.randn(word_dim))

    def forward(self, number: int) -> TextFeatures:
        """The same for `number` images."""
        words = self.word.expand(number, 1, -1)
        return TextFeatures(self.sentence.expand(number, -1), words, words.new_ones(number, 1, dtype=torch.bool))

    def in_place_of(self, text: TextFeatures, dropped: Bool[Tensor, " batch"]) -> TextFeatures:
        """The sentences, but for those that are dropped."""
        number, length = text.mask.shape
        null = self(number)
        words = F.pad(null.words, (0, 0, 0, length - 1))
        mask = F.pad(null.mask, (0, length - 1))
        return TextFeatures(
            torch.where(dropped[:, None], null.sentence.to(text.sentence), text.sentence),
            torch.where(dropped[:, None, None], words.to(text.words), text.words),
            torch.where(dropped[:, None], mask, text.mask),
        )
