"""Recurrent caption decoders in the manner of Show and Tell (Vinyals et al. 2015, arXiv:1411.4555).

The pooled image vector is the recurrent network's first input and the words follow; or, in the decoders called
`…EveryStep…`, every word comes with it. The vector is normalised (Ba et al. 2016, arXiv:1607.06450), which gives it the
length that word embeddings begin with; a bare projection begins several times shorter and is not heard among them.
Every layer begins by remembering, or the image would be forgotten, with its gradient, before the third word is said.
Teacher forcing runs the whole sequence in one fused call and multiplies with the vocabulary matrix once.
"""

from collections.abc import Callable
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from diptych.models.caption_decoders.interface import DecoderOutput, State, Step, repeat_rows
from diptych.types import ImageFeatures

LONGEST_MEMORY = 30
"""Steps: captions of scenes have 12 to 15 words, those of photographs up to 20 or so."""


class RecurrentDecoder(nn.Module):
    """One recurrent layer over the image vector and then the words; subclasses name the layer."""

    layer: ClassVar[Callable[..., nn.RNNBase]]
    remember: ClassVar[Callable[[nn.RNNBase], None]]
    """Changes what a layer begins with, so that it keeps its state before it has learned what to forget."""

    def __init__(
        self,
        *,
        vocabulary_size: int,
        image_dim: int,
        embedding_dim: int = 256,
        hidden_dim: int = 256,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.image_input = nn.Sequential(nn.Linear(image_dim, embedding_dim), nn.LayerNorm(embedding_dim))
        self.embedding = nn.Embedding(vocabulary_size, embedding_dim)
        self.recurrent = self.layer(embedding_dim, hidden_dim, batch_first=True)
        type(self).remember(self.recurrent)
        self.dropout = nn.Dropout(dropout)
        self.to_logits = nn.Linear(hidden_dim, vocabulary_size)

    def forward(self, features: ImageFeatures, tokens: Int[Tensor, "rows length"]) -> DecoderOutput:
        first = repeat_rows(self.encode_memory(features), tokens.shape[0])
        inputs = torch.cat([first.unsqueeze(1), self.dropout(self.embedding(tokens))], dim=1)
        hidden, _ = self.recurrent(inputs)
        return DecoderOutput(self.to_logits(self.dropout(hidden[:, 1:])), None)

    def encode_memory(self, features: ImageFeatures) -> Float[Tensor, "images embedding"]:
        return self.image_input(features.pooled)

    def initial_state(self, memory: Tensor) -> State:
        return self._advance(memory, None)[1]

    def step(self, tokens: Int[Tensor, " rows"], memory: Tensor, state: State) -> Step:
        hidden, state = self._advance(self.dropout(self.embedding(tokens)), state)
        return self.to_logits(self.dropout(hidden)), state

    def _advance(self, inputs: Tensor, state: State | None) -> tuple[Tensor, State]:
        """One time step. torch puts the layer axis first and leaves the GRU's and RNN's state bare; we do neither."""
        packed = None if state is None else tuple(leaf.unsqueeze(0).contiguous() for leaf in state)
        if packed is not None and len(packed) == 1:
            packed = packed[0]
        hidden, last = self.recurrent(inputs.unsqueeze(1), packed)
        leaves = last if isinstance(last, tuple) else (last,)
        return hidden.squeeze(1), tuple(leaf.squeeze(0) for leaf in leaves)


def keep_lengths(layer: nn.RNNBase) -> None:
    """An orthogonal matrix between hidden states, which neither shrinks nor grows (Saxe et al., arXiv:1312.6120)."""
    nn.init.orthogonal_(layer.get_parameter("weight_hh_l0"))


def keep_for_a_caption(layer: nn.RNNBase) -> None:
    """Biases of the gate that keeps the state, with which units begin to remember for 1 to LONGEST_MEMORY steps.

    It is the second gate in torch's order: an LSTM's forget gate, a GRU's update gate. A bias of log t keeps for about
    t steps (Tallec & Ollivier 2018, arXiv:1804.11188, equation 16; the input gate's bias stays as it is, unlike there).
    """
    size = layer.hidden_size
    with torch.no_grad():
        layer.get_parameter("bias_ih_l0")[size : 2 * size].uniform_(1, LONGEST_MEMORY).log_()
        layer.get_parameter("bias_hh_l0")[size : 2 * size].zero_()


class RNNDecoder(RecurrentDecoder):
    """Vanilla recurrent network, h_t = tanh(W x_t + U h_{t-1} + b), with b the sum of torch's two bias vectors."""

    layer, remember = nn.RNN, staticmethod(keep_lengths)


class GRUDecoder(RecurrentDecoder):
    """Gated recurrent unit (Cho et al. 2014, arXiv:1406.1078)."""

    layer, remember = nn.GRU, staticmethod(keep_for_a_caption)


class LSTMDecoder(RecurrentDecoder):
    """Long short-term memory, the decoder of Show and Tell."""

    layer, remember = nn.LSTM, staticmethod(keep_for_a_caption)


class EveryStepDecoder(RecurrentDecoder):
    """The image vector with every word, added to its embedding; the state before <bos> is zero.

    A sum before the input matrix W is a concatenation behind it, with one matrix for both: W (x + i) = W x + W i. Of
    the places for the image that Donahue et al. 2015 (arXiv:1411.4389) and Mao et al. 2015 (arXiv:1412.6632) compare.
    """

    def forward(self, features: ImageFeatures, tokens: Int[Tensor, "rows length"]) -> DecoderOutput:
        image = repeat_rows(self.encode_memory(features), tokens.shape[0])
        inputs = image.unsqueeze(1) + self.dropout(self.embedding(tokens))
        hidden, _ = self.recurrent(inputs)
        return DecoderOutput(self.to_logits(self.dropout(hidden)), None)

    def initial_state(self, memory: Tensor) -> State:
        return tuple(torch.zeros_like(leaf) for leaf in super().initial_state(memory))

    def step(self, tokens: Int[Tensor, " rows"], memory: Tensor, state: State) -> Step:
        image = repeat_rows(memory, tokens.shape[0])
        hidden, state = self._advance(image + self.dropout(self.embedding(tokens)), state)
        return self.to_logits(self.dropout(hidden)), state


class EveryStepRNNDecoder(EveryStepDecoder):
    """Vanilla recurrent network with the image at every step."""

    layer, remember = nn.RNN, staticmethod(keep_lengths)


class EveryStepGRUDecoder(EveryStepDecoder):
    """Gated recurrent unit with the image at every step."""

    layer, remember = nn.GRU, staticmethod(keep_for_a_caption)


class EveryStepLSTMDecoder(EveryStepDecoder):
    """Long short-term memory with the image at every step."""

    layer, remember = nn.LSTM, staticmethod(keep_for_a_caption)
