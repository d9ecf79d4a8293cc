"""Recurrent caption decoders in the manner of Show and Tell (Vinyals et al. 2015, arXiv:1411.4555).

The pooled image vector is the recurrent network's first input; the words follow. Teacher forcing runs the whole
sequence in one fused call and multiplies with the vocabulary matrix once.

Every caption decoder has these methods; `diptych.decoding` needs the last three:

`forward(features, tokens) -> (logits, attention)`  logits[:, t] predict the token that follows tokens[:, t];
`encode_memory(features) -> memory`                 all that depends on the image alone, computed once;
`initial_state(memory) -> state`                    the state before <bos>; a tuple of tensors, batch first;
`step(tokens, memory, state) -> (logits, state)`    one token further.

An image may have k captions: tokens and state then have k rows per image, side by side, and the image is encoded
once. `attention` is None where a decoder does not attend.
"""

from collections.abc import Callable
from typing import ClassVar, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from diptych.types import ImageFeatures

State = tuple[Tensor, ...]
Step = tuple[Float[Tensor, "rows vocabulary"], State]


class DecoderOutput(NamedTuple):
    """Teacher-forced logits, and the attention weights of each token (rows sum to one); None without attention."""

    logits: Float[Tensor, "rows length vocabulary"]
    attention: Float[Tensor, "rows length regions"] | None


class RecurrentDecoder(nn.Module):
    """One recurrent layer over the image vector and the words; subclasses name the layer."""

    layer: ClassVar[Callable[..., nn.RNNBase]]

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
        self.image_input = nn.Linear(image_dim, embedding_dim)
        self.embedding = nn.Embedding(vocabulary_size, embedding_dim)
        self.recurrent = self.layer(embedding_dim, hidden_dim, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.to_logits = nn.Linear(hidden_dim, vocabulary_size)

    def forward(self, features: ImageFeatures, tokens: Int[Tensor, "rows length"]) -> DecoderOutput:
        first = repeat_rows(self.encode_memory(features), len(tokens))
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


class RNNDecoder(RecurrentDecoder):
    """Vanilla recurrent network, h_t = tanh(W x_t + U h_{t-1} + b), with b the sum of torch's two bias vectors."""

    layer = nn.RNN


class GRUDecoder(RecurrentDecoder):
    """Gated recurrent unit (Cho et al. 2014, arXiv:1406.1078)."""

    layer = nn.GRU


class LSTMDecoder(RecurrentDecoder):
    """Long short-term memory, the decoder of Show and Tell."""

    layer = nn.LSTM


def repeat_rows(tensor: Tensor, rows: int) -> Tensor:
    """Each row repeated to give `rows` in all, copies side by side."""
    times, rest = divmod(rows, len(tensor))
    if rest:
        raise ValueError(f"{rows} captions do not divide evenly among {len(tensor)} images")
    return tensor.repeat_interleave(times, dim=0)
