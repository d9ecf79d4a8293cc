"""Two LSTMs, one that looks and one that speaks: the top-down half of Anderson et al. 2018 (arXiv:1707.07998).

The attention LSTM reads the last word, the image and what the language LSTM has come to; its state asks for regions.
The language LSTM reads the regions' mean and that state; words come from it. Regions are the encoder's grid in place of
detected objects, and the image is its pooled vector in place of the regions' mean.

All that depends on the image or on known words alone stays outside the time loop: the keys, the regions' share of the
language LSTM's gates, the image's and the words' share of the attention LSTM's gates, and the output layer. A time step
is three products, with both LSTMs' last states and with the new attention state (query and language gates together),
and the attention.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from diptych.models.caption_decoders.attention import attention_weights, lstm_update
from diptych.models.caption_decoders.interface import DecoderOutput, State, Step, repeat_rows
from diptych.types import ImageFeatures


class Memory(NamedTuple):
    """What language gates take of each region (the values), the keys, and the image's share of attention gates."""

    values: Float[Tensor, "images regions gates"]
    keys: Float[Tensor, "images regions attention_dim"]
    gates: Float[Tensor, "images gates"]


class TopDownDecoder(nn.Module):
    """An attention LSTM and a language LSTM over `features.regions`; both states are zero before <bos>.

    `State` is the hidden state and the cell of the attention LSTM, then those of the language LSTM.
    """

    def __init__(
        self,
        *,
        vocabulary_size: int,
        image_dim: int,
        region_dim: int,
        embedding_dim: int = 256,
        hidden_dim: int = 256,
        attention_dim: int = 256,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.hidden_dim, self.attention_dim = hidden_dim, attention_dim
        gates = 4 * hidden_dim
        self.embedding = nn.Embedding(vocabulary_size, embedding_dim)
        self.keys = nn.Linear(region_dim, attention_dim)
        self.energy = nn.Linear(attention_dim, 1, bias=False)
        self.from_image = nn.Linear(image_dim, gates, bias=False)
        self.from_words = nn.Linear(embedding_dim, gates)
        self.from_last_look = nn.Linear(hidden_dim, gates, bias=False)
        self.from_last_speech = nn.Linear(hidden_dim, 2 * gates, bias=False)
        self.from_look = nn.Linear(hidden_dim, gates + attention_dim)
        self.from_context = nn.Linear(region_dim, gates, bias=False)
        self.to_logits = nn.Linear(hidden_dim, vocabulary_size)
        self.dropout = nn.Dropout(dropout)

    def forward(self, features: ImageFeatures, tokens: Int[Tensor, "rows length"]) -> DecoderOutput:
        memory = self.encode_memory(features)
        state = tuple(repeat_rows(leaf, tokens.shape[0]) for leaf in self.initial_state(memory))
        known = self._known(tokens, memory)
        hiddens, attentions = [], []
        for gates in known.unbind(1):
            state, weights = self._advance(gates, memory, state)
            hiddens.append(state[2])
            attentions.append(weights)
        return DecoderOutput(self._output(torch.stack(hiddens, 1)), torch.stack(attentions, 1))

    def encode_memory(self, features: ImageFeatures) -> Memory:
        regions = features.regions
        return Memory(self.from_context(regions), self.keys(regions), self.from_image(features.pooled))

    def initial_state(self, memory: Memory) -> State:
        zero = memory.gates.new_zeros(memory.gates.shape[0], self.hidden_dim)
        return zero, zero, zero, zero

    def step(self, tokens: Int[Tensor, " rows"], memory: Memory, state: State) -> Step:
        state, _ = self._advance(self._known(tokens.unsqueeze(1), memory).squeeze(1), memory, state)
        return self._output(state[2]), state

    def _known(self, tokens: Int[Tensor, "rows length"], memory: Memory) -> Float[Tensor, "rows length gates"]:
        """What words and image put into the attention LSTM's gates."""
        words = self.from_words(self.dropout(self.embedding(tokens)))
        return words + repeat_rows(memory.gates, tokens.shape[0]).unsqueeze(1)

    def _advance(self, known: Tensor, memory: Memory, state: State) -> tuple[State, Tensor]:
        look, look_cell, speech, speech_cell = state
        from_speech, to_speech = self.from_last_speech(speech).chunk(2, dim=-1)
        look, look_cell = lstm_update(known + self.from_last_look(look) + from_speech, look_cell)
        from_look, query = self.from_look(look).split([4 * self.hidden_dim, self.attention_dim], dim=-1)
        weights = attention_weights(memory.keys, query, self.energy)
        from_context = (weights @ memory.values).flatten(0, 1)
        speech, speech_cell = lstm_update(to_speech + from_look + from_context, speech_cell)
        return (look, look_cell, speech, speech_cell), weights.flatten(0, 1)

    def _output(self, hidden: Tensor) -> Tensor:
        return self.to_logits(self.dropout(hidden))
