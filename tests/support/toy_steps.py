"""Tiny decoders for the laws of searches: probabilities that depend on everything said so far."""

from collections.abc import Iterator
from itertools import product

import torch

from diptych.types import BOS_ID, EOS_ID, PAD_ID

VOCABULARY, IMAGES, LENGTH = 6, 4, 4
WORDS = range(EOS_ID, VOCABULARY)


class HistoryModel:
    """Logits that depend on the whole history: the state is a number that every token changes, in two leaves.

    A search that gives a hypothesis the state of another one gives it wrong log-probabilities.
    """

    def __init__(self, seed: int, end_bias: float = 0.0, images: int = IMAGES) -> None:
        rng = torch.Generator().manual_seed(seed)
        self.table = 2 * torch.randn(97, VOCABULARY, generator=rng)
        self.table[:, EOS_ID] += end_bias
        self.start = (torch.arange(images), (torch.arange(images).unsqueeze(1) * torch.ones(1, 3),))
        self.rows_seen: list[int] = []

    def __call__(self, tokens, state):
        key, (shadow,) = state
        assert torch.equal(shadow, key.unsqueeze(1).expand(-1, 3).float())
        self.rows_seen.append(len(tokens))
        key = (31 * key + 7 * tokens + 11) % 97
        return self.table[key], (key, (key.unsqueeze(1).expand(-1, 3).float(),))

    def token_log_probs(self, image: int, caption: tuple[int, ...]) -> list[float]:
        state, token, found = tuple_of(self.start, image), BOS_ID, []
        for following in caption:
            logits, state = self(torch.tensor([token]), state)
            found.append(logits.log_softmax(-1)[0, following].item())
            token = following
        return found

    def log_prob(self, image: int, caption: tuple[int, ...]) -> float:
        return sum(self.token_log_probs(image, caption))


def tuple_of(state, image):
    """The state of one image alone."""
    key, (shadow,) = state
    return key[image : image + 1], (shadow[image : image + 1],)


def caption_of(row: torch.Tensor) -> tuple[int, ...]:
    return tuple(token for token in row.tolist() if token != PAD_ID)


def all_finished(max_length: int) -> Iterator[tuple[int, ...]]:
    """Every caption that ends within so many tokens."""
    plain = [word for word in WORDS if word != EOS_ID]
    return ((*words, EOS_ID) for n in range(max_length) for words in product(plain, repeat=n))
