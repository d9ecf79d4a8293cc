"""An LSTM with soft attention over image regions: Show, Attend and Tell.

Xu et al. 2015 (arXiv:1502.03044): additive attention, the gate beta on the context (a scalar, section 4.2.1), the deep
output layer of equation 7. Two deviations. The query depends on the last word as well as on the last hidden state;
otherwise "a small red" could not attend to red regions before it names the shape. The initial state comes from the
encoder's pooled vector, not from the mean of the regions.

All that depends on the image or on known words alone stays outside the time loop: the keys, the regions' share of
gates and output, the words' share of gates and query, and the output layer. A time step is one product with the last
hidden state (gates, query and beta together) and the attention: what gates and output take of a mean of regions is the
mean of what they take of each.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from diptych.models.caption_decoders.interface import DecoderOutput, State, Step, repeat_rows
from diptych.types import ImageFeatures

Weights = Float[Tensor, "images captions regions"]
Choose = Callable[[Weights], Weights]
"""From attention weights to those that the context is a mean by: the same, or one region alone."""


class Memory(NamedTuple):
    """Of an image's regions: what gates and output take of each (the values), and the keys; and the pooled vector."""

    values: Float[Tensor, "images regions gates+embedding"]
    keys: Float[Tensor, "images regions attention_dim"]
    pooled: Float[Tensor, "images dim"]


class Reading(NamedTuple):
    """A teacher-forced pass: logits, attention weights, and what was chosen by them for each token."""

    logits: Float[Tensor, "rows length vocabulary"]
    attention: Float[Tensor, "rows length regions"]
    chosen: Float[Tensor, "rows length regions"]


class AttentionLSTMDecoder(nn.Module):
    """Soft attention over `features.regions`: the context is their mean by the weights."""

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
        self.embedding = nn.Embedding(vocabulary_size, embedding_dim)
        self.initial = nn.Linear(image_dim, 2 * hidden_dim)
        self.keys = nn.Linear(region_dim, attention_dim)
        self.energy = nn.Linear(attention_dim, 1, bias=False)
        self.from_words = nn.Linear(embedding_dim, 4 * hidden_dim + attention_dim)
        self.from_hidden = nn.Linear(hidden_dim, 4 * hidden_dim + attention_dim + 1)
        self.from_context = nn.Linear(region_dim, 4 * hidden_dim, bias=False)
        self.hidden_to_output = nn.Linear(hidden_dim, embedding_dim)
        self.context_to_output = nn.Linear(region_dim, embedding_dim, bias=False)
        self.to_logits = nn.Linear(embedding_dim, vocabulary_size)
        self.dropout = nn.Dropout(dropout)

    def forward(self, features: ImageFeatures, tokens: Int[Tensor, "rows length"]) -> DecoderOutput:
        reading = self.read(features, tokens, self.choose)
        return DecoderOutput(reading.logits, reading.attention)

    @staticmethod
    def choose(weights: Weights) -> Weights:
        """What the context is a mean by, wherever nobody chooses otherwise: the weights themselves."""
        return weights

    def read(self, features: ImageFeatures, tokens: Int[Tensor, "rows length"], choose: Choose) -> Reading:
        """As `forward`, with contexts by what `choose` makes of each token's weights, from left to right."""
        memory = self.encode_memory(features)
        hidden, cell = (repeat_rows(leaf, tokens.shape[0]) for leaf in self.initial_state(memory))
        embedded = self.dropout(self.embedding(tokens))
        hiddens, contexts, attentions, choices = [], [], [], []
        for from_words in self.from_words(embedded).unbind(1):
            hidden, cell, context, weights, chosen = self._advance(from_words, memory, hidden, cell, choose)
            hiddens.append(hidden)
            contexts.append(context)
            attentions.append(weights.flatten(0, 1))
            choices.append(chosen.flatten(0, 1))
        logits = self._output(embedded, torch.stack(hiddens, 1), torch.stack(contexts, 1))
        return Reading(logits, torch.stack(attentions, 1), torch.stack(choices, 1))

    def encode_memory(self, features: ImageFeatures) -> Memory:
        weight = torch.cat([self.from_context.weight, self.context_to_output.weight])
        return Memory(F.linear(features.regions, weight), self.keys(features.regions), features.pooled)

    def initial_state(self, memory: Memory) -> State:
        hidden, cell = self.initial(memory.pooled).chunk(2, dim=-1)
        return torch.tanh(hidden), cell

    def step(self, tokens: Int[Tensor, " rows"], memory: Memory, state: State) -> Step:
        hidden, cell = state
        embedded = self.dropout(self.embedding(tokens))
        hidden, cell, context, _, _ = self._advance(self.from_words(embedded), memory, hidden, cell, self.choose)
        return self._output(embedded, hidden, context), (hidden, cell)

    def _advance(
        self, from_words: Tensor, memory: Memory, hidden: Tensor, cell: Tensor, choose: Choose
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        from_hidden, beta = self.from_hidden(hidden).split([4 * self.hidden_dim + self.attention_dim, 1], dim=-1)
        gates, query = (from_words + from_hidden).split([4 * self.hidden_dim, self.attention_dim], dim=-1)
        weights = attention_weights(memory.keys, query, self.energy)
        chosen = choose(weights)
        context = torch.sigmoid(beta) * (chosen @ memory.values).flatten(0, 1)
        from_context, to_output = context.tensor_split([4 * self.hidden_dim], dim=-1)
        hidden, cell = lstm_update(gates + from_context, cell)
        return hidden, cell, to_output, weights, chosen

    def _output(self, embedded: Tensor, hidden: Tensor, context: Tensor) -> Tensor:
        mixed = embedded + self.hidden_to_output(hidden) + context
        return self.to_logits(self.dropout(mixed))


def attention_weights(
    keys: Float[Tensor, "images regions attention_dim"],
    queries: Float[Tensor, "rows attention_dim"],
    energy: nn.Module,
) -> Weights:
    """Additive attention (Bahdanau et al. 2015, arXiv:1409.0473); the k queries of an image share its keys."""
    queries = queries.view(keys.shape[0], -1, 1, keys.shape[-1])
    return energy(torch.tanh(keys.unsqueeze(1) + queries)).squeeze(-1).softmax(dim=-1)


def lstm_update(gates: Float[Tensor, "rows gates"], cell: Float[Tensor, "rows dim"]) -> tuple[Tensor, Tensor]:
    """The next hidden state and cell, of the sums that enter the gates (input, forget, candidate, output)."""
    input_gate, forget_gate, candidate, output_gate = gates.chunk(4, dim=-1)
    cell = torch.sigmoid(forget_gate) * cell + torch.sigmoid(input_gate) * torch.tanh(candidate)
    return torch.sigmoid(output_gate) * torch.tanh(cell), cell
