"""Compare our attention decoder with the usual per-step loop of public captioners, forward and backward, as Markdown.

`python benchmarks/attention_decoder.py` gives both the same weights and prints how far their logits agree
(tests/numerics checks the gradients as well); then it alternates them in one process, so that other programs slow both
alike, and compares medians. The loop is that of the well-known tutorials: at every word it projects all regions again
and multiplies with the vocabulary. With several captions an image it is given the image once for each;
ours projects an image's regions once for all.
"""

from itertools import product
from statistics import median
from time import perf_counter

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from diptych.models.caption_decoders import AttentionLSTMDecoder, repeat_rows
from diptych.types import ImageFeatures

VOCABULARY, REGIONS, REGION_DIM = 9_490, 49, 2_048
BATCH_SIZE, LENGTH = 20, 14
DIMS = (256, 512)
CAPTIONS = (1, 5)
"""Of an image; the number of captions in a batch stays the same."""
ROUNDS, WARMUP_ROUNDS = 9, 1


class PerStepDecoder(nn.Module):
    """The same function as `AttentionLSTMDecoder`, word by word."""

    def __init__(self, decoder: AttentionLSTMDecoder) -> None:
        super().__init__()
        hidden, embedding = decoder.hidden_dim, decoder.embedding.embedding_dim
        gates = 4 * hidden
        words, recurrent = decoder.from_words, decoder.from_hidden
        self.embedding, self.initial, self.vocabulary = decoder.embedding, decoder.initial, decoder.to_logits
        self.keys, self.energy = decoder.keys, decoder.energy
        self.hidden_to_output, self.context_to_output = decoder.hidden_to_output, decoder.context_to_output
        self.cell = nn.LSTMCell(embedding + decoder.from_context.in_features, hidden)
        self.query_of_word = nn.Linear(embedding, decoder.attention_dim)
        self.query_of_hidden = nn.Linear(hidden, decoder.attention_dim)
        self.beta = nn.Linear(hidden, 1)
        with torch.no_grad():
            self.cell.weight_ih.copy_(torch.cat([words.weight[:gates], decoder.from_context.weight], dim=1))
            self.cell.weight_hh.copy_(recurrent.weight[:gates])
            self.cell.bias_ih.copy_(words.bias[:gates])
            self.cell.bias_hh.copy_(recurrent.bias[:gates])
            _copy(self.query_of_word, words, slice(gates, None))
            _copy(self.query_of_hidden, recurrent, slice(gates, -1))
            _copy(self.beta, recurrent, slice(-1, None))

    def forward(self, features: ImageFeatures, tokens: Tensor) -> Tensor:
        hidden, cell = self.initial(features.pooled).chunk(2, dim=-1)
        hidden = torch.tanh(hidden)
        embedded = self.embedding(tokens)
        logits = []
        for word in embedded.unbind(1):
            query = self.query_of_word(word) + self.query_of_hidden(hidden)
            energy = self.energy(torch.tanh(self.keys(features.regions) + query.unsqueeze(1))).squeeze(-1)
            context = (energy.softmax(dim=1).unsqueeze(-1) * features.regions).sum(dim=1)
            context = torch.sigmoid(self.beta(hidden)) * context
            hidden, cell = self.cell(torch.cat([word, context], dim=1), (hidden, cell))
            logits.append(self.vocabulary(word + self.hidden_to_output(hidden) + self.context_to_output(context)))
        return torch.stack(logits, dim=1)


def make_decoders(dim: int, vocabulary_size: int = VOCABULARY, region_dim: int = REGION_DIM):
    """Ours and the loop, with equal weights."""
    torch.manual_seed(0)
    decoder = AttentionLSTMDecoder(
        vocabulary_size=vocabulary_size,
        image_dim=region_dim,
        region_dim=region_dim,
        embedding_dim=dim,
        hidden_dim=dim,
        attention_dim=dim,
    )
    return decoder, PerStepDecoder(decoder)


def make_batch(
    vocabulary_size: int = VOCABULARY, region_dim: int = REGION_DIM, captions: int = 1
) -> tuple[ImageFeatures, Tensor]:
    """Image features with a gradient, as from a fine-tuned encoder, and captions without padding, side by side."""
    images = max(1, BATCH_SIZE // captions)
    regions = torch.randn(images, REGIONS, region_dim)
    tokens = torch.randint(4, vocabulary_size, (images * captions, LENGTH + 1))
    return ImageFeatures(regions.mean(1), regions.requires_grad_()), tokens


def once_a_caption(features: ImageFeatures, rows: int) -> ImageFeatures:
    """The image of each caption, as a loader that repeats images gives them."""
    return ImageFeatures(*(repeat_rows(part, rows) for part in features))


def step(logits: Tensor, tokens: Tensor) -> Tensor:
    """The cross-entropy of the next words, and its gradient."""
    loss = F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
    loss.backward()
    return loss


def compare(dim: int, captions: int = 1) -> tuple[float, float, float]:
    """Median seconds of ours and of the loop, and the largest difference of their logits."""
    decoder, loop = make_decoders(dim)
    features, tokens = make_batch(captions=captions)
    inputs = tokens[:, :-1]
    ways = {
        "ours": lambda: decoder(features, inputs).logits,
        "loop": lambda: loop(once_a_caption(features, len(tokens)), inputs),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    with torch.no_grad():
        difference = (ways["ours"]() - ways["loop"]()).abs().max().item()
    for _ in range(WARMUP_ROUNDS + ROUNDS):
        for name, logits in ways.items():
            started = perf_counter()
            step(logits(), tokens)
            seconds[name].append(perf_counter() - started)
            decoder.zero_grad()
            loop.zero_grad()
            features.regions.grad = None
    ours, theirs = (median(times[WARMUP_ROUNDS:]) for times in seconds.values())
    return ours, theirs, difference


def _copy(to: nn.Linear, of: nn.Linear, rows: slice) -> None:
    to.weight.copy_(of.weight[rows])
    to.bias.copy_(of.bias[rows])


def main() -> None:
    print("## Attention decoder: forward and backward against the usual per-step loop\n")
    print(f"V = {VOCABULARY:,}, P = {REGIONS}, D = {REGION_DIM:,},", end=" ")
    print(
        f"{BATCH_SIZE} captions of {LENGTH} words, {torch.get_num_threads()} threads; medians of {ROUNDS} turns each.\n"
    )
    print("| E = H = A | captions an image | ours, ms | per-step loop, ms | ratio | largest difference of logits |")
    print("|---|---|---|---|---|---|")
    for dim, captions in product(DIMS, CAPTIONS):
        ours, theirs, difference = compare(dim, captions)
        row = f"| {dim} | {captions} | {1e3 * ours:.1f} | {1e3 * theirs:.1f} |"
        print(f"{row} **{theirs / ours:.2f}** | {difference:.0e} |")


if __name__ == "__main__":
    main()
