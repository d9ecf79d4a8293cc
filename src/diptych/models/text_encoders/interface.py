"""What every text encoder is: it reads sentences, and may whiten its vectors."""

from abc import ABC, abstractmethod

from torch import nn

from diptych.models.whitening import Whitening
from diptych.types import Sentences, TextFeatures


class TextEncoder(nn.Module, ABC):
    """From sentences to a vector of `sentence_dim` numbers a sentence, and one of `word_dim` a word.

    With a `whitening_floor` the sentences' vectors are whitened, once a system has learned how (text pretraining does).
    """

    def __init__(self, *, word_dim: int, sentence_dim: int, whitening_floor: float | None = None) -> None:
        super().__init__()
        self.word_dim, self.sentence_dim = word_dim, sentence_dim
        self.whitening = None if whitening_floor is None else Whitening(sentence_dim, whitening_floor)

    @abstractmethod
    def read(self, sentences: Sentences) -> TextFeatures:
        """The vectors before they are whitened."""

    def forward(self, sentences: Sentences) -> TextFeatures:
        text = self.read(sentences)
        return text if self.whitening is None else text._replace(sentence=self.whitening(text.sentence))
