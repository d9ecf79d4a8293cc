"""An LSTM with soft attention over image regions: Show, Attend and Tell.

Xu et al. 2015 (arXiv:1502.03044): additive attention, the gate beta on the context (a scalar, section 4.2.1), the deep
output layer of equation 7. Two deviations. The query depends on the last word as well as on the last hidden state;
otherwise "a small red" could not attend to red regions before it names the shape. The initial state comes from the
encoder's pooled vector, not from the mean of the regions.

All that depends on the image or on known words alone stays outside the time loop: the keys, the words' share of gates
and query, and the output layer. A time step is one product with the last hidden state (gates, query and beta
together), the attention, and one product with the context.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from diptych.models.caption_decoders import DecoderOutput, State, Step, repeat_rows
from diptych.types import ImageFeatures


class Memory(NamedTuple):
    """An image's regions (the values), their projections (the keys), and the pooled vector."""

    regions: Float[Tensor, "images regions region_dim"]
    keys: Float[Tensor, "images regions attention_dim"]
    pooled: Float[Tensor, "images dim"]


class AttentionLSTMDecoder(nn.Module):
    """Soft attention over `features.regions`; the interface is that of `diptych.models.caption_decoders`."""

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
        memory = self.encode_memory(features)
        hidden, cell = (repeat_rows(leaf, len(tokens)) for leaf in self.initial_state(memory))
        embedded = self.dropout(self.embedding(tokens))
        hiddens, contexts, attentions = [], [], []
        for from_words in self.from_words(embedded).unbind(1):
            hidden, cell, context, attention = self._advance(from_words, memory, hidden, cell)
            hiddens.append(hidden)
            contexts.append(context)
            attentions.append(attention)
        logits = self._output(embedded, torch.stack(hiddens, 1), torch.stack(contexts, 1))
        return DecoderOutput(logits, torch.stack(attentions, 1))

    def encode_memory(self, features: ImageFeatures) -> Memory:
        return Memory(features.regions, self.keys(features.regions), features.pooled)

    def initial_state(self, memory: Memory) -> State:
        hidden, cell = self.initial(memory.pooled).chunk(2, dim=-1)
        return torch.tanh(hidden), cell

    def step(self, tokens: Int[Tensor, " rows"], memory: Memory, state: State) -> Step:
        embedded = self.dropout(self.embedding(tokens))
        hidden, cell, context, _ = self._advance(self.from_words(embedded), memory, *state)
        return self._output(embedded, hidden, context), (hidden, cell)

    def _advance(
        self, from_words: Tensor, memory: Memory, hidden: Tensor, cell: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        from_hidden, beta = self.from_hidden(hidden).split([4 * self.hidden_dim + self.attention_dim, 1], dim=-1)
        gates, query = (from_words + from_hidden).split([4 * self.hidden_dim, self.attention_dim], dim=-1)
        context, attention = self._attend(memory, query)
        context = torch.sigmoid(beta) * context
        input_gate, forget_gate, candidate, output_gate = (gates + self.from_context(context)).chunk(4, dim=-1)
        cell = torch.sigmoid(forget_gate) * cell + torch.sigmoid(input_gate) * torch.tanh(candidate)
        return torch.sigmoid(output_gate) * torch.tanh(cell), cell, context, attention

    def _attend(self, memory: Memory, query: Tensor) -> tuple[Tensor, Tensor]:
        """The context (weighted mean of the regions) and the weights; the k queries of an image share its keys."""
        images, regions = memory.keys.shape[:2]
        energy = self.energy(torch.tanh(memory.keys.unsqueeze(1) + query.view(images, -1, 1, self.attention_dim)))
        weights = energy.squeeze(-1).softmax(dim=-1)
        return (weights @ memory.regions).flatten(0, 1), weights.reshape(-1, regions)

    def _output(self, embedded: Tensor, hidden: Tensor, context: Tensor) -> Tensor:
        mixed = embedded + self.hidden_to_output(hidden) + self.context_to_output(context)
        return self.to_logits(self.dropout(mixed))
